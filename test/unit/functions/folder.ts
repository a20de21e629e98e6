/** Folders of functions that are gone after the test. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { withEsbuild } from '../../../src/esbuild.ts';

const made: string[] = [];

afterEach(async () => {
  await Promise.all(made.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
});

/** Makes a folder outside of the repository with the given files, by their path in it. */
export async function folderOf(files: Record<string, string>): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'spillway-functions-')));
  made.push(folder);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

/** Keeps esbuild's process for all tests of a file: starting it takes most of the time of a small build. */
export function keepEsbuild(): void {
  const finished = Promise.withResolvers<undefined>();
  let stopped: Promise<unknown>;
  beforeAll(() => {
    stopped = withEsbuild(() => finished.promise);
  });
  afterAll(async () => {
    finished.resolve(undefined);
    await stopped;
  });
}
