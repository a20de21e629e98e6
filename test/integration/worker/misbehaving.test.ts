/** Functions that misbehave, in real slot processes: what they cost, and what they don't. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/balancer.ts';
import { WorkerRig, type Ended } from './rig.ts';

describe.skipIf(process.platform !== 'linux')('a worker', () => {
  let rig: WorkerRig;

  beforeEach(async () => {
    rig = new WorkerRig(undefined, { GREETING: 'hello' });
    await rig.open();
  });
  afterEach(() => rig.close());

  const SLOTS = 2;

  /** Calls that go on in the neighbour slot until the other has ended; every one must be right. */
  async function neighbours(during: Promise<Ended>): Promise<Ended> {
    let over = false;
    const ended = during.finally(() => (over = true));
    let calls = 0;
    while (!over) {
      expect(await rig.call('add', [calls, 1])).toMatchObject({ result: calls + 1 });
      calls += 1;
    }
    expect(calls).toBeGreaterThan(0);
    return await ended;
  }

  const allSlotsAreBack = (): Promise<void> =>
    until('all slots are back', () => rig.pool.slots.filter(({ usable }) => usable).length === SLOTS);

  it('answers calls, each slot in its turn', async () => {
    const worker = await rig.startReady({ slots: SLOTS });
    const pids = new Set<unknown>();
    for (let i = 0; i < 4; i += 1) {
      const { result } = await rig.call('look', [[]]);
      pids.add((result as { pid: number }).pid);
    }
    expect(pids.size).toBe(SLOTS);
    expect(await rig.call('add', [2, 3])).toEqual({ result: 5, worker: worker.id });
  });

  it('carries large params and results, also to a slot that doesn’t read for a while', async () => {
    await rig.startReady();
    const { result } = await rig.call('look', [[]]);
    const { pid } = result as { pid: number };
    process.kill(pid, 'SIGSTOP');
    const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(900_000));
    const calls = texts.map((text) => rig.call('naps', [0, text]));
    await new Promise((resolve) => setTimeout(resolve, 200));
    process.kill(pid, 'SIGCONT');
    expect((await Promise.all(calls)).map((ended) => ended.result)).toEqual(texts);
  });

  it.each([
    ['exits', 'exit', [3], 'exit code 3'],
    ['exits as if all were well', 'exit', [0], 'exit code 0'],
    [
      'kills itself',
      'kill',
      ['SIGKILL'],
      'killed by SIGKILL (out of memory? see SPILLWAY_WORKER_MEMORY and SPILLWAY_WORKER_SLOTS)',
    ],
    ['throws where nobody catches', 'throwLater', [], 'exit code 1'],
    ['rejects where nobody catches', 'rejectLater', [], 'exit code 1'],
    ['takes heap until there is none', 'hog', [], 'killed by SIGABRT, out of memory'],
  ])(
    'replaces a slot whose function %s, while its neighbour goes on',
    async (_case, name, params, reason) => {
      const worker = await rig.startReady({ slots: SLOTS });
      expect(await neighbours(rig.call(name, params))).toEqual({ error: 'WorkerLost' });
      await rig.until(`slot of w1: ${reason}`);
      await allSlotsAreBack();
      expect(rig.events).toEqual(['ready w1', `slot of w1: ${reason}`]);
      expect(worker.process.exitCode).toBeNull();
      expect(await Promise.all([1, 2, 3].map((n) => rig.call('add', [n, n])))).toMatchObject([
        { result: 2 },
        { result: 4 },
        { result: 6 },
      ]);
    },
  );

  it.each([['loop'], ['block'], ['never']])(
    'ends %s at its deadline, while its neighbour goes on',
    async (name) => {
      await rig.startReady({ slots: SLOTS });
      const startedAt = performance.now();
      expect(await neighbours(rig.call(name, [], 400))).toEqual({ error: 'Timeout' });
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(400);
      await rig.until('slot of w1: ended at the deadline of its call');
      await allSlotsAreBack();
      expect(rig.events.filter((event) => event.startsWith('lost'))).toEqual([]);
    },
  );

  it('lets the others in a slot finish beside a call that is over its time but not stuck', async () => {
    await rig.startReady();
    const [late, inTime] = [rig.call('naps', [60_000], 300), rig.call('naps', [1500, 'done'])];
    expect(await late).toEqual({ error: 'Timeout' });
    expect(await inTime).toEqual({ result: 'done', worker: 'w1' });
    await rig.until('slot of w1: ended at the deadline of its call');
  });

  it('ends a slot that is stuck, and runs the others in it again', async () => {
    await rig.startReady();
    const inTime = rig.call('naps', [1000, 'done'], 60_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // Another function of the same concurrency: it shares the slot, and keeps its event loop.
    expect(await rig.call('loops', [], 300)).toEqual({ error: 'Timeout' });
    expect(await inTime).toEqual({ result: 'done', worker: 'w1' });
    expect(rig.events).toContain('slot of w1: ended at the deadline of its call');
  });

  it('loses itself, and no other, to a function that kills it', async () => {
    const [first, second] = [await rig.startReady(), await rig.startReady()];
    expect(await rig.call('murder')).toEqual({ error: 'WorkerLost' });
    // The call may be told before its worker is.
    const [dead, alive] = (await rig.until('lost w')).startsWith('lost w1')
      ? [first, second]
      : [second, first];
    expect(await dead.exited).toBe('SIGKILL');
    expect(await rig.call('add', [1, 1])).toEqual({ result: 2, worker: alive.id });
  });

  it.each([
    ['answers calls that it wasn’t given', 'forge', [1, 500]],
    ['sends garbage', 'garbage', []],
  ])('leaves with a function that %s, and no other client notices', async (_case, name, params) => {
    await rig.startReady({ slots: 2 });
    await rig.startReady({ slots: 2 });
    const others = Array.from({ length: 3 }, (_, i) => rig.call('nap', [300, i]));
    expect(await rig.call(name, params)).toEqual({ error: 'WorkerLost' });
    expect((await Promise.all(others)).map(({ result }) => result)).toEqual([0, 1, 2]);
    expect(rig.events.filter((event) => event.startsWith('lost'))).toHaveLength(1);
  });

  it('outlives a function that cuts its own connections', async () => {
    await rig.startReady();
    expect(await rig.call('hangUp')).toEqual({ error: 'WorkerLost' });
    expect(await rig.call('add', [1, 1])).toEqual({ result: 2, worker: 'w1' });
  });

  it('hears nothing on a slot’s link once that has loaded its bundle', async () => {
    await rig.startReady();
    expect(await rig.call('lieOnLink')).toMatchObject({ result: 'said' });
    await rig.call('exit', [1]);
    // The next one would load the poisoned cache, and the worker would have left for its other manifest.
    expect(await rig.call('add', [1, 1])).toEqual({ result: 2, worker: 'w1' });
    expect(rig.events.filter((event) => event.startsWith('lost'))).toEqual([]);
  });

  it('shows a function its own variables and folder, and nothing else', async () => {
    const worker = await rig.startReady();
    const tmp = rig.tmpOf(worker.id);
    const { result } = await rig.call('look', [
      [
        '/etc/passwd',
        `/proc/${worker.process.pid}/environ`,
        '/proc/self/environ',
        join(rig.folder, 'main.js'),
      ],
    ]);
    const seen = result as Record<string, unknown> & { env: Record<string, string>; ppid: number };
    expect(seen.ppid).toBe(worker.process.pid);
    expect(seen.env).toEqual({ GREETING: 'hello', TMPDIR: expect.stringContaining(tmp) as unknown });
    expect(seen['files']).toEqual(Array(4).fill('ERR_ACCESS_DENIED'));
    expect(seen['folders']).toEqual(Array(3).fill('ERR_ACCESS_DENIED'));
    expect(seen['write']).toBe('ERR_ACCESS_DENIED');
  });

  it('lets a function start nothing', async () => {
    await rig.startReady();
    for (const how of ['fork', 'spawn', 'thread']) {
      expect(await rig.call('start', [how])).toMatchObject({ result: 'ERR_ACCESS_DENIED' });
    }
    expect(await rig.call('start', ['addon'])).toMatchObject({ result: 'ERR_DLOPEN_DISABLED' });
  });

  it('wipes a slot’s folder with it, and nothing survives into the next', async () => {
    await rig.startReady();
    const { result: folder } = await rig.call('remember', ['a secret']);
    expect(existsSync(String(folder))).toBe(true);
    await rig.call('exit', [0]);
    const { result } = await rig.call('recall');
    const [kept, files, next] = result as [unknown, unknown, string];
    expect([kept, files]).toEqual([null, []]);
    expect(next).not.toBe(folder);
    expect(existsSync(String(folder))).toBe(false);
  });
});
