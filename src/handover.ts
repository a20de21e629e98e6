/**
 * What the rehearsal of a restart has built, left in the state folder for the new version, so that no client waits while
 * the same is built again. The new version learns the file's digest from the process it replaces, and takes nothing else.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import type { Prepared } from './preparation.ts';
import { unchanged, type Stamps } from './stamps.ts';

/** The file's name in the state folder. */
const NAME = 'handover';

/** Where it is, and the SHA-256 of what is in it, in hex. */
export interface Handover {
  readonly file: string;
  readonly digest: string;
}

/**
 * Leaves what was built for the new version, which is the next to start on this state folder.
 * @returns undefined if that can't be done: then it builds anew
 */
export function leave(stateDir: string, { bundle, program, folder, stamps }: Prepared): Handover | undefined {
  if (stamps === undefined) return undefined;
  const file = join(resolve(stateDir), NAME);
  const text = JSON.stringify({ bundle, program, folder, stamps });
  const draft = `${file}.${process.pid}.new`;
  try {
    // A folder that isn't there, or is open to others, is the new version's to make or to close.
    if (!isPrivate(lstatSync(resolve(stateDir)))) return undefined;
    rmSync(draft, { force: true });
    writeFileSync(draft, text, { mode: 0o600, flag: 'wx' });
    renameSync(draft, file);
  } catch {
    return undefined;
  }
  return { file, digest: digestOf(text) };
}

/**
 * Takes what the rehearsal left, and removes it.
 * @returns undefined if it isn't what was left, or no longer what the files would give now
 */
export function take(stateDir: string, digest: string, functionsDir: string): Prepared | undefined {
  const file = join(resolve(stateDir), NAME);
  try {
    const text = readPrivate(file);
    rmSync(file, { force: true });
    if (text === undefined || digestOf(text) !== digest) return undefined;
    const left = JSON.parse(text) as Omit<Prepared, 'stamps' | 'how'> & { stamps: Stamps };
    if (realpathSync(resolve(functionsDir)) !== left.folder || !unchanged(left.stamps)) return undefined;
    return { ...left, how: 'took over' };
  } catch {
    return undefined;
  }
}

/** Removes what a restart left that came to nothing. The caller holds the state folder's lock. */
export function clear(stateDir: string): void {
  rmSync(join(stateDir, NAME), { force: true });
}

function readPrivate(file: string): string | undefined {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const found = fstatSync(descriptor);
    return found.isFile() && isPrivate(found) ? readFileSync(descriptor, 'utf8') : undefined;
  } finally {
    closeSync(descriptor);
  }
}

function isPrivate({ uid, mode }: { uid: number; mode: number }): boolean {
  return uid === process.geteuid?.() && (mode & 0o077) === 0;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
