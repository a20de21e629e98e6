import { describe, expect, it } from 'vitest';
import { failedAgain, mayTry, NO_FAILURE } from '../../../src/scaling/backoff.ts';
import { slotsForCores, startCpu, stepCpu } from '../../../src/scaling/cores.ts';
import { startDemand, stepDemand } from '../../../src/scaling/demand.ts';
import { emptyForecast, feedForecast, riseWithin } from '../../../src/scaling/forecast.ts';
import { growWaitMs, slotsForLoad, slotsForQueue } from '../../../src/scaling/staffing.ts';
import { addLoad, emptyWindow, meanLoad } from '../../../src/scaling/window.ts';
import { observed } from './pool-on-paper.ts';

describe('window', () => {
  it('is the mean over its length; time not seen is idle', () => {
    const window = addLoad(emptyWindow(1000), 0, 500, 1500);
    expect(meanLoad(window, 500)).toBe(1.5);
  });

  it('forgets what has left it, a span in part', () => {
    const window = addLoad(addLoad(emptyWindow(1000), 0, 500, 2000), 500, 1000, 500);
    expect(meanLoad(window, 1000)).toBe(2.5);
    expect(meanLoad(window, 1250)).toBeCloseTo(1.5, 10);
    expect(meanLoad(window, 1750)).toBeCloseTo(0.25, 10);
    expect(meanLoad(window, 9000)).toBe(0);
    expect(addLoad(window, 1000, 1500, 0).spans).toHaveLength(2);
  });

  it('keeps a handful of spans, however often it is fed', () => {
    let window = emptyWindow(1000);
    for (let at = 0; at < 10_000; at++) window = addLoad(window, at, at + 1, 3);
    expect(window.spans.length).toBeLessThanOrEqual(12);
    expect(meanLoad(window, 10_000)).toBeCloseTo(3, 5);
  });

  it('takes work that took no time', () => {
    expect(meanLoad(addLoad(emptyWindow(1000), 100, 100, 500), 100)).toBe(0.5);
  });
});

describe('forecast', () => {
  const settings = { stepMs: 1000, alpha: 0.5, beta: 0.5, phi: 0.9 };
  const fed = (loads: readonly number[]) =>
    loads.reduce(
      (forecast, load, at) => feedForecast(forecast, settings, (at + 1) * 1000, load * 1000),
      emptyForecast(0),
    );

  it('expects no rise of a steady or falling load', () => {
    expect(riseWithin(fed([5, 5, 5, 5]), settings, 3000)).toBe(0);
    expect(riseWithin(fed([5, 4, 3, 2]), settings, 3000)).toBe(0);
  });

  it('expects a ramp to go on, less and less', () => {
    const ramp = fed(Array.from({ length: 50 }, (_, at) => at));
    const next = riseWithin(ramp, settings, 1000);
    expect(next).toBeGreaterThan(0.5);
    expect(next).toBeLessThan(1);
    expect(riseWithin(ramp, settings, 2000)).toBeCloseTo(next * 1.9, 5);
    expect(riseWithin(ramp, settings, 1e9)).toBeCloseTo(next * 10, 5);
  });

  it('computes Holt’s example by hand', () => {
    // level 2 → 0.5·4 + 0.5·2 = 3, trend 0.5·1 = 0.5; then level 0.5·6 + 0.5·(3 + 0.45), trend 0.5·Δ + 0.5·0.45.
    const after = fed([2, 4, 6]);
    expect(after.level).toBeCloseTo(4.725, 10);
    expect(after.trend).toBeCloseTo(0.5 * 1.725 + 0.225, 10);
  });

  it('takes a sample a step, however often it is fed', () => {
    let often = emptyForecast(0);
    for (let at = 100; at <= 3000; at += 100)
      often = feedForecast(often, settings, at, 2 * 100 * Math.ceil(at / 1000));
    expect(often.level).toBeCloseTo(fed([2, 4, 6]).level, 10);
  });

  it('starts again after a long silence', () => {
    expect(feedForecast(fed([1, 2, 3]), settings, 100_000, 0).samples).toBe(0);
  });
});

describe('demand', () => {
  const start = startDemand(observed());

  it('is what slots were busy with', () => {
    expect(stepDemand(start, observed({ busyMs: 700 }), 1000)).toMatchObject({ demandMs: 700, busyMs: 700 });
  });

  it('counts an offloaded call of ten seconds as about one slot, for about ten seconds', () => {
    const offloaded = { calls: 1, workMs: 10_000 };
    let { memory, demandMs } = stepDemand(start, observed({ offloaded }), 1000);
    let sum = demandMs;
    expect(demandMs).toBeCloseTo(1000, -2);
    for (let second = 1; second < 100; second++) {
      ({ memory, demandMs } = stepDemand(memory, observed({ offloaded }), 1000));
      expect(demandMs).toBeLessThanOrEqual(1000);
      sum += demandMs;
    }
    expect(sum).toBeCloseTo(10_000, -2);
  });

  it('counts many short offloaded calls at once', () => {
    const offloaded = { calls: 100, workMs: 1000 };
    expect(stepDemand(start, observed({ offloaded }), 1000).demandMs).toBeCloseTo(1000, 5);
  });

  it('forgets work that no call brought', () => {
    expect(stepDemand(start, observed({ offloaded: { calls: 0, workMs: 2000 } }), 1000).demandMs).toBe(0);
  });

  it('takes a counter that fell back for one that began again', () => {
    const { memory } = stepDemand(start, observed({ busyMs: 5000 }), 1000);
    expect(stepDemand(memory, observed({ busyMs: 300 }), 1000).demandMs).toBe(300);
  });
});

describe('staffing', () => {
  it.each([
    [0, 0],
    [1, 2],
    [4, 6],
    [100, 110],
  ])('a load of %d slots gets %d', (load, slots) => {
    expect(slotsForLoad(load)).toBe(slots);
  });

  it('gives waiting calls no more slots than would do their work in time', () => {
    const seen = observed({
      running: { slots: 2, remainingMs: 10 },
      waiting: { slots: 50, workMs: 90, oldestMs: 0 },
    });
    expect(slotsForQueue(seen, 25)).toBe(4);
  });

  it('grows before calls are offloaded, and not for a wait shorter than a resume', () => {
    expect(growWaitMs(50)).toBeLessThan(50);
    expect(growWaitMs(0)).toBe(10);
  });
});

describe('cores', () => {
  const used = (busyMs: number, workersMs: number, hostMs = workersMs, cores = 8) => {
    const seen = observed({ cpu: { cores, hostCores: 8, workersMs, hostMs } });
    const memory = startCpu(observed({ cpu: { cores, hostCores: 8, workersMs: 0, hostMs: 0 } }));
    return slotsForCores(stepCpu(memory, seen, 1000, busyMs), seen);
  };

  it.each([
    ['CPU work on cores of its own', used(4000, 4000), 8],
    ['calls that wait half of the time', used(4000, 2000), 16],
    ['calls that mostly wait', used(4000, 100), Infinity],
    ['twelve slots on saturated cores', used(12_000, 8000), 12],
    ['others that use three cores', used(4000, 4000, 7000), 5],
    ['a host full of others', used(4000, 4000, 12_000), 0],
    ['too little to know', used(100, 10), 8],
    ['a quota of two cores, with others on three', used(2000, 2000, 5000, 2), 2],
    ['a quota of two cores, with others on seven', used(1000, 1000, 8000, 2), 1],
  ])('%s', (_what, slots, expected) => {
    expect(slots).toBe(expected);
  });

  it('limit nothing where they can’t be measured', () => {
    expect(slotsForCores(startCpu(observed()), observed())).toBe(Infinity);
  });
});

it('backs off for 1, 2, 4 … 60 seconds', () => {
  const pauses: number[] = [];
  let backoff = NO_FAILURE;
  for (let failure = 0; failure < 9; failure++) {
    backoff = failedAgain(backoff, 1000);
    pauses.push(backoff.untilMs - 1000);
    expect(mayTry(backoff, backoff.untilMs - 1)).toBe(false);
    expect(mayTry(backoff, backoff.untilMs)).toBe(true);
  }
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});
