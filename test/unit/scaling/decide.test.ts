import { describe, expect, it } from 'vitest';
import { COOLDOWN_MS, decide, PANIC_HOLD_MS } from '../../../src/scaling/decide.ts';
import type { Observation } from '../../../src/scaling/observation.ts';
import { isIdle } from '../../../src/scaling/plan.ts';
import { LIMITS, observed, queueing, walk } from './pool-on-paper.ts';

const first = (seen: Observation, limits = LIMITS) => decide(seen, undefined, limits, 0);

describe('a first look', () => {
  it.each([
    ['an idle pool', observed(), 4, 'steady'],
    ['too few workers', observed({ workers: { ready: 1 } }), 4, 'minimum'],
    ['too few, but they are starting', observed({ workers: { ready: 1, starting: 3 } }), 4, 'steady'],
    ['too many workers', observed({ workers: { ready: 11 } }), 8, 'maximum'],
    ['a call of 100 ms that has to wait', observed(queueing(1)), 5, 'queue'],
    [
      'three calls of a second',
      observed({
        waiting: { slots: 3, workMs: 3000, oldestMs: 0 },
        running: { slots: 4, remainingMs: 2000 },
      }),
      7,
      'queue',
    ],
    [
      'a thousand calls of 10 µs',
      observed({
        waiting: { slots: 1000, workMs: 10, oldestMs: 0 },
        running: { slots: 4, remainingMs: 0.02 },
      }),
      4,
      'steady',
    ],
    ['more calls than 2N can hold', observed(queueing(500)), 8, 'queue'],
    [
      'more calls than 2N can hold, at 2N',
      observed({ workers: { ready: 8 }, ...queueing(500, 8) }),
      8,
      'maximum',
    ],
    [
      'a call that really waited, though it was expected to be short',
      observed({ waiting: { slots: 1, workMs: 0, oldestMs: 30 }, running: { slots: 4, remainingMs: 0 } }),
      5,
      'queue',
    ],
    [
      'a call that really waited, while a worker starts',
      observed({ workers: { starting: 1 }, waiting: { slots: 1, workMs: 0, oldestMs: 30 } }),
      5,
      'steady',
    ],
  ] as const)('of %s', (_what, seen, target, reason) => {
    expect(first(seen)).toMatchObject({ plan: { target }, reason });
  });

  it('counts slots, not workers, where workers have several', () => {
    const seen = { ...observed(queueing(5, 16)), slotsPerWorker: 4 };
    expect(first(seen).plan.target).toBe(6);
  });
});

describe('what a plan consists of', () => {
  const grow = (changes: Parameters<typeof observed>[0]) =>
    first(observed({ ...queueing(3), ...changes })).plan;

  it('starts what is missing where there is nothing to resume', () => {
    expect(grow({})).toEqual({ target: 7, readmit: 0, resume: 0, start: 3, drain: 0, discard: 0 });
  });

  it('resumes a standby before it starts a worker', () => {
    expect(grow({ standbyAgesMs: [1000, 2000] })).toMatchObject({ resume: 2, start: 1 });
  });

  it('takes a draining worker back before it resumes a standby', () => {
    expect(grow({ workers: { draining: 1 }, standbyAgesMs: [1000] })).toMatchObject({
      readmit: 1,
      resume: 1,
      start: 1,
    });
  });

  it('counts what is starting as there', () => {
    expect(grow({ workers: { starting: 3 } })).toMatchObject({ target: 7, resume: 0, start: 0 });
  });

  it('never has more than 2N alive, the ejected and the draining included', () => {
    expect(first(observed({ workers: { ejected: 2, draining: 1 }, ...queueing(50) })).plan).toMatchObject({
      target: 8,
      readmit: 1,
      start: 1,
    });
  });

  it('discards standbys that are too old, and the oldest beyond the cap, but none that it resumes', () => {
    expect(first(observed({ standbyAgesMs: [700_000, 1, 2, 3, 600_000] })).plan.discard).toBe(2);
    expect(first(observed({ standbyAgesMs: [1, 2, 3, 4, 5, 6] })).plan.discard).toBe(2);
    expect(grow({ standbyAgesMs: [1, 2, 3, 4, 5, 6] })).toMatchObject({ resume: 3, discard: 0 });
  });
});

describe('minutes of smooth load', () => {
  const workersAt = (walked: ReturnType<typeof walk>) => walked.map(({ ready }) => ready);

  it('keeps N under a load that N can hold', () => {
    expect(new Set(workersAt(walk(600, () => 2)))).toEqual(new Set([4]));
  });

  it('follows a step within three seconds', () => {
    const walked = walk(60, (second) => (second < 20 ? 2 : 5));
    expect(walked[20]).toMatchObject({ ready: 4 });
    expect(walked[23]!.ready).toBe(8);
  });

  it('shrinks when the load has gone, half the surplus at a time, and not before the panic is over', () => {
    const walked = walk(120, (second) => (second < 30 ? 6 : 1));
    const atOf = (reason: string) => walked.findIndex(({ decision }) => decision.reason === reason);
    const drains = walked.filter(({ decision }) => decision.plan.drain > 0);
    expect(walked[31]!.ready).toBe(8);
    expect(drains.map(({ decision }) => decision.plan.drain)).toEqual([2, 1, 1]);
    for (const [at, { second }] of drains.entries()) {
      if (at > 0) expect((second - drains[at - 1]!.second) * 1000).toBeGreaterThanOrEqual(COOLDOWN_MS);
    }
    expect(atOf('idle')).toBeGreaterThan(30);
    expect(walked.at(-1)!.ready).toBe(4);
  });

  it('holds what it has while it panics', () => {
    const walked = walk(100, (second) => (second === 50 ? 9 : 1));
    const lastTooFew = walked.findLastIndex(({ decision }) => decision.plan.start + decision.plan.resume > 0);
    const firstDrain = walked.findIndex(({ decision }) => decision.plan.drain > 0);
    expect(lastTooFew).toBeGreaterThan(49);
    expect((firstDrain - lastTooFew) * 1000).toBeGreaterThanOrEqual(PANIC_HOLD_MS);
    for (const { decision } of walked) if (decision.figures.panic) expect(decision.plan.drain).toBe(0);
  });

  it('resumes what it paused', () => {
    const walked = walk(200, (second) => (second % 100 < 30 ? 6 : 1));
    const starts = walked.filter(({ decision }) => decision.plan.start > 0);
    const resumes = walked.filter(({ decision }) => decision.plan.resume > 0);
    expect(starts.every(({ second }) => second < 30)).toBe(true);
    expect(resumes.length).toBeGreaterThan(0);
  });

  it('grows for the calls that are offloaded, as if they ran here', () => {
    // On paper nothing ever waits: what four workers can't do goes to the cloud.
    const walked = walk(60, () => 7);
    expect(walked.at(-1)!.ready).toBe(8);
    expect(walked.at(-1)!.decision.figures.stableLoad).toBeCloseTo(7, 0);
  });

  it('grows ahead of a ramp by its trend', () => {
    const walked = walk(60, (second) => second / 10);
    expect(walked.some(({ decision }) => decision.reason === 'forecast')).toBe(true);
  });
});

describe('cores', () => {
  it('does not grow past cores that CPU work keeps busy, and says so', () => {
    const walked = walk(60, () => 7, 4);
    expect(walked.at(-1)).toMatchObject({
      ready: 4,
      decision: { reason: 'cpu', figures: { coresAllow: 4 } },
    });
  });

  it('grows up to the cores', () => {
    expect(walk(60, () => 7, 6).at(-1)!.ready).toBe(6);
  });

  it('keeps N workers on fewer cores', () => {
    expect(walk(60, () => 7, 2).at(-1)!.ready).toBe(4);
  });

  it('does not limit calls that wait for something else', () => {
    const cpu = { cores: 4, hostCores: 4, workersMs: 0, hostMs: 0 };
    const before = first(observed({ cpu })).memory;
    const cpuOfSleepers = { cores: 4, hostCores: 4, workersMs: 20, hostMs: 4000 };
    const after = decide(
      observed({ busyMs: 4000, cpu: cpuOfSleepers, ...queueing(4) }),
      before,
      LIMITS,
      1000,
    );
    expect(after).toMatchObject({ plan: { start: 4 }, reason: 'queue' });
  });

  it('leaves room for what others use', () => {
    const before = first(observed({ cpu: { cores: 8, hostCores: 8, workersMs: 0, hostMs: 0 } })).memory;
    const seen = observed({
      busyMs: 4000,
      cpu: { cores: 8, hostCores: 8, workersMs: 4000, hostMs: 7000 },
      ...queueing(4),
    });
    expect(decide(seen, before, LIMITS, 1000)).toMatchObject({ plan: { target: 5 }, reason: 'queue' });
  });

  it('does not panic where more workers would not have helped', () => {
    const walked = walk(60, () => 7, 4);
    expect(walked.some(({ decision }) => decision.figures.panic)).toBe(false);
  });
});

describe('a changed N', () => {
  it('drains to 2N at once, even in panic', () => {
    const before = first(observed({ workers: { ready: 8 }, ...queueing(50, 8) })).memory;
    const lowered = decide(observed({ workers: { ready: 8 } }), before, { ...LIMITS, min: 1, max: 2 }, 1000);
    expect(lowered).toMatchObject({ plan: { target: 2, drain: 6 }, reason: 'maximum' });
  });

  it('grows to a higher N at once', () => {
    const raised = decide(observed(), first(observed()).memory, { ...LIMITS, min: 6, max: 12 }, 1);
    expect(raised).toMatchObject({ plan: { target: 6, start: 2 }, reason: 'minimum' });
  });
});

it('changes nothing when it is asked again at the same moment', () => {
  const seen = observed(queueing(2));
  const { plan, memory } = first(seen);
  const after = { ...seen, workers: { ...seen.workers, starting: plan.start } };
  expect(isIdle(decide(after, memory, LIMITS, 0).plan)).toBe(true);
});
