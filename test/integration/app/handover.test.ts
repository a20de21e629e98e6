/** What a restart's rehearsal leaves for the new version, and when that is not to be trusted. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leave, take, type Handover } from '../../../src/handover.ts';
import { prepare, type Prepared } from '../../../src/preparation.ts';
import { stampsOf } from '../../../src/stamps.ts';

const ROOT = join(import.meta.dirname, '../../..');
const INPUTS = [
  'functions/sum.ts',
  'functions/_lib/index.ts',
  'functions/node_modules/dep/main.js',
  'shared/three.ts',
];

let home: string;
let state: string;
let functions: string;
let prepared: Prepared;
let left: Handover;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'spw-'));
  state = join(home, 'state');
  functions = join(home, 'functions');
  mkdirSync(state, { mode: 0o700 });
  write('functions/node_modules/dep/package.json', '{"name":"dep","version":"1.0.0","main":"./main.js"}');
  write('functions/node_modules/dep/main.js', 'exports.one = 1;');
  write('functions/_lib/index.ts', 'export const two = 2;');
  write('shared/three.ts', 'export const three = 3;');
  write(
    'functions/sum.ts',
    `import { one } from 'dep'; import { two } from './_lib'; import { three } from '../shared/three';
     export default () => one + two + three;`,
  );
  prepared = {
    bundle: { hash: 'b', code: 'code', functions: ['sum'] },
    program: { version: 'v', main: 'main', slot: 'slot', dockerfile: 'FROM x' },
    how: 'bundled',
    folder: functions,
    stamps: stampsOf(
      INPUTS.map((input) => join(home, input)),
      functions,
      // As if the files had been there for a while.
      Date.now() + 60_000,
    ),
  };
  left = leave(state, prepared)!;
  // File systems may count time in ticks: what is changed within the one it was written in, by as much, looks as before.
  const begun = writtenAt();
  while (writtenAt() === begun);
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

function write(path: string, text: string): void {
  mkdirSync(join(home, path, '..'), { recursive: true });
  writeFileSync(join(home, path), text);
}

/** The file system's time of now. */
function writtenAt(): bigint {
  write('state/clock', '');
  return statSync(join(state, 'clock'), { bigint: true }).ctimeNs;
}

const taken = (): Prepared | undefined => take(state, left.digest, functions);

describe('what the rehearsal left', () => {
  it('is taken as it was built, once', () => {
    expect(taken()).toEqual({ ...prepared, how: 'took over' });
    expect(existsSync(left.file)).toBe(false);
    expect(taken()).toBe(undefined);
  });

  it('is for its owner only', () => {
    expect(statSync(left.file).mode & 0o777).toBe(0o600);
  });

  it.each<[string, () => void]>([
    [
      'has another digest',
      () => (left = { ...left, digest: left.digest.replace(/^./, (d) => (d === '0' ? '1' : '0')) }),
    ],
    ['was written to', () => writeFileSync(left.file, `${readFileSync(left.file, 'utf8')} `)],
    ['is open to others', () => chmodSync(left.file, 0o640)],
    [
      'is a link',
      () => {
        renameSync(left.file, join(home, 'elsewhere'));
        symlinkSync(join(home, 'elsewhere'), left.file);
      },
    ],
  ])('is not taken if it %s', (_what, spoil) => {
    spoil();
    expect(taken()).toBe(undefined);
  });

  it.each<[string, () => void]>([
    ['a function was changed', () => write('functions/sum.ts', 'export default () => 0;')],
    [
      'a function was changed, and its length and time are the same',
      () => {
        const file = join(functions, '_lib/index.ts');
        const { atime, mtime } = statSync(file);
        writeFileSync(file, 'export const two = 3;');
        utimesSync(file, atime, mtime);
      },
    ],
    ['a function was added', () => write('functions/more.ts', 'export default () => 1;')],
    ['a function was removed', () => rmSync(join(functions, 'sum.ts'))],
    ['a file outside was changed', () => write('shared/three.ts', 'export const three = 4;')],
    ['a file comes before another', () => write('shared/three.tsx', 'export const three = 4;')],
    ['a file comes before a folder', () => write('functions/_lib.ts', 'export const two = 4;')],
    ['a package was changed', () => write('functions/node_modules/dep/main.js', 'exports.one = 2;')],
    [
      'a package leads elsewhere',
      () =>
        write(
          'functions/node_modules/dep/package.json',
          '{"name":"dep","version":"1.0.0","main":"./other.js"}',
        ),
    ],
    ['a package was added', () => write('functions/node_modules/zod/index.js', 'exports.z = 1;')],
    ['a package was added nearer by', () => write('functions/_lib/node_modules/dep/index.js', '')],
    ['a package was added further up', () => write('node_modules/dep/index.js', '')],
    [
      'the folder is another one',
      () => {
        renameSync(functions, join(home, 'before'));
        symlinkSync(join(home, 'before'), functions);
      },
    ],
  ])('is not taken if %s', (_what, change) => {
    change();
    expect(taken()).toBe(undefined);
    expect(existsSync(left.file)).toBe(false);
  });

  it('goes by all that was built, and is not left where a file was only just written', async () => {
    const { stamps } = await prepare(join(ROOT, 'test/fixtures/functions'));
    const among = [
      'test/fixtures/functions/add.ts',
      'handler/invoke.ts',
      'worker/slot.ts',
      'worker/Dockerfile',
    ];
    expect(Object.keys(stamps!)).toEqual(expect.arrayContaining(among.map((file) => join(ROOT, file))));
    const preparing = prepare(functions);
    write('shared/three.ts', 'export const three = 4;');
    expect(leave(state, await preparing)).toBe(undefined);
  });

  it('is not left where others could put something in its place', () => {
    chmodSync(state, 0o755);
    expect(leave(state, prepared)).toBe(undefined);
    expect(leave(join(home, 'missing'), prepared)).toBe(undefined);
    expect(existsSync(join(home, 'missing'))).toBe(false);
  });
});
