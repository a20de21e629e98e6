/** The bundling of the worker program, on the real one and on small ones. */

import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildProgram, VERSION_PATTERN } from '../../../src/runtime/program.ts';

const ROOT = join(import.meta.dirname, '../../..');

describe('buildProgram', () => {
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'spillway-program-'));
  });

  afterEach(() => rm(home, { recursive: true, force: true }));

  async function write(project: string, changes: Record<string, string> = {}): Promise<string> {
    const files = {
      'worker/main.ts': `import { hello } from '../src/hello.ts';\nconsole.log(hello as string, import.meta.dirname);\n`,
      'worker/slot.ts': `import { hello } from '../src/hello.ts';\nconst text: string = hello;\nconsole.log(text);\n`,
      'worker/Dockerfile': 'FROM scratch\n',
      'src/hello.ts': `export const hello: string = 'hello';\n`,
      ...changes,
    };
    for (const folder of ['worker', 'src']) await mkdir(join(home, project, folder), { recursive: true });
    for (const [path, text] of Object.entries(files)) await writeFile(join(home, project, path), text);
    return join(home, project, 'worker');
  }

  it('makes two files without imports, types, or the place where they were made', async () => {
    const { program } = await buildProgram();
    expect(program.version).toMatch(VERSION_PATTERN);
    for (const text of [program.main, program.slot]) {
      expect(text).not.toContain(ROOT);
      expect(text).not.toMatch(/^import /m);
      expect(text).not.toMatch(/require\("\.{1,2}\//);
      expect(text.length).toBeLessThan(1_000_000);
    }
  });

  it('is the same wherever the project lies, and another when anything in it changes', async () => {
    const { program: one } = await buildProgram(await write('one'));
    expect((await buildProgram(await write('two'))).program).toEqual(one);

    const versions = new Set([one.version]);
    const changes = {
      'src/hello.ts': `export const hello: string = 'good bye';\n`,
      'worker/slot.ts': `console.log('slot');\n`,
      'worker/Dockerfile': 'FROM other\n',
    };
    for (const [path, text] of Object.entries(changes)) {
      versions.add((await buildProgram(await write('three', { [path]: text }))).program.version);
    }
    expect(versions.size).toBe(4);
    expect(one.main).toContain('console.log(hello, __dirname)');
  });

  it('is the same on the real sources, copied elsewhere', async () => {
    for (const part of ['package.json', 'worker', 'src']) {
      await cp(join(ROOT, part), join(home, part), { recursive: true });
    }
    expect((await buildProgram(join(home, 'worker'))).program.version).toBe(
      (await buildProgram()).program.version,
    );
  });

  it('names the file and the line of an error', async () => {
    const folder = await write('broken', { 'worker/slot.ts': `const fine = 1;\nconst = 2;\n` });
    await expect(buildProgram(folder)).rejects.toThrow(
      /slot\.ts\) can't be bundled:[^]*worker\/slot\.ts:2:6/,
    );
  });

  it('refuses what would silently be undefined in the bundle', async () => {
    const folder = await write('url', { 'worker/slot.ts': `console.log(import.meta.url);\n` });
    await expect(buildProgram(folder)).rejects.toThrow(/import\.meta/);
  });
});
