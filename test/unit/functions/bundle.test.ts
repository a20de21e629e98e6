import { createHash } from 'node:crypto';
import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { buildBundle } from '../../../src/functions/bundle.ts';
import { parseManifest } from '../../../src/functions/manifest.ts';
import { folderOf, keepEsbuild } from './folder.ts';
import { evaluate, lazyContext } from './run-bundle.ts';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const EXAMPLES = join(REPOSITORY, 'handler/functions');
keepEsbuild();

const HELLO = "export default (name: string) => 'hello ' + name;";

describe('buildBundle', () => {
  it('takes every kind of source file as a function, and skips what is none', async () => {
    const folder = await folderOf({
      'ts.ts': HELLO,
      'mts.mts': HELLO,
      'cts.cts': 'export = () => 1;',
      'js.js': 'export default () => 1;',
      'mjs.mjs': 'export default () => 1;',
      'cjs.cjs': 'module.exports = () => 1;',
      'math.add-two_3.ts': HELLO,
      'types.d.ts': 'export {};',
      'types.d.mts': 'export {};',
      'hello.test.ts': 'export {};',
      'hello.test.js': 'export {};',
      '_shared.ts': 'export {};',
      '.hidden.ts': 'export {};',
      'notes.md': '# notes',
      'data.json': '{}',
      'folder.ts/inner.ts': 'export {};',
      'nested/deep.ts': 'syntax error',
    });
    const { functions } = await buildBundle(folder);
    expect(functions).toEqual(['cjs', 'cts', 'js', 'math.add-two_3', 'mjs', 'mts', 'ts']);
  });

  it('gives code that serves every function, whatever module system it was written in', async () => {
    const folder = await folderOf({
      'esm.ts': "import { twice } from './_twice.ts'; export default (n: number): number => twice(n);",
      '_twice.ts': 'export const twice = (n: number): number => 2 * n;',
      'commonjs.cjs':
        "module.exports = (n) => n + require('./data.json').one; module.exports.spec = { summary: 's' };",
      'data.json': '{ "one": 1 }',
      'default.cjs': 'exports.default = (n) => n;',
      'assigned.cts': 'const three = (): number => 3; export = three;',
    });
    const bundle = evaluate((await buildBundle(folder)).code);
    const results = ['esm', 'commonjs', 'default', 'assigned'].map((name) =>
      bundle.invoke(name, '[5]', lazyContext()),
    );
    expect(results).toEqual(['10', '6', '5', '3'].map((json) => ({ ok: true, json })));
    expect(parseManifest(bundle.manifestJson()).get('commonjs')?.summary).toBe('s');
  });

  it('lets import() have what require() has', async () => {
    const folder = await folderOf({
      'builtin.ts': "export default async () => (await import('node:path')).basename('/a/b');",
      'named.ts': 'export default async (name: string) => Object.keys(await import(name)).length > 0;',
      'own.ts': "export default async () => (await import('./_own.ts')).one;",
      '_own.ts': 'export const one = 1;',
    });
    const bundle = evaluate((await buildBundle(folder)).code);
    const run = async (name: string, params = '[]'): Promise<unknown> =>
      await bundle.invoke(name, params, lazyContext());
    expect(await run('builtin')).toEqual({ ok: true, json: '"b"' });
    expect(await run('named', '["node:os"]')).toEqual({ ok: true, json: 'true' });
    expect(await run('named', '["nope"]')).toMatchObject({ ok: false, kind: 'FunctionError' });
    expect(await run('own')).toEqual({ ok: true, json: '1' });
  });

  it('hashes the code it gives', async () => {
    const bundle = await buildBundle(await folderOf({ 'hello.ts': HELLO }));
    expect(bundle.hash).toBe(createHash('sha256').update(bundle.code, 'utf8').digest('hex'));
  });

  it('lets a function use zod from a folder that has no node_modules', async () => {
    const spec = "import { z } from 'zod'; export const spec = { params: z.tuple([z.int().max(3)]) };";
    const folder = await folderOf({ 'small.ts': `${spec} export default (n: number) => n;` });
    const bundle = evaluate((await buildBundle(folder)).code);
    expect(bundle.invoke('small', '[3]', lazyContext())).toEqual({ ok: true, json: '3' });
    expect(bundle.invoke('small', '[4]', lazyContext())).toMatchObject({ ok: false, kind: 'InvalidParams' });
  });

  it('takes a package of the functions folder before one of ours', async () => {
    const folder = await folderOf({
      'version.ts': "import { version } from 'zod'; export default () => version;",
      'node_modules/zod/index.js': "exports.version = 'their own';",
    });
    const bundle = evaluate((await buildBundle(folder)).code);
    expect(bundle.invoke('version', undefined, lazyContext())).toEqual({ ok: true, json: '"their own"' });
  });

  it('keeps the names of error classes, which a client sees', async () => {
    const source = `class TooOldError extends Error { override name = this.constructor.name }
      export default () => { throw new TooOldError('too old') };`;
    const bundle = evaluate((await buildBundle(await folderOf({ 'age.ts': source }))).code);
    expect(bundle.invoke('age', undefined, lazyContext())).toMatchObject({ name: 'TooOldError' });
  });

  it('gives a place in the code the same path everywhere', async () => {
    const places = 'export default () => [__dirname, __filename, import.meta.url, import.meta.dirname]';
    const bundle = evaluate((await buildBundle(await folderOf({ 'place.ts': places }))).code);
    const expected = JSON.stringify(['/', '/bundle.cjs', 'file:///bundle.cjs', '/']);
    expect(bundle.invoke('place', undefined, lazyContext())).toEqual({ ok: true, json: expected });
  });

  it('follows symbolic links, as mounted configuration has them', async () => {
    const target = await folderOf({ 'original.ts': HELLO });
    const folder = await folderOf({});
    await symlink(join(target, 'original.ts'), join(folder, 'linked.ts'));
    expect((await buildBundle(folder)).functions).toEqual(['linked']);
  });
});

describe('the hash', () => {
  const files = {
    'index.ts': "import './_lib/index.ts'; import c from './_lib/common.cjs'; export default () => c;",
    '_lib/index.ts': 'export default class {}; export const index = 1;',
    '_lib/common.cjs': 'module.exports = require("./other.cjs");',
    '_lib/other.cjs': 'exports.x = 1;',
    'zod.ts':
      "import * as z from 'zod'; export const spec = { params: z.tuple([]) }; export default async () => 1;",
  };

  it('is the same for the same sources in another folder', async () => {
    const bundles = await Promise.all(
      [folderOf(files), folderOf(files)].map(async (folder) => buildBundle(await folder)),
    );
    expect(bundles[0]?.hash).toBe(bundles[1]?.hash);
  });

  it('is the same under another tsconfig.json', async () => {
    const nested = Object.fromEntries(Object.entries(files).map(([path, text]) => [`f/${path}`, text]));
    const config = '{ "compilerOptions": { "strict": true, "verbatimModuleSyntax": true, "target": "ES5" } }';
    const plain = await buildBundle(join(await folderOf(nested), 'f'));
    const configured = await buildBundle(join(await folderOf({ ...nested, 'tsconfig.json': config }), 'f'));
    expect(configured.hash).toBe(plain.hash);
  });

  it('changes with any function', async () => {
    const before = await buildBundle(await folderOf(files));
    const after = await buildBundle(await folderOf({ ...files, 'index.ts': 'export default () => 2;' }));
    expect(after.hash).not.toBe(before.hash);
  });

  it('is the same for the examples and a copy of them elsewhere, and no path of this machine is in the code', async () => {
    const copy = await folderOf({});
    await cp(EXAMPLES, copy, { recursive: true });
    const [examples, copied] = [await buildBundle(EXAMPLES), await buildBundle(copy)];
    expect(copied.hash).toBe(examples.hash);
    for (const path of [REPOSITORY, copy, 'node_modules', 'handler/functions'])
      expect(examples.code).not.toContain(path);
  });
});
