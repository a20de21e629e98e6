/** The daemon from the outside, on both runtimes: calls, and functions that misbehave. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home, until, type Answer, type Balancer } from '../../support/balancer.ts';
import { findEngine } from '../../contract/docker-engine.ts';

const WORKERS = 2;

function suite(runtime: 'docker' | 'process'): void {
  const home = new Home();
  let balancer: Balancer;

  beforeAll(async () => {
    balancer = await home.start({ SPILLWAY_RUNTIME: runtime, SPILLWAY_WORKERS: String(WORKERS) });
  });
  afterAll(async () => {
    await balancer.kill('SIGTERM');
    await home.rm({ docker: runtime === 'docker' });
  });

  /** Calls that go on while something else happens; every one must be right. */
  async function neighbours(during: Promise<Answer>): Promise<Answer> {
    let over = false;
    const answer = during.finally(() => (over = true));
    let calls = 0;
    while (!over) {
      expect((await balancer.call('add', [calls, 1])).result).toBe(calls + 1);
      calls += 1;
    }
    // Held up, one or two would get through; how many more there are is up to the machine.
    expect(calls).toBeGreaterThan(2);
    return await answer;
  }

  it('says where a call ran and how long it took', async () => {
    const answer = await balancer.call('add', [2, 3]);
    expect(answer.result).toBe(5);
    expect(answer.headers.get('spillway-backend')).toBe('pool');
    expect(answer.headers.get('spillway-worker')).toMatch(/^w[0-9a-f]{8}$/);
    expect(answer.headers.get('server-timing')).toMatch(/^queue;dur=[\d.]+, run;dur=[\d.]+$/);
  });

  it('serves both workers in turn', async () => {
    const seen = new Set<string | null>();
    for (let i = 0; i < 4; i += 1)
      seen.add((await balancer.call('add', [1, 1])).headers.get('spillway-worker'));
    expect(seen.size).toBeGreaterThanOrEqual(WORKERS);
  });

  it.each(['runaway', 'block'])('ends %s at its deadline while its neighbours go on', async (method) => {
    const startedAt = performance.now();
    const answer = await neighbours(balancer.call(method));
    expect(answer.error).toMatchObject({ code: -32002, data: { timeoutMs: 700, mayHaveRun: true } });
    // The deadline, and not the end of the work, which is many seconds away.
    expect(performance.now() - startedAt).toBeLessThan(5000);
    await until('both slots are back', async () => await bothAnswer(balancer));
  });

  it('ends a slot that runs out of heap, not its worker', async () => {
    const before = balancer.lines('worker lost').length;
    const answer = await neighbours(balancer.call('hog'));
    expect(answer.error).toMatchObject({ code: -32003, data: { mayHaveRun: true } });
    await until('both slots are back', async () => await bothAnswer(balancer));
    expect(balancer.lines('worker lost')).toHaveLength(before);
    expect(balancer.lines('out of memory').length).toBeGreaterThan(0);
  });

  it.each(['leave', 'later'])('answers %s with WorkerLost and replaces the slot', async (method) => {
    const answer = await balancer.call(method);
    expect(answer.error).toMatchObject({ code: -32003, data: { mayHaveRun: true } });
    await until('both slots are back', async () => await bothAnswer(balancer));
  });

  it('lets a function start no process', async () => {
    const answer = await balancer.call('spawn');
    expect(answer.error?.code).toBe(-32000);
    expect(answer.error?.message).toMatch(/restricted/);
  });

  it('shows a function neither files nor the environment of its worker', async () => {
    const { result } = await balancer.call('peek');
    expect(result).toEqual({
      env: ['TMPDIR'],
      passwd: 'ERR_ACCESS_DENIED',
      root: 'ERR_ACCESS_DENIED',
      parent: 'ERR_ACCESS_DENIED',
      argv: [],
    });
  });

  it('ejects a worker that answers calls it was not given, and no other client notices', async () => {
    const [forged, ...others] = await Promise.all([
      balancer.call('forge'),
      ...Array.from({ length: 20 }, (_, i) => balancer.call('naptime', [20, i])),
    ]);
    expect(forged.error?.code).toBe(-32003);
    expect(others.map((answer) => answer.result)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await until('both workers are back', async () => await bothAnswer(balancer));
  });
}

/** True once calls are answered by as many workers as there should be. */
async function bothAnswer(balancer: Balancer): Promise<boolean> {
  const answers = await Promise.all(Array.from({ length: 8 }, () => balancer.call('naptime', [30, 1])));
  // Under load the pool may have grown.
  return new Set(answers.map((answer) => answer.headers.get('spillway-worker'))).size >= WORKERS;
}

describe('as processes', () => {
  suite('process');
});

const engine = await findEngine('calls on worker containers');

describe.skipIf(engine.missing !== undefined)('as containers', () => {
  suite('docker');
});
