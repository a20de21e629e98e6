/** The admin API of a real daemon: what an operator asks for is what becomes of the pool, the functions and the cloud. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Status } from '../../../src/admin/operations.ts';
import { Home, until, type Balancer } from '../../support/balancer.ts';
import { cloudEnv } from '../../support/cloud-env.ts';
import { findMiniStack, startMiniStack, type MiniStack } from '../../support/ministack.ts';

const TOKEN = 'a-token-for-tests-0123456789';
const CLOUD_READY_MS = 60_000;
const found = findMiniStack('what an operator does with the cloud of a daemon');

interface RpcAnswer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

let home: Home;
let balancer: Balancer;

async function start(env: Record<string, string>): Promise<void> {
  home = new Home();
  const functions = join(home.dir, 'functions');
  mkdirSync(functions);
  write('version', "export const spec = { idempotent: true };\nexport default () => 'one';");
  write('wait', 'export default (ms: number) => new Promise((resolve) => setTimeout(resolve, ms, ms));');
  write('greeting', 'export default () => process.env.GREETING;');
  writeFileSync(join(home.dir, 'variables'), 'GREETING=hello\n');
  write('trace', 'export default (context: { traceparent?: string }) => context.traceparent;');
  balancer = await home.start({
    SPILLWAY_RUNTIME: 'process',
    SPILLWAY_WORKERS: '1',
    SPILLWAY_FUNCTIONS: functions,
    SPILLWAY_FUNCTION_ENV: join(home.dir, 'variables'),
    SPILLWAY_ADMIN_TOKEN: TOKEN,
    ...env,
  });
}

function write(name: string, text: string): void {
  writeFileSync(join(home.dir, 'functions', `${name}.ts`), `${text}\n`);
}

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const base = String(balancer.lines('admin page opened').at(-1)?.['adminUrl']);
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  return await fetch(`${base}${path}`, { ...init, headers });
}

async function rpc(method: string, params: object = {}): Promise<RpcAnswer> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  return (await (await send('/rpc', { method: 'POST', body })).json()) as RpcAnswer;
}

/** Lets a stopped worker go on, unless it was given up and killed meanwhile. */
function goOn(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const status = async (): Promise<Status> => (await rpc('status')).result as Status;
const ready = async (): Promise<string[]> =>
  (await status()).pool.workers.filter(({ state }) => state === 'ready').map(({ id }) => id);

describe('workers and functions', () => {
  beforeAll(() => start({ SPILLWAY_STANDBYS: '0' }));
  afterAll(() => home.rm({ docker: false }));

  it('status tells the limits, and the last scaling decision with its reason', async () => {
    await until('it has decided', async () => (await status()).pool.scaling !== undefined);
    const { pool } = await status();
    expect(pool).toMatchObject({ n: 1, min: 1, max: 2, ready: 1, slots: 1, runtime: 'process' });
    expect(pool.scaling).toMatchObject({ target: 1, reason: expect.any(String) as string });
    expect(Math.abs(Date.now() - (pool.scaling?.at ?? 0))).toBeLessThan(60_000);
  });

  it('status tells what workers use, once it is asked again', async () => {
    // As it was seen: figures that have become old are told no more.
    let usage: { cpu?: number; memoryMb?: number } | undefined;
    await until('it is known', async () => {
      usage = (await status()).pool.workers[0];
      return usage?.cpu !== undefined;
    });
    const { cpu = NaN, memoryMb = NaN } = usage ?? {};
    expect(cpu).toBeGreaterThanOrEqual(0);
    expect(cpu).toBeLessThan(64);
    expect(memoryMb).toBeGreaterThan(5);
    expect(memoryMb).toBeLessThan(1000);
  });

  it('pool.resize changes N, both ways', async () => {
    expect(await rpc('pool.resize', { workers: 2 })).toMatchObject({ result: { ok: true } });
    expect((await status()).pool).toMatchObject({ n: 2, min: 2, max: 4 });
    await until('there are two', async () => (await ready()).length === 2);
    await rpc('pool.resize', { workers: 1 });
    expect((await status()).pool).toMatchObject({ n: 1, min: 1, max: 2 });
    expect((await rpc('pool.resize', { workers: 0 })).error?.code).toBe(-32602);
  });

  it('workers.drain lets a call end, and another worker takes its place first', async () => {
    await rpc('pool.resize', { workers: 2 });
    await until('there are two', async () => (await ready()).length === 2);
    const call = balancer.call('wait', [1500]);
    let busy: string | undefined;
    await until('it runs', async () => {
      busy = (await status()).pool.workers.find(({ running }) => running > 0)?.id;
      return busy !== undefined;
    });
    expect((await rpc('workers.drain', { id: busy })).error).toBeUndefined();
    const drained = (await status()).pool.workers.find(({ id }) => id === busy);
    expect(drained === undefined || drained.state === 'draining').toBe(true);
    expect((await call).result).toBe(1500);
    await until('it has gone', async () => !(await status()).pool.workers.some(({ id }) => id === busy));
    expect(await ready()).toHaveLength(2);
    expect((await rpc('workers.drain', { id: 'none' })).error?.message).toBe('there is no worker "none"');
  });

  it('functions.reload brings in what the folder has now, and refuses what can’t be used', async () => {
    const { hash, changed } = (await rpc('functions.reload')).result as { hash: string; changed: boolean };
    expect(changed).toBe(false);
    write('version', "export const spec = { idempotent: true };\nexport default () => 'two';");
    write('added', 'export default () => 3;');
    const again = (await rpc('functions.reload')).result as { hash: string };
    expect(again).toMatchObject({
      changed: true,
      functions: ['added', 'greeting', 'trace', 'version', 'wait'],
    });
    expect(again.hash).not.toBe(hash);
    expect((await balancer.call('version')).result).toBe('two');
    expect((await balancer.call('greeting')).result).toBe('hello');
    expect((await status()).functions).toEqual(['added', 'greeting', 'trace', 'version', 'wait']);
    writeFileSync(join(home.dir, 'variables'), 'GREETING=hi\n');
    expect((await rpc('functions.reload')).result).toMatchObject({ changed: true, hash: again.hash });
    expect((await balancer.call('greeting')).result).toBe('hi');
    write('version', 'export default () => 1 +;');
    expect((await rpc('functions.reload')).error?.message).toMatch(/version\.ts:1/);
    expect((await balancer.call('version')).result).toBe('two');
  });

  it('offload.set holds from the next call on, and refuses what it doesn’t know', async () => {
    expect((await rpc('offload.set', { policy: 'never' })).error).toBeUndefined();
    expect((await status()).offload).toEqual({ policy: 'never', waitMs: 50 });
    await rpc('offload.set', { policy: 'threshold', waitMs: 20 });
    expect((await status()).offload).toEqual({ policy: 'threshold', waitMs: 20 });
    const { error } = await rpc('offload.set', { policy: 'sometimes' });
    expect(error?.message).toBe('the policy must be one of threshold, predictive, never, always');
    expect((await status()).offload.policy).toBe('threshold');
  });

  it('the cloud is off, and says so to whoever wants it', async () => {
    expect((await rpc('cloud.status')).result).toMatchObject({ state: 'off', reason: 'off', calls: 0 });
    for (const method of ['cloud.deploy', 'cloud.destroy'])
      expect((await rpc(method)).error?.message).toBe('the cloud is off (SPILLWAY_CLOUD)');
  });

  it('the metrics tell what workers went through', async () => {
    const events = async (): Promise<string> => {
      const text = await (await send('/metrics')).text();
      return text
        .split('\n')
        .filter((line) => line.startsWith('spillway_worker_events_total'))
        .join('\n');
    };
    const [victim] = (await status()).pool.workers;
    process.kill(victim?.pid ?? NaN, 'SIGKILL');
    await until('it was replaced', async () => (await events()).includes('event="restart"'));
    // Whichever is noticed first.
    expect(await events()).toMatch(
      /event="restart",reason="(its process ended|the connection was closed)"\} 1/,
    );
    // The last one that is ready isn't ejected, only given up.
    let other: string | undefined;
    await until('there are two again', async () => {
      const now = await ready();
      other = now[0];
      return now.length === 2;
    });
    const { pid } = (await status()).pool.workers.find(({ id }) => id === other) ?? {};
    process.kill(pid ?? NaN, 'SIGSTOP');
    try {
      await until('it was ejected', async () => (await events()).includes('event="ejected",reason="silent"'));
    } finally {
      goOn(pid ?? NaN);
    }
  });
});

describe('restart', () => {
  beforeAll(() => start({}));
  afterAll(() => home.rm({ docker: false }));

  it('goes on as the same process with the same workers', async () => {
    const [before] = await ready();
    expect((await rpc('restart')).error).toBeUndefined();
    await until('it is back', () => balancer.lines('"msg":"ready').length === 2, CLOUD_READY_MS);
    expect(await ready()).toEqual([before]);
    expect(balancer.process.exitCode).toBeNull();
  });
});

describe.skipIf(found.missing !== undefined)('the cloud', () => {
  let aws: MiniStack;
  beforeAll(async () => {
    aws = await startMiniStack(found.missing === undefined ? found.program : '', 2);
    await start({ ...cloudEnv(home, aws.url), SPILLWAY_OFFLOAD: 'never' });
  });
  afterAll(async () => {
    await home.rm({ docker: false });
    await aws.stop();
  });

  const cloud = async (): Promise<Status['cloud']> => (await rpc('cloud.status')).result as Status['cloud'];

  it('is seen, used as the policy says, and taken down', { timeout: 3 * CLOUD_READY_MS }, async () => {
    await until('it is ready', async () => (await cloud()).state === 'ready', CLOUD_READY_MS);
    const { url, functionName, reason, ...rest } = await cloud();
    expect([typeof url, typeof functionName, reason]).toEqual(['string', 'string', undefined]);
    expect(rest).toMatchObject({ calls: 0, inFlight: 0, budgetUsd: 1 });

    expect((await balancer.call('version')).headers.get('spillway-backend')).toBe('pool');
    await rpc('offload.set', { policy: 'always' });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const away = await balancer.call('trace', [], { traceparent });
    expect([away.result, away.headers.get('spillway-backend')]).toEqual([traceparent, 'cloud']);
    expect(away.headers.get('spillway-call')).toMatch(/^\d+$/);
    expect((await cloud()).calls).toBe(1);
    expect((await cloud()).costTodayUsd).toBeGreaterThan(0);

    const planned = (await rpc('cloud.deploy', { dryRun: true })).result as { steps: string[] };
    expect(planned.steps).toEqual([]);
    const gone = (await rpc('cloud.destroy')).result as { removed: string[]; left: string[] };
    expect(gone.removed.length).toBeGreaterThan(1);
    expect(gone.left).toEqual([]);
    expect((await cloud()).state).not.toBe('ready');
    expect((await balancer.call('version')).headers.get('spillway-backend')).toBe('pool');
  });
});
