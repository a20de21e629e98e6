/** Which files of the functions folder are functions. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FunctionsFault, pathShower } from './fault.ts';
import type { ShowPath } from './fault.ts';
import { METHOD_NAME } from './manifest.ts';

/** One function's file. */
export interface SourceFile {
  /** The function's name, which is the method. */
  readonly name: string;
  /** The file's name inside the folder. */
  readonly file: string;
}

/** A functions folder, looked through. */
export interface SourceFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Sorted by name; what can be built. */
  readonly sources: readonly SourceFile[];
  /** What can't, and why. */
  readonly faults: readonly string[];
  readonly show: ShowPath;
}

const SOURCE = /^(?<name>.+)\.[cm]?[jt]s$/;
/** Dot-files, what starts with `_` (shared code), type declarations and tests. */
const SKIPPED = /^[._]|\.d\.[cm]?ts$|\.test\.[cm]?[jt]s$/;

/**
 * Looks through a functions folder.
 * @throws FunctionsFault if there is no such folder, or no function in it.
 */
export async function findSources(folder: string): Promise<SourceFolder> {
  const path = await realFolder(folder);
  const show = pathShower(folder, path);
  const byName = new Map<string, string>();
  const faults: string[] = [];
  // Sorted, so that the bundle doesn't depend on the order the file system keeps.
  for (const file of (await readdir(path)).toSorted()) {
    const name = SOURCE.exec(file)?.groups?.['name'];
    if (name === undefined || SKIPPED.test(file)) continue;
    const shown = show(join(path, file));
    // Not by the directory entry's type: a mounted file may be a symbolic link.
    const kind = await stat(join(path, file)).catch(() => undefined);
    if (kind === undefined) faults.push(`${shown}: is a link to nothing`);
    if (kind?.isFile() !== true) continue;
    const other = byName.get(name);
    if (!METHOD_NAME.test(name)) faults.push(`${shown}: ${JSON.stringify(name)} ${BAD_NAME}`);
    else if (other !== undefined) faults.push(`${shown}: ${other} has the same name; rename one of them`);
    else byName.set(name, file);
  }
  if (byName.size === 0 && faults.length === 0) throw new FunctionsFault(folder, [NO_FUNCTION]);
  const sources = [...byName].map(([name, file]) => ({ name, file }));
  sources.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { path, sources, faults, show };
}

const BAD_NAME =
  "can't be a method; use letters, digits, _, - and . (at most 128), beginning with a letter, and not with rpc. " +
  '(a file that is no function may begin with _)';
const NO_FUNCTION = 'there is no function in it; add a file such as hello.ts with a default export';

async function realFolder(folder: string): Promise<string> {
  try {
    const path = await realpath(folder);
    if ((await stat(path)).isDirectory()) return path;
  } catch (thrown) {
    throw new FunctionsFault(folder, [
      `it can't be read (${codeOf(thrown)}); SPILLWAY_FUNCTIONS names the folder`,
    ]);
  }
  throw new FunctionsFault(folder, ['it is not a folder; SPILLWAY_FUNCTIONS names the folder']);
}

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? String(thrown);
}
