/** The daemon and its cloud, on an AWS that nobody here wrote. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home, until, type Answer, type Balancer } from '../../support/balancer.ts';
import { cloudEnv } from '../../support/cloud-env.ts';
import { findMiniStack, startMiniStack, type MiniStack } from '../../support/ministack.ts';
import { startRecordingProxy, type RecordingProxy } from '../../support/recording-proxy.ts';

const found = findMiniStack('the daemon on an emulated AWS');
const FORCED = { 'spillway-backend': 'cloud' };
/** Enough for one call at its worst case, and not for another beside it. */
const ONE_CALL_USD = '0.0018';

describe.skipIf(found.missing !== undefined)('on an emulated AWS', () => {
  let aws: MiniStack;
  let proxy: RecordingProxy;
  let home: Home;
  let balancer: Balancer;

  beforeAll(async () => {
    aws = await startMiniStack(found.missing === undefined ? found.program : '', 2);
    proxy = await startRecordingProxy(aws.url);
    home = new Home();
  });
  afterAll(async () => {
    await home.rm({ docker: false });
    await proxy.stop();
    await aws.stop();
  });

  const start = async (env: Record<string, string> = {}): Promise<void> => {
    balancer = await home.start({ ...cloudEnv(home, proxy.url), ...env });
  };
  const cloudReady = (): Promise<void> =>
    until('the cloud is ready', () => balancer.lines('cloud: ready at').length > 0, 50_000);
  const backendOf = ({ headers }: Answer): string | null => headers.get('spillway-backend');

  it('serves from the pool while the cloud is being deployed', async () => {
    // Nothing can be deployed before all this has been looked at.
    aws.freeze(true);
    await start();
    const answer = await balancer.call('add', [2, 3]);
    expect([answer.result, backendOf(answer)]).toEqual([5, 'pool']);
    expect(balancer.lines('cloud: ready at')).toEqual([]);
    expect((await balancer.call('add', [2, 3], FORCED)).error).toMatchObject({
      code: -32004,
      data: { reason: 'deploying', mayHaveRun: false },
    });
    aws.freeze(false);
    await cloudReady();
    expect(balancer.lines('cloud: 1/').length).toBe(1);
    expect(balancer.lines('create function')).toHaveLength(1);
  });

  it('a burst beyond the pool is answered partly by the deployed zip', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => balancer.call('naptime', [400, { index }])),
    );
    expect(answers.map(({ result }) => result)).toEqual(answers.map((_, index) => ({ index })));
    const places = answers.map(backendOf);
    expect(new Set(places)).toEqual(new Set(['pool', 'cloud']));
    for (const { headers } of answers) {
      expect(headers.get('server-timing')).toMatch(/^queue;dur=[\d.]+, run;dur=[\d.]+$/);
      expect(headers.get('spillway-worker') !== null).toBe(headers.get('spillway-backend') === 'pool');
    }
  });

  it('a client may force the place, and is told what it cost', async () => {
    const cloud = await balancer.call('add', [20, 22], FORCED);
    expect([cloud.result, backendOf(cloud)]).toEqual([42, 'cloud']);
    expect(Number(cloud.headers.get('spillway-cost-usd'))).toBeGreaterThan(0);
    expect(Number(cloud.headers.get('spillway-billed-ms'))).toBeGreaterThan(0);
    const pool = await balancer.call('add', [20, 22], { 'spillway-backend': 'pool' });
    expect([pool.result, backendOf(pool)]).toEqual([42, 'pool']);
    expect(pool.headers.get('spillway-cost-usd')).toBeNull();
  });

  it('a function’s error is the client’s, wherever it ran', async () => {
    const there = await balancer.call('add', ['one', 2], FORCED);
    const here = await balancer.call('add', ['one', 2]);
    expect([backendOf(there), backendOf(here)]).toEqual(['cloud', 'pool']);
    expect(there.error).toEqual(here.error);
    expect(there.error).toMatchObject({ code: -32602 });
  });

  it('predictive says what it expected of both places', async () => {
    expect(await balancer.kill('SIGTERM')).toBe(0);
    await start({ SPILLWAY_OFFLOAD: 'predictive' });
    await cloudReady();
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, index) => balancer.call('naptime', [400, { index }])),
    );
    expect(answers.map(({ result }) => result)).toEqual(answers.map((_, index) => ({ index })));
    const offloaded = answers.filter((answer) => backendOf(answer) === 'cloud');
    expect(offloaded.length).toBeGreaterThan(0);
    const placements = offloaded.map(({ headers }) => headers.get('spillway-placement'));
    expect(placements).toContainEqual(expect.stringMatching(/^[a-z ]+; local=[\d.]+; cloud=[\d.]+$/));
  });

  it('a stop waits for calls in the cloud, and a second boot writes nothing', async () => {
    const last = balancer.call('naptime', [800, 'last'], FORCED);
    // The stop turns new calls away: this one must have come before.
    await until('it was sent', async () => (await balancer.call('add', [1, 1], FORCED)).result === 2);
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect((await last).result).toBe('last');
    proxy.writes.length = 0;
    await start();
    await cloudReady();
    expect(proxy.writes).toEqual([]);
    expect((await balancer.call('add', [1, 2], FORCED)).result).toBe(3);
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });

  it('kill -9 keeps what a call in flight may cost, and so the budget holds across a restart', async () => {
    // A ledger of its own: what was spent before doesn't count.
    const env = {
      SPILLWAY_CLOUD_BUDGET_USD: ONE_CALL_USD,
      SPILLWAY_STATE: join(home.dir, 'spent'),
      SPILLWAY_LOG_LEVEL: 'debug',
    };
    await start(env);
    await cloudReady();
    const lost = balancer.call('naptime', [5000, 1], FORCED).catch(() => undefined);
    const spent = { error: { code: -32004, data: { reason: 'budget spent' } } };
    // It isn't sent before the ledger has it; a second call that came first would take the money away from it.
    await until('it was sent', () => balancer.lines('"msg":"sent to the cloud"').length > 0);
    expect(await balancer.call('add', [1, 1], FORCED)).toMatchObject(spent);
    await balancer.kill('SIGKILL');
    await lost;
    await start(env);
    await cloudReady();
    expect(balancer.lines('the end of 1 calls of the last run')).toHaveLength(1);
    expect(await balancer.call('add', [1, 1], FORCED)).toMatchObject(spent);
    // Whatever can't leave is served here.
    const calls = Array.from({ length: 4 }, (_, index) => balancer.call('naptime', [150, index]));
    expect((await Promise.all(calls)).map(backendOf)).toEqual(['pool', 'pool', 'pool', 'pool']);
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });
});
