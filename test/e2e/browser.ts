/** A real Chromium without a window. Debian has one: `apt-get install chromium`. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The program, or why there is none. */
export type FoundChromium =
  | { readonly program: string; readonly missing?: undefined }
  | { readonly program?: undefined; readonly missing: string };

/** Looks for Chromium. Without it tests are to be skipped, which is said on stderr; with CI=true that is an error. */
export function findChromium(what: string): FoundChromium {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const program = NAMES.map((name) => join(folder, name)).find(isProgram);
    if (program !== undefined) return { program };
  }
  const missing = `no Chromium is on the PATH (${NAMES.join(', ')})`;
  if (process.env['CI'] === 'true') throw new Error(`${what} must not be skipped with CI=true: ${missing}`);
  process.stderr.write(`skipped: ${what}: ${missing}\n`);
  return { missing };
}

/** Starts it; the caller closes it, and with it goes its profile's folder. */
export function launchChromium(program: string): Promise<Browser> {
  return chromium.launch({
    executablePath: program,
    // Its sandbox refuses to run as root, as CI does. It only ever opens pages of this project.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
