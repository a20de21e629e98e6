import { symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildBundle } from '../../../src/functions/bundle.ts';
import { FunctionsFault, pathShower } from '../../../src/functions/fault.ts';
import { folderOf, keepEsbuild } from './folder.ts';

keepEsbuild();

const GOOD = 'export default () => 1;';

/** The faults of a folder with these files, which are named relative to it. */
async function faultsOf(files: Record<string, string>): Promise<string[]> {
  const folder = await folderOf(files);
  return (await faultOf(folder)).faults.map((text) => text.replaceAll(`${folder}/`, ''));
}

async function faultOf(folder: string): Promise<FunctionsFault> {
  const thrown: unknown = await buildBundle(folder).catch((error: unknown) => error);
  if (!(thrown instanceof FunctionsFault)) throw new Error('no FunctionsFault', { cause: thrown });
  return thrown;
}

describe('a folder that can not be served', () => {
  it('is not there', async () => {
    const missing = join(await folderOf({}), 'missing');
    expect((await faultOf(missing)).message).toBe(
      `The functions in ${missing} can't be served:\n  it can't be read (ENOENT); SPILLWAY_FUNCTIONS names the folder`,
    );
  });

  it('is a file', async () => {
    const file = join(await folderOf({ 'a.ts': GOOD }), 'a.ts');
    expect((await faultOf(file)).message).toContain('it is not a folder');
  });

  it('has no function in it', async () => {
    expect(await faultsOf({ 'README.md': '', '_shared.ts': '' })).toEqual([
      'there is no function in it; add a file such as hello.ts with a default export',
    ]);
  });
});

describe('a file that can not be served', () => {
  it.each(['rpc.discover', '1st', 'has space', 'ümlaut', 'x'.repeat(129)])('is named %j', async (name) => {
    const [fault, ...others] = await faultsOf({ [`${name}.ts`]: GOOD, 'good.ts': GOOD });
    expect(fault).toMatch(`${name}.ts: "${name}" can't be a method`);
    expect(others).toEqual([]);
  });

  it('has the name of another', async () => {
    expect(await faultsOf({ 'a.ts': GOOD, 'a.js': GOOD })).toEqual([
      'a.ts: a.js has the same name; rename one of them',
    ]);
  });

  it('is a link to nothing', async () => {
    const folder = await folderOf({ 'a.ts': GOOD });
    await symlink('gone.ts', join(folder, 'b.ts'));
    expect((await faultOf(folder)).faults).toEqual([`${folder}/b.ts: is a link to nothing`]);
  });

  it('does not compile', async () => {
    expect(await faultsOf({ 'a.ts': '\nexport default function (a {' })).toEqual([
      'a.ts:2:28: Expected ")" but found "{"',
    ]);
  });

  it.each([
    ['exports something else', 'export const a = 1;'],
    ['is empty', ''],
    ['exports nothing', 'console.log(1);'],
    ['exports a type only', 'export default interface A {}'],
  ])('%s', async (_what, text) => {
    expect(await faultsOf({ 'my-fn.ts': text })).toEqual([
      'my-fn.ts:1: no default export; write "export default function my_fn(…) {…}"',
    ]);
  });

  it('imports a package that is not there', async () => {
    const text =
      "import a from 'absent/deep';\nimport b from '@scope/absent/deep';\nexport default () => [a, b];";
    expect(await faultsOf({ 'a.ts': text })).toEqual([
      'a.ts:1:15: Could not resolve "absent/deep"; run "npm install absent" in the functions folder or above it',
      'a.ts:2:15: Could not resolve "@scope/absent/deep"; run "npm install @scope/absent" in the functions folder or above it',
    ]);
  });

  it('imports a file that is not there', async () => {
    const [fault] = await faultsOf({ 'a.ts': "import a from './absent.ts';\nexport default () => a;" });
    expect(fault).toBe('a.ts:1:15: Could not resolve "./absent.ts"; there is no such file');
  });

  it('awaits outside of its function', async () => {
    const [fault] = await faultsOf({ 'a.ts': `const a = await 1;\n${GOOD}` });
    expect(fault).toBe('a.ts:1:11: await outside of a function; move it into the function');
  });

  it('is told together with every other, each once', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`bad${i}.ts`, 'export default (']),
    );
    const faults = await faultsOf({ ...files, 'rpc.a.ts': GOOD, 'none.ts': 'export {};', 'good.ts': GOOD });
    expect(faults).toHaveLength(22);
  });
});

describe('a native addon', () => {
  const NATIVE = "a native addon, which can't be bundled; use a package in JavaScript or WebAssembly instead";
  const addon = (main: string, manifest = '{ "main": "i.js" }') => ({
    'node_modules/addon/package.json': manifest,
    'node_modules/addon/i.js': main,
  });
  const user = "import * as z from 'zod';\nimport addon from 'addon';\nexport default () => [addon, z];";

  it('is refused where a function imports it', async () => {
    const files = { 'a.ts': "import a from './a.node';\nexport default () => a;", 'a.node': '' };
    expect(await faultsOf(files)).toEqual([`a.ts:1:15: imports "./a.node", ${NATIVE}`]);
  });

  it.each([
    ['a .node file', "module.exports = require('./build/Release/addon.node');"],
    ['bindings', "module.exports = require('bindings')('addon');"],
    ['node-gyp-build', "module.exports = require('node-gyp-build')(__dirname);"],
    ['node-pre-gyp', "module.exports = require('@mapbox/node-pre-gyp').find('x');"],
    ['two of them', "require('bindings')('a'); require('./b.node');"],
  ])('is refused at the function whose package loads it by %s', async (_how, main) => {
    expect(await faultsOf({ 'a.ts': user, ...addon(main) })).toEqual([`a.ts:2: imports "addon", ${NATIVE}`]);
  });

  it.each(['{ "main": "i.js", "gypfile": true }', '{ "main": "i.js", "binary": { "napi_versions": [9] } }'])(
    'is refused if the package only says so itself: %s',
    async (manifest) => {
      const hidden = addon("module.exports = require(['./build', '.node'].join(''));", manifest);
      expect(await faultsOf({ 'a.ts': user, ...hidden })).toEqual([`a.ts:2: imports "addon", ${NATIVE}`]);
    },
  );

  it('is found behind another package and a shared file', async () => {
    const faults = await faultsOf({
      'a.ts': "import './_shared.ts';\nexport default () => 1;",
      '_shared.ts': "import 'between';",
      'node_modules/between/index.js': "require('addon')",
      ...addon("module.exports = require('bindings')('addon');"),
    });
    expect(faults).toEqual([`_shared.ts:1: imports "between", ${NATIVE}`]);
  });

  it('is told even if another file does not compile', async () => {
    const faults = await faultsOf({ 'a.ts': user, 'b.ts': '(', ...addon("require('bindings')('x');") });
    expect(faults).toEqual([
      'b.ts:1:2: Unexpected end of file',
      `node_modules/addon/i.js:1:9: imports "bindings", ${NATIVE}`,
    ]);
  });

  it('is no matter in a package that could use one, but works without it being installed', async () => {
    const optional = "try { require('absent-addon') } catch {}\nmodule.exports = 1;";
    const folder = await folderOf({ 'a.ts': user, ...addon(optional) });
    expect((await buildBundle(folder)).functions).toEqual(['a']);
  });
});

describe('a place', () => {
  it('is named relative to the working directory inside of it, else as the folder was given', () => {
    const shown = (cwd: string, folder: string) => pathShower(folder, '/srv/app/fn', cwd)('/srv/app/fn/a.ts');
    expect(shown('/srv/app', 'fn')).toBe('fn/a.ts');
    expect(shown('/srv/app', '/srv/app/fn')).toBe('fn/a.ts');
    expect(shown('/srv/app/fn', '.')).toBe('a.ts');
    expect(shown('/srv/other', '../app/fn')).toBe('../app/fn/a.ts');
    expect(shown('/srv/other', '/linked')).toBe('/linked/a.ts');
    expect(pathShower('fn', '/srv/app/fn', '/srv/x')('/usr/lib/node_modules/p/i.js')).toBe(
      '/usr/lib/node_modules/p/i.js',
    );
  });

  it('is named as the folder was given when the folder is given relative to the working directory', async () => {
    const folder = relative(process.cwd(), await folderOf({ 'a.ts': '(' }));
    expect((await faultOf(folder)).faults[0]).toMatch(`${folder}/a.ts:1:2: `);
  });
});
