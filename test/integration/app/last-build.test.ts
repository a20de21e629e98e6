/** What a crash leaves for the next start, and what becomes of it when it is no longer what the folder gives. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keep } from '../../../src/last-build.ts';
import { prepare } from '../../../src/preparation.ts';
import { Home, until, type Balancer } from '../../support/balancer.ts';

let home: Home;
let functions: string;
let env: Record<string, string>;

beforeEach(() => {
  home = new Home();
  functions = join(home.dir, 'functions');
  mkdirSync(functions);
  write(1);
  env = { SPILLWAY_RUNTIME: 'process', SPILLWAY_WORKERS: '2', SPILLWAY_FUNCTIONS: functions };
});
afterEach(async () => {
  await home.rm({ docker: false });
});

function write(value: number): void {
  writeFileSync(join(functions, 'value.ts'), `export default (): number => ${value};\n`);
}

/** A balancer that has kept what it serves. Files that were only just written would not be trusted. */
async function crashed(): Promise<void> {
  await sleep(50);
  const balancer = await home.start(env);
  await until('it has kept its build', () => existsSync(kept()));
  await balancer.kill('SIGKILL');
}

const stateDir = (): string => join(home.dir, 'state');
const kept = (): string => join(stateDir(), 'last-build');

/** Whether it began to serve what the crashed one had built. */
function recalled(balancer: Balancer): boolean {
  return balancer.lines('recalled 1 functions').length === 1 && balancer.lines('"bundled ').length === 0;
}

it('serves where what it built cannot be kept', async () => {
  await sleep(50);
  // Nothing can be renamed onto a folder that isn't empty, nor that be removed as a file.
  mkdirSync(join(stateDir(), 'last-build/x'), { recursive: true, mode: 0o700 });
  const balancer = await home.start(env);
  expect((await balancer.call('value')).result).toBe(1);
  expect(await balancer.kill('SIGTERM')).toBe(0);
});

describe('after a crash', () => {
  it('the next start serves with the same build and the same workers, and an orderly stop leaves nothing', async () => {
    await crashed();
    expect(statSync(kept()).mode & 0o777).toBe(0o600);
    const balancer = await home.start(env);
    expect(recalled(balancer)).toBe(true);
    expect(balancer.lines('2 running workers taken over')).toHaveLength(1);
    expect((await balancer.call('value')).result).toBe(1);
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect(existsSync(kept())).toBe(false);
  });

  it('a function that was changed meanwhile is bundled first', async () => {
    await crashed();
    write(2);
    const balancer = await home.start(env);
    expect(recalled(balancer)).toBe(false);
    expect((await balancer.call('value')).result).toBe(2);
  });

  it('a function that was broken meanwhile ends the start, as ever', async () => {
    await crashed();
    writeFileSync(join(functions, 'value.ts'), 'export default (: number => 1;\n');
    const balancer = home.launch(env);
    expect(await balancer.exited).toBe(64);
    expect(balancer.output).toContain('value.ts:1');
  });

  it('a change that the files do not show is found once calls are served', async () => {
    const old = await prepare(functions);
    await crashed();
    write(2);
    await sleep(50);
    const { stamps } = await prepare(functions);
    keep(stateDir(), { ...old, stamps });
    const balancer = await home.start(env);
    expect(recalled(balancer)).toBe(true);
    await until('the new one answers', async () => (await balancer.call('value')).result === 2, 30_000);
    const hash = (await prepare(functions)).bundle.hash;
    await until('it is kept', () => readFileSync(kept(), 'utf8').includes(hash), 30_000);
    await balancer.kill('SIGKILL');
    const next = await home.start(env);
    expect(recalled(next)).toBe(true);
    expect((await next.call('value')).result).toBe(2);
  });

  it.each<[string, (text: string) => string]>([
    ['cut off', (text) => text.slice(0, -100)],
    ['empty', () => ''],
    ['of another content', (text) => text.replace('value', 'other')],
    [
      "another program's",
      (text) => {
        const other = text.slice(64).replace('"by":"1 ', '"by":"1 /elsewhere');
        return createHash('sha256').update(other).digest('hex') + other;
      },
    ],
  ])('a file that is %s is not used', async (_what, spoil) => {
    await crashed();
    writeFileSync(kept(), spoil(readFileSync(kept(), 'utf8')));
    const balancer = await home.start(env);
    expect(recalled(balancer)).toBe(false);
    expect((await balancer.call('value')).result).toBe(1);
  });
});
