/**
 * What a start has built, in a file of the state folder, for another start. It is taken only by the same user, by the same
 * program, whole, and while everything it was made of is unchanged.
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
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Prepared } from './preparation.ts';
import { unchanged, type Stamps } from './stamps.ts';

/** Changes with what is in the file. */
const FORMAT = 1;
/** Characters of a SHA-256 in hex. */
const DIGEST_LENGTH = 64;

type Content = Omit<Prepared, 'stamps' | 'how'> & { readonly by: string; readonly stamps: Stamps };

/** One such file. */
export class BuildFile {
  readonly path: string;
  readonly #draft: string;

  /** `name` is the file's in the state folder, `draft` that of one which isn't whole yet: who may write at the same time needs another. */
  constructor(stateDir: string, name: string, draft = `${name}.new`) {
    this.path = join(resolve(stateDir), name);
    this.#draft = join(resolve(stateDir), draft);
  }

  /**
   * Replaces the file.
   * @returns the SHA-256 of what is in it, in hex; undefined if that can't be done
   */
  write({ bundle, program, folder, stamps }: Prepared): string | undefined {
    if (stamps === undefined) return undefined;
    const text = JSON.stringify({ by: thisProgram(), bundle, program, folder, stamps });
    const digest = digestOf(text);
    try {
      // A folder that isn't there, or is open to others, is a start's to make or to close.
      if (!isPrivate(lstatSync(join(this.path, '..')))) return undefined;
      rmQuietly(this.#draft);
      writeFileSync(this.#draft, digest + text, { mode: 0o600, flag: 'wx' });
      renameSync(this.#draft, this.path);
    } catch {
      rmQuietly(this.#draft);
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
      const { by, ...built } = JSON.parse(text) as Content;
      if (by !== thisProgram() || realpathSync(resolve(functionsDir)) !== built.folder) return undefined;
      return unchanged(built.stamps) ? built : undefined;
    } catch {
      return undefined;
    }
  }

  /** Removes it, if it is there and can be removed: one that stays is still looked at before it is taken. */
  remove(): void {
    rmQuietly(this.path);
  }
}

/** Which program builds: another one, or one that lies elsewhere, would make another bundle or another worker of the same files. */
function thisProgram(): string {
  const root = realpathSync(join(import.meta.dirname, '..'));
  const { version } = createRequire(import.meta.url)('esbuild/package.json') as { version: string };
  return [FORMAT, root, version].join(' ');
}

function rmQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // On a disk that can't be written, say.
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
