import { describe, expect, it } from 'vitest';
import { pricesOf } from '../../../src/cloud/prices.ts';
import {
  chooseToLeave,
  queueWaits,
  type CallForesight,
  type WaitingCall,
} from '../../../src/dispatch/foresight.ts';
import { place, type Observation } from '../../../src/dispatch/placement.ts';
import { Predictor } from '../../../src/dispatch/predictor.ts';

const foresight: CallForesight = {
  runMs: 100,
  cloudMs: 160,
  warmMs: 160,
  marginMs: 10,
  warmMarginMs: 10,
  costUsd: 0.00001,
  throttleChance: 0,
  suspended: false,
};

/** A full pool, a ready cloud, a wait of 200 ms: here 300, there 160. */
const busy: Observation = {
  policy: 'predictive',
  offloadWaitMs: 50,
  forced: undefined,
  slotFree: false,
  noRoom: undefined,
  waitedMs: 0,
  expectedWaitMs: 200,
  offload: true,
  fitsEvent: true,
  cloudRunMs: undefined,
  cloud: undefined,
  foresight,
  remainingMs: 30_000,
  usdPerHour: 10,
};

/** Here 120, there 160. */
const short = { expectedWaitMs: 20 };

const seen = (differing: Partial<CallForesight>): Partial<Observation> => ({
  foresight: { ...foresight, ...differing },
});

describe('predictive', () => {
  it.each<[string, Partial<Observation>, string, string]>([
    ['a call that the cloud answers sooner', {}, 'cloud', 'cloud sooner'],
    ['one that gains less than the margin', { expectedWaitMs: 70 }, 'queue', 'local sooner'],
    ['a free slot', { slotFree: true }, 'pool', 'local sooner'],
    [
      'a free slot, but a far faster cloud',
      { slotFree: true, ...seen({ cloudMs: 20 }) },
      'cloud',
      'cloud sooner',
    ],
    ['too high a price', seen({ costUsd: 0.001 }), 'queue', 'too dear'],
    ['a price that others share', { ...seen({ costUsd: 0.001 }), relievesMs: 1e6 }, 'cloud', 'cloud sooner'],
    [
      'a deadline that only the cloud keeps',
      { remainingMs: 250, ...seen({ costUsd: 1 }) },
      'cloud',
      'only the cloud in time',
    ],
    ['a deadline that nobody keeps', { remainingMs: 100 }, 'cloud', 'cloud sooner'],
    ['a suspended function', seen({ suspended: true }), 'queue', 'offloading does not pay'],
    ['a cloud at its limit', seen({ throttleChance: 0.9 }), 'queue', 'likely throttled'],
    ['a cloud that is off', { cloud: 'off' }, 'queue', 'off'],
    ['others who save more', { ...short, relievesMs: 55, forOthers: true }, 'cloud', 'relieves others'],
    ['others who save less', { ...short, relievesMs: 45, forOthers: true }, 'queue', 'local sooner'],
    ['nobody to come', { ...short, relievesMs: 55 }, 'queue', 'local sooner'],
    ['a full queue', { noRoom: 'queue full', expectedWaitMs: 10 }, 'cloud', 'queue full'],
    ['nothing foreseen: the threshold', { foresight: undefined }, 'cloud', 'would wait too long'],
  ])('%s', (_, differing, where, reason) => {
    expect(place({ ...busy, ...differing })).toMatchObject({ place: where, reason });
  });

  it('carries both estimates', () => {
    expect(place(busy).expected).toEqual({ localMs: 300, cloudMs: 160 });
  });

  it('leaves it to the queue whether there is time enough to wait', () => {
    expect(place({ ...busy, cloud: 'off', remainingMs: 100 })).toMatchObject({
      place: 'queue',
      reason: 'off',
    });
  });
});

describe('the waiting calls', () => {
  const waits = (differing: Partial<CallForesight> = {}, rest: Partial<WaitingCall> = {}): WaitingCall => ({
    foresight: { ...foresight, ...differing },
    remainingMs: 30_000,
    mayLeave: true,
    mayCopy: true,
    ...rest,
  });
  const supply = { slots: 2, starting: 0, usdPerHour: 10, toCome: 0 };

  it('take the slots in their order', () => {
    expect(queueWaits([50, 10], [100, 30, 5])).toEqual([10, 50, 80]);
    expect(queueWaits([], [1])).toEqual([Infinity]);
  });

  it('let the one leave that has the most to gain, itself and for those behind', () => {
    const calls = [waits(), waits({ runMs: 1000, cloudMs: 1060, warmMs: 1060 }), waits()];
    expect(chooseToLeave(calls, [100, 200, 300], supply)).toMatchObject({
      index: 1,
      relievesMs: 500,
      copy: false,
    });
    expect(chooseToLeave([waits(), waits()], [100, 300], supply)?.index).toBe(1);
    expect(chooseToLeave([waits(), waits({}, { mayLeave: false })], [100, 300], supply)?.index).toBe(0);
    expect(chooseToLeave(calls, [10, 20, 30], supply)).toBeUndefined();
  });

  it('send a copy ahead where only a warm instance would be sooner, but half as many as would gain at most', () => {
    const cold = { cloudMs: 660 };
    const calls = [waits(cold), waits(cold)];
    expect(chooseToLeave(calls, [100, 200], supply)).toMatchObject({ index: 1, copy: true });
    expect(chooseToLeave(calls, [100, 200], { ...supply, starting: 1 })).toBeUndefined();
    const once = [waits(cold, { mayCopy: false })];
    expect(chooseToLeave(once, [100], supply)).toBeUndefined();
  });

  it('let one leave for the sake of those to come, if they save more than it loses', () => {
    // Here 120, there 160: it loses 40 and its margin of 10; each behind it is served 50 sooner.
    expect(chooseToLeave([waits()], [20], { ...supply, toCome: 0.9 })).toBeUndefined();
    const choice = chooseToLeave([waits()], [20], { ...supply, toCome: 1.1 });
    expect(choice).toMatchObject({ index: 0, forOthers: true, copy: false });
    expect(choice?.relievesMs).toBeCloseTo(55);
  });

  it.each([
    ['into a cold start', { cloudMs: 190 }, {}],
    ['to be answered twice as late', { runMs: 50 }, {}],
    ['to miss its deadline', {}, { remainingMs: 159 }],
    ['at any price', { costUsd: 1 }, {}],
    ['while it is suspended', { suspended: true }, {}],
  ])('but not %s', (_, differing, rest) => {
    const many = { ...supply, toCome: 100 };
    expect(chooseToLeave([waits()], [20], many)).toBeDefined();
    expect(chooseToLeave([waits(differing, { ...rest, mayCopy: false })], [20], many)).toBeUndefined();
  });
});

describe('the predictor', () => {
  const rate = { prices: pricesOf('us-east-1').prices, memoryMb: 1769, architecture: 'x86_64' } as const;

  it('judges by how long calls really ran, wherever they did', () => {
    const predictor = new Predictor({ rate });
    const of = predictor.newFunction();
    for (let at = 0; at < 100; at++) predictor.learnLocal(of, 10, 100);
    const placed = {
      ...{ of, bytes: 10, expectedLocalMs: 300, expectedRunMs: 100, decidedAt: 0 },
      leftBefore: predictor.leftCalls,
    };
    const before = of.guard;
    // It ran for 900 ms in place of 100, and waited as long as expected: nothing is wrong with the estimate of its wait.
    predictor.learnStayed(placed, 900, 1100);
    const stayed = of.guard;
    expect(stayed.stayedTookMs - before.stayedTookMs * 0.975).toBeCloseTo(1100);
    expect(stayed.stayedExpectedMs - before.stayedExpectedMs * 0.975).toBeCloseTo(1100);
    const sent = predictor.cloud.sent(160, 0);
    predictor.learnCloud(placed, sent, { elapsedMs: 960, runMs: 900, coldStart: false }, 960);
    const { tookMs, expectedMs } = of.guard;
    expect(tookMs).toBe(960);
    // A wait of 200 ms, and what 900 ms there are here.
    expect(expectedMs).toBeCloseTo(200 + 900 / of.speed.ratio);
  });

  it('leaves calls out that waited less since others have left', () => {
    const predictor = new Predictor({ rate });
    const of = predictor.newFunction();
    const placed = {
      ...{ of, bytes: 10, expectedLocalMs: 300, expectedRunMs: 100, decidedAt: 0 },
      leftBefore: predictor.leftCalls,
    };
    predictor.left();
    predictor.learnStayed(placed, 100, 120);
    expect(of.guard).toEqual(predictor.newFunction().guard);
  });

  it('explores with idempotent calls that have waited, at most one in a hundred', () => {
    const predictor = new Predictor({ rate });
    const of = predictor.newFunction();
    expect(predictor.explores(of, false, 100, 0)).toBe(false);
    expect(predictor.explores(of, true, 0, 0)).toBe(false);
    const explored = Array.from({ length: 1000 }, () => predictor.explores(of, true, 100, 0)).filter(Boolean);
    expect(explored.length).toBeGreaterThanOrEqual(10);
    expect(explored.length).toBeLessThanOrEqual(12);
  });

  it('foresees a call within two microseconds, placement included', () => {
    const predictor = new Predictor({ rate });
    const of = predictor.newFunction();
    for (let at = 0; at < 200; at++) predictor.learnLocal(of, at, 10 + at);
    let cloud = 0;
    let best = Infinity;
    for (let round = 0; round < 20; round++) {
      const startedAt = performance.now();
      for (let at = 0; at < 20_000; at++) {
        const seen = predictor.foresee(of, at % 200, at);
        if (place({ ...busy, expectedWaitMs: 9_000, foresight: seen }).place === 'cloud') cloud += 1;
      }
      best = Math.min(best, (performance.now() - startedAt) / 20_000);
    }
    expect(cloud).toBeGreaterThan(0);
    console.log(`foresee and place: ${(best * 1000).toFixed(2)} µs`);
    // The target is 2 µs on an idle machine; the limit leaves room for a busy one.
    expect(best * 1000).toBeLessThan(10);
  });
});
