import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ACT_LIMIT_MS,
  AT_ONCE_GAP_MS,
  Autoscaler,
  TICK_MS,
  type ScaledPool,
  type ScalingReport,
} from '../../../src/scaling/autoscaler.ts';
import type { Observation } from '../../../src/scaling/observation.ts';
import type { Plan } from '../../../src/scaling/plan.ts';
import { LIMITS, observed, queueing } from './pool-on-paper.ts';

/** A pool that shows what the test sets, and records what it is told; a plan is carried out when the test says so. */
class ScriptedPool implements ScaledPool {
  shown: Observation | Error = observed();
  /** What act does; by default it succeeds at once. */
  acts: (plan: Plan) => Promise<void> = () => Promise.resolve();
  looks = 0;
  readonly plans: Plan[] = [];
  readonly reports: ScalingReport[] = [];
  underWay = 0;
  mostUnderWay = 0;

  observe(): Observation {
    this.looks++;
    if (this.shown instanceof Error) throw this.shown;
    return this.shown;
  }

  async act(plan: Plan): Promise<void> {
    this.plans.push(plan);
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    try {
      await this.acts(plan);
    } finally {
      this.underWay--;
    }
  }

  report(report: ScalingReport): void {
    this.reports.push(report);
  }

  get failures(): (ScalingReport & { kind: 'failed' })[] {
    return this.reports.filter((report) => report.kind === 'failed');
  }
}

const GROWING = observed(queueing(3));

let pool: ScriptedPool;
let autoscaler: Autoscaler;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  pool = new ScriptedPool();
  autoscaler = new Autoscaler(pool, LIMITS);
});

afterEach(async () => {
  const stopped = autoscaler.stop();
  await vi.advanceTimersByTimeAsync(ACT_LIMIT_MS);
  await stopped;
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function started(): Promise<void> {
  autoscaler.start();
  await pass(0);
}

describe('looking', () => {
  it('looks at its start, and once a tick', async () => {
    await started();
    expect(pool.looks).toBe(1);
    await pass(5 * TICK_MS);
    expect(pool.looks).toBe(6);
  });

  it('does not look before it is started, nor after it is stopped', async () => {
    autoscaler.callQueued();
    await pass(5000);
    expect(pool.looks).toBe(0);
    await started();
    await autoscaler.stop();
    autoscaler.callQueued();
    autoscaler.resize(LIMITS);
    await pass(5000);
    expect(pool.looks).toBe(1);
  });

  it('looks at once when a call queues', async () => {
    await started();
    await pass(500);
    pool.shown = GROWING;
    autoscaler.callQueued();
    expect(pool.plans).toMatchObject([{ target: 7, start: 3 }]);
  });

  it('keeps one timer, however it came to look', async () => {
    await started();
    await pass(500);
    autoscaler.callQueued();
    expect(vi.getTimerCount()).toBe(1);
    pool.shown = GROWING;
    pool.acts = () => new Promise(() => undefined);
    await pass(20);
    autoscaler.callQueued();
    expect(vi.getTimerCount()).toBe(1);
  });

  it('is not slowed by a flood of queueing calls', async () => {
    await started();
    for (let ms = 0; ms < 100; ms++) {
      for (let call = 0; call < 100; call++) autoscaler.callQueued();
      await pass(1);
    }
    expect(pool.looks).toBeLessThanOrEqual(12);
    expect(pool.looks).toBeGreaterThanOrEqual(9);
  });

  it('looks at once when N changes', async () => {
    await started();
    await pass(100);
    autoscaler.resize({ ...LIMITS, min: 6, max: 12 });
    await pass(1);
    expect(pool.plans).toMatchObject([{ target: 6, start: 2 }]);
  });

  it('shows its last decision, and the last that changed something', async () => {
    expect(autoscaler.latest).toBeUndefined();
    pool.shown = observed({ standbyAgesMs: [LIMITS.standbyMs] }); // one to discard
    await started();
    expect(autoscaler.latest).toMatchObject({ reason: 'steady', plan: { target: 4, discard: 1 } });
    expect(autoscaler.latestChange).toBeUndefined();
    for (pool.shown of [GROWING, observed()]) await pass(2 * TICK_MS);
    expect(autoscaler.latest).toMatchObject({ reason: 'steady' });
    expect(autoscaler.latestChange).toMatchObject({ reason: 'queue', plan: { target: 7 } });
  });
});

describe('acting', () => {
  it('carries out one set of changes at a time, and looks again after it if a call queued meanwhile', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    pool.acts = () => promise;
    pool.shown = GROWING;
    await started();
    for (let second = 0; second < 10; second++) {
      autoscaler.callQueued();
      await pass(1000);
    }
    expect(pool.plans).toHaveLength(1);
    resolve(undefined);
    await pass(20);
    expect(pool.plans).toHaveLength(2);
    expect(pool.mostUnderWay).toBe(1);
  });

  it('begins no second set of changes when the first one makes a call queue at once', async () => {
    await started();
    pool.shown = GROWING;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    pool.acts = async () => {
      autoscaler.callQueued();
      await promise;
    };
    await pass(TICK_MS);
    await pass(5 * TICK_MS);
    expect([pool.plans.length, pool.mostUnderWay]).toEqual([1, 1]);
    pool.acts = () => Promise.resolve();
    resolve(undefined);
    await pass(AT_ONCE_GAP_MS);
    expect(pool.plans).toHaveLength(2);
  });

  it('acts on nothing when nothing is to be done', async () => {
    await started();
    await pass(60_000);
    expect(pool.plans).toEqual([]);
  });

  it('reports each change, and a reason once', async () => {
    await started();
    await pass(3000);
    pool.shown = GROWING;
    await pass(1000);
    expect(pool.reports.map((report) => report.kind === 'decided' && report.decision.reason)).toEqual([
      'steady',
      'queue',
    ]);
  });

  it('waits for the changes under way when it is stopped', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    pool.acts = () => promise;
    pool.shown = GROWING;
    await started();
    let stopped = false;
    const stop = autoscaler.stop().then(() => (stopped = true));
    await pass(1000);
    expect(stopped).toBe(false);
    resolve(undefined);
    await stop;
    await pass(5000);
    expect(pool.plans).toHaveLength(1);
  });
});

describe('failing', () => {
  const broken = new Error('no space left on device: free some, or lower SPILLWAY_WORKERS');

  it('reports, backs off for longer and longer, and recovers without a restart', async () => {
    pool.shown = GROWING;
    pool.acts = () => Promise.reject(broken);
    await started();
    await pass(31_000);
    expect(pool.plans).toHaveLength(6);
    expect(pool.failures.map(({ retryInMs }) => retryInMs)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000]);
    expect(pool.failures[0]).toMatchObject({ what: 'start', error: broken });
    pool.acts = () => Promise.resolve();
    await pass(32_000);
    expect(pool.reports.at(-1)).toEqual({ kind: 'recovered', what: 'start' });
    await pass(3000);
    expect(pool.plans.length).toBeGreaterThan(8);
  });

  it('tries again within about a minute, however long it has failed', async () => {
    pool.shown = GROWING;
    pool.acts = () => Promise.reject(broken);
    await started();
    await pass(3_600_000);
    const before = pool.plans.length;
    expect(before).toBeLessThan(70);
    await pass(61_000);
    expect(pool.plans.length).toBe(before + 1);
  });

  it('still resumes and drains while workers can’t be started', async () => {
    pool.shown = GROWING;
    pool.acts = ({ start }) => (start > 0 ? Promise.reject(broken) : Promise.resolve());
    await started();
    await pass(15_000);
    pool.shown = { ...GROWING, standbyAgesMs: [100] };
    await pass(1000);
    expect(pool.plans.at(-1)).toMatchObject({ resume: 1, start: 0 });
    expect(pool.failures.every(({ what }) => what === 'start')).toBe(true);
  });

  it('stops changing anything while even a resume fails', async () => {
    pool.shown = observed({ ...queueing(1), standbyAgesMs: [100] });
    pool.acts = () => Promise.reject(new Error('the engine is gone'));
    await started();
    await pass(31_000);
    expect(pool.plans).toHaveLength(6);
    expect(pool.failures[0]).toMatchObject({ what: 'all' });
  });

  it('gives up on an engine that never answers, and goes on', async () => {
    pool.shown = GROWING;
    pool.acts = () => new Promise(() => undefined);
    await started();
    await pass(ACT_LIMIT_MS + 5000);
    expect(pool.plans).toHaveLength(2);
    expect(String(pool.failures[0]?.error)).toContain('within 45 s');
  });

  it('survives an act that throws, an observation that throws and a listener that throws', async () => {
    pool.shown = new Error('no such worker');
    await started();
    expect(pool.failures).toMatchObject([{ what: 'all', retryInMs: 1000 }]);
    pool.shown = GROWING;
    const { act } = pool;
    pool.act = () => {
      throw broken;
    };
    await pass(1500);
    expect(pool.failures).toHaveLength(2);
    pool.act = act;
    pool.report = () => {
      throw new Error('the log is closed');
    };
    await pass(10_000);
    expect(pool.plans.length).toBeGreaterThan(3);
  });

  it('does not let queueing calls break the pause', async () => {
    pool.shown = observed({ ...queueing(1), standbyAgesMs: [100] });
    pool.acts = () => Promise.reject(broken);
    await started();
    for (let ms = 0; ms < 900; ms++) {
      autoscaler.callQueued();
      await pass(1);
    }
    expect(pool.plans).toHaveLength(1);
  });
});
