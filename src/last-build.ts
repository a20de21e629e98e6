/**
 * What the running balancer serves, kept in the state folder while it runs: a start after a crash takes it, has its
 * workers back at once, and looks only then whether the functions' folder still gives the same. The worker program isn't
 * looked at again: its files are the package's own.
 */
import { BuildFile } from './build-file.ts';
import type { Logger } from './log.ts';
import { messageOf } from './message-of.ts';
import type { Prepared } from './preparation.ts';

/** Keeps it for a start after a crash. Where that can't be done, such a start builds anew. */
export function keep(stateDir: string, prepared: Prepared): void {
  const file = fileIn(stateDir);
  if (file.write(prepared) === undefined) file.remove();
}

/** @returns what a balancer that crashed has kept; undefined if there is none, or something it was made of has changed */
export function recall(stateDir: string, functionsDir: string): Prepared | undefined {
  const built = fileIn(stateDir).read(functionsDir);
  return built && { ...built, how: 'recalled' };
}

/**
 * After the start: what was built is kept. What was recalled is built again, and swapped for what comes of it if that is
 * something else. Never rejects.
 */
export async function confirm(
  stateDir: string,
  prepared: Prepared,
  pool: { reload(): Promise<unknown> } | undefined,
  log: Logger,
): Promise<void> {
  if (prepared.how !== 'recalled') {
    keep(stateDir, prepared);
    return;
  }
  try {
    await pool?.reload();
  } catch (error) {
    log.error(`the functions of before the crash stay in use: ${messageOf(error)}`);
  }
}

/** To be called at an orderly stop. */
export function forget(stateDir: string): void {
  fileIn(stateDir).remove();
}

function fileIn(stateDir: string): BuildFile {
  return new BuildFile(stateDir, 'last-build');
}
