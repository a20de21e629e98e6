/** A real Chromium without a window. Debian has one: `apt-get install chromium`. */
import { chromium, type Browser } from 'playwright-core';
import { findProgram, type FoundProgram } from '../support/find-program.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Looks for Chromium; see findProgram. */
export function findChromium(what: string): FoundProgram {
  return findProgram(NAMES, what);
}

/** Starts it; the caller closes it, and with it goes its profile's folder. */
export function launchChromium(program: string): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    // Its sandbox refuses to run as root, as CI does. It only ever opens pages of this project.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}
