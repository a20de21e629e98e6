/**
 * Whether files that were built into something a moment ago are still the same, and whether their imports still lead to
 * them. Good for seconds: it trusts the system's clock, and that nobody prepares a file system to deceive. Who trusts it after days
 * looks again afterwards (last-build.ts).
 */
import { readdirSync, statSync, type BigIntStats } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';

/** By path; empty for what isn't there. */
export type Stamps = Readonly<Record<string, string>>;

/** A change this short before a build may have the same time as one during it, in milliseconds: file systems count in ticks. */
const TICK_MS = 20;
/** Of a file outside the folder and all packages, so many folders above it are looked at for what might come before it. */
const OUTSIDE_FOLDERS = 2;

/**
 * Stamps of these files (absolute, without symbolic links), and of everything by which the imports between them were
 * resolved. `folder` is the one whose own files are imported by relative paths.
 * @returns undefined if any of it has changed since `since` (milliseconds since the epoch), when the build began: then
 * nobody knows what the build has read
 */
export function stampsOf(files: readonly string[], folder: string, since: number): Stamps | undefined {
  const paths = new Set<string>();
  const seen = new Set<string>();
  for (const file of files) {
    paths.add(file);
    // What is searched depends on the file's folder only.
    if (seen.has(dirname(file))) continue;
    seen.add(dirname(file));
    for (const path of searched(file, folder)) paths.add(path);
  }
  const stamps: Record<string, string> = {};
  for (const path of paths) {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (found !== undefined && Number(found.ctimeMs) > since - TICK_MS) return undefined;
    stamps[path] = textOf(found);
  }
  return stamps;
}

/** Whether all of it is as it was. */
export function unchanged(stamps: Stamps): boolean {
  return Object.entries(stamps).every(([path, stamp]) => stampOf(path) === stamp);
}

/** Where another file might come up that an import would find first. */
function* searched(file: string, folder: string): Generator<string> {
  const inFolder = !relative(folder, file).startsWith('..');
  let home = false;
  let above = 0;
  for (let dir = dirname(file); ; dir = dirname(dir)) {
    above += 1;
    // A folder's stamp changes with the names in it.
    if (!home) yield dir;
    home ||= inFolder
      ? dir === folder
      : file.includes(`${sep}node_modules${sep}`)
        ? basename(dir) === 'node_modules'
        : above >= OUTSIDE_FOLDERS;
    yield join(dir, 'package.json');
    const packages = join(dir, 'node_modules');
    yield packages;
    for (const name of namesIn(packages)) if (name.startsWith('@')) yield join(packages, name);
    if (dir === dirname(dir)) return;
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function stampOf(path: string): string {
  try {
    return textOf(statSync(path, { bigint: true, throwIfNoEntry: false }));
  } catch {
    // Not to be looked at any more, which is a change too.
    return 'unreadable';
  }
}

function textOf(found: BigIntStats | undefined): string {
  if (found === undefined) return '';
  const { dev, ino, size, mtimeNs, ctimeNs } = found;
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
