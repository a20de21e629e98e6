/**
 * What a start has built, in a file of the state folder, for a start that comes soon. It is taken only by the same user,
 * whole, and while everything it was made of is unchanged.
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

/** Changes with what is in the file: another version of this program may have left it. */
const FORMAT = 1;
/** Characters of a SHA-256 in hex. */
const DIGEST_LENGTH = 64;

type Content = Omit<Prepared, 'stamps' | 'how'> & { readonly format: number; readonly stamps: Stamps };

/** One such file. */
export class BuildFile {
  readonly path: string;

  /** `name` is the file's in the state folder. */
  constructor(stateDir: string, name: string) {
    this.path = join(resolve(stateDir), name);
  }

  /**
   * Replaces the file.
   * @returns the SHA-256 of what is in it, in hex; undefined if that can't be done
   */
  write({ bundle, program, folder, stamps }: Prepared): string | undefined {
    if (stamps === undefined) return undefined;
    const text = JSON.stringify({ format: FORMAT, bundle, program, folder, stamps });
    const digest = digestOf(text);
    const draft = `${this.path}.${process.pid}.new`;
    try {
      // A folder that isn't there, or is open to others, is a start's to make or to close.
      if (!isPrivate(lstatSync(join(this.path, '..')))) return undefined;
      rmSync(draft, { force: true });
      writeFileSync(draft, digest + text, { mode: 0o600, flag: 'wx' });
      renameSync(draft, this.path);
    } catch {
      rmSync(draft, { force: true });
      return undefined;
    }
    return digest;
  }

  /**
   * Reads it. With `digest`, only if that is what it was written with.
   * @returns undefined if it isn't what was written, or no longer what the files would give now
   */
  read(functionsDir: string, digest?: string): Omit<Prepared, 'how'> | undefined {
    try {
      const content = readPrivate(this.path);
      const [written, text] = [content?.slice(0, DIGEST_LENGTH), content?.slice(DIGEST_LENGTH) ?? ''];
      if (written !== digestOf(text) || (digest !== undefined && digest !== written)) return undefined;
      const { format, ...built } = JSON.parse(text) as Content;
      if (format !== FORMAT || realpathSync(resolve(functionsDir)) !== built.folder) return undefined;
      return unchanged(built.stamps) ? built : undefined;
    } catch {
      return undefined;
    }
  }

  /** Removes it, if it is there. */
  remove(): void {
    rmSync(this.path, { force: true });
  }
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
