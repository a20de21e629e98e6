/**
 * What the rehearsal of a restart has built, left in the state folder for the new version, so that no client waits while
 * the same is built again. The new version learns the file's digest from the process it replaces, and takes nothing else.
 */
import { BuildFile } from './build-file.ts';
import type { Prepared } from './preparation.ts';

/** Where it is, and the SHA-256 of what is in it, in hex. */
export interface Handover {
  readonly file: string;
  readonly digest: string;
}

/**
 * Leaves what was built for the new version, which is the next to start on this state folder.
 * @returns undefined if that can't be done: then it builds anew
 */
export function leave(stateDir: string, prepared: Prepared): Handover | undefined {
  const file = fileIn(stateDir);
  const digest = file.write(prepared);
  return digest === undefined ? undefined : { file: file.path, digest };
}

/**
 * Takes what the rehearsal left, and removes it.
 * @returns undefined if it isn't what was left, or no longer what the files would give now
 */
export function take(stateDir: string, digest: string, functionsDir: string): Prepared | undefined {
  const file = fileIn(stateDir);
  const built = file.read(functionsDir, digest);
  file.remove();
  return built && { ...built, how: 'took over' };
}

/** Removes what a restart left that came to nothing. The caller holds the state folder's lock. */
export function clear(stateDir: string): void {
  fileIn(stateDir).remove();
}

function fileIn(stateDir: string): BuildFile {
  // The rehearsal doesn't hold the state folder's lock.
  return new BuildFile(stateDir, 'handover', `handover.${process.pid}.new`);
}
