import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_CLOUD_RUN_MS,
  mayPlaceAgain,
  place,
  startInCloudToo,
  type Observation,
} from '../../../src/dispatch/placement.ts';

/** A full pool with a queue, a ready cloud, and a call that would wait 100 ms, twice the threshold. */
const busy: Observation = {
  policy: 'threshold',
  offloadWaitMs: 50,
  forced: undefined,
  slotFree: false,
  noRoom: undefined,
  waitedMs: 0,
  expectedWaitMs: 100,
  offload: true,
  fitsEvent: true,
  cloudRunMs: undefined,
  cloud: undefined,
};

describe('threshold', () => {
  it.each<[string, Partial<Observation>, string, string]>([
    ['a free slot', { slotFree: true }, 'pool', 'slot free'],
    ['a free slot, whatever it has waited', { slotFree: true, waitedMs: 900 }, 'pool', 'slot free'],
    ['a long wait', {}, 'cloud', 'would wait too long'],
    ['a wait of exactly the threshold', { expectedWaitMs: 50 }, 'cloud', 'would wait too long'],
    ['a short wait', { expectedWaitMs: 49.9 }, 'queue', 'short wait'],
    ['a wait that became too long', { expectedWaitMs: 1, waitedMs: 50 }, 'cloud', 'has waited too long'],
    ['a function that is not known yet', { expectedWaitMs: undefined }, 'queue', 'wait unknown'],
    [
      'one that has waited all the same',
      { expectedWaitMs: undefined, waitedMs: 50 },
      'cloud',
      'has waited too long',
    ],
    ['no slot at all', { expectedWaitMs: Infinity }, 'cloud', 'would wait too long'],
    ['a short wait, but a full queue', { expectedWaitMs: 1, noRoom: 'queue full' }, 'cloud', 'queue full'],
    ['and one too long', { expectedWaitMs: 1, noRoom: 'queue too long' }, 'cloud', 'queue too long'],
    ['a threshold of zero', { offloadWaitMs: 0, expectedWaitMs: 0 }, 'cloud', 'has waited too long'],
    ['offload: false', { offload: false }, 'queue', 'offload: false'],
    ['a degraded cloud', { cloud: 'throttled' }, 'queue', 'throttled'],
    ['a spent budget', { cloud: 'budget spent' }, 'queue', 'budget spent'],
    ['params too large for an event', { fitsEvent: false }, 'queue', 'too large for the cloud'],
    [
      'a run too long for the gateway',
      { cloudRunMs: MAX_CLOUD_RUN_MS + 1 },
      'queue',
      'too long for the cloud',
    ],
    ['a run just short enough', { cloudRunMs: MAX_CLOUD_RUN_MS }, 'cloud', 'would wait too long'],
    ['a slot that comes sooner', { slotReadyInMs: 20, cloudDelayMs: 60 }, 'queue', 'slot coming'],
    [
      'one that has waited, and a slot that comes sooner',
      { waitedMs: 80, slotReadyInMs: 20, cloudDelayMs: 60 },
      'queue',
      'slot coming',
    ],
    ['a slot that comes no sooner', { slotReadyInMs: 60, cloudDelayMs: 60 }, 'cloud', 'would wait too long'],
    ['a slot that comes, and an unknown cloud', { slotReadyInMs: 1 }, 'cloud', 'would wait too long'],
    ['no slot that comes', { cloudDelayMs: 60 }, 'cloud', 'would wait too long'],
    [
      'a slot that comes, but a full queue',
      { slotReadyInMs: 20, cloudDelayMs: 60, noRoom: 'queue full' },
      'cloud',
      'would wait too long',
    ],
    [
      'a slot that comes, and no cloud',
      { slotReadyInMs: 20, cloudDelayMs: 60, cloud: 'unreachable' },
      'queue',
      'unreachable',
    ],
  ])('%s', (_, differing, where, reason) => {
    expect(place({ ...busy, ...differing })).toEqual({ place: where, reason });
  });

  it('rejects what may neither wait nor leave', () => {
    const rejected = { place: 'reject', reason: 'queue full', error: 'Overloaded' };
    expect(place({ ...busy, noRoom: 'queue full', cloud: 'unreachable' })).toEqual(rejected);
    expect(place({ ...busy, noRoom: 'queue full', offload: false })).toEqual(rejected);
  });
});

describe('the other policies', () => {
  it('never: local, whatever the wait', () => {
    expect(place({ ...busy, policy: 'never', waitedMs: 10_000 })).toEqual({
      place: 'queue',
      reason: 'policy',
    });
    expect(place({ ...busy, policy: 'never', slotFree: true })).toEqual({ place: 'pool', reason: 'policy' });
    expect(place({ ...busy, policy: 'never', noRoom: 'queue full' })).toMatchObject({
      place: 'reject',
      error: 'Overloaded',
    });
  });

  it('always: the cloud, also with a free slot; local where the cloud can’t', () => {
    expect(place({ ...busy, policy: 'always', slotFree: true })).toEqual({
      place: 'cloud',
      reason: 'policy',
    });
    expect(place({ ...busy, policy: 'always', slotFree: true, cloud: 'throttled' })).toEqual({
      place: 'pool',
      reason: 'throttled',
    });
    expect(place({ ...busy, policy: 'always', offload: false })).toEqual({
      place: 'queue',
      reason: 'offload: false',
    });
  });
});

describe('a forced place', () => {
  it('never falls back', () => {
    expect(place({ ...busy, forced: 'cloud', slotFree: true })).toEqual({ place: 'cloud', reason: 'forced' });
    expect(place({ ...busy, forced: 'cloud', cloud: 'off' })).toEqual({
      place: 'reject',
      reason: 'off',
      error: 'CloudFailed',
    });
    expect(place({ ...busy, forced: 'cloud', offload: false })).toMatchObject({
      place: 'reject',
      error: 'CloudFailed',
    });
    expect(place({ ...busy, forced: 'pool', policy: 'always' })).toEqual({
      place: 'queue',
      reason: 'forced',
    });
    expect(place({ ...busy, forced: 'pool', noRoom: 'queue full' })).toMatchObject({
      place: 'reject',
      error: 'Overloaded',
    });
  });

  it('is stronger than the policy never', () => {
    expect(place({ ...busy, forced: 'cloud', policy: 'never' })).toEqual({
      place: 'cloud',
      reason: 'forced',
    });
  });
});

const observation: fc.Arbitrary<Observation> = fc.record({
  policy: fc.constantFrom('threshold', 'predictive', 'never', 'always'),
  offloadWaitMs: fc.nat(200),
  forced: fc.constantFrom(undefined, 'pool', 'cloud'),
  slotFree: fc.boolean(),
  noRoom: fc.constantFrom(undefined, 'queue full', 'queue too long'),
  waitedMs: fc.nat(200),
  expectedWaitMs: fc.option(fc.nat(200), { nil: undefined }),
  offload: fc.boolean(),
  fitsEvent: fc.boolean(),
  cloudRunMs: fc.option(fc.nat(30_000), { nil: undefined }),
  cloud: fc.constantFrom(undefined, 'throttled', 'off', 'budget spent'),
});

it('holds for everything that can be observed', () => {
  fc.assert(
    fc.property(observation, (seen) => {
      const placed = place(seen);
      if (placed.place === 'pool') expect(seen.slotFree).toBe(true);
      if (placed.place === 'queue') expect([seen.noRoom, seen.slotFree]).toEqual([undefined, false]);
      if (placed.place === 'cloud') {
        expect([seen.offload, seen.fitsEvent, seen.cloud]).toEqual([true, true, undefined]);
        expect(seen.forced === 'pool' || (seen.policy === 'never' && seen.forced === undefined)).toBe(false);
      }
      if (placed.place === 'reject') {
        expect(seen.forced === 'cloud' ? placed.error : !seen.slotFree && seen.noRoom).toBeTruthy();
      }
      if (seen.forced !== undefined && placed.place !== 'reject')
        expect(placed.place === 'cloud').toBe(seen.forced === 'cloud');
    }),
    { numRuns: 2000 },
  );
});

describe('a call that runs too long here', () => {
  const slow = { idempotent: true, localTimeoutMs: 500, runningMs: 500, observation: busy };

  it('is started in the cloud too, if it may run twice and leave', () => {
    expect(startInCloudToo(slow)).toBe(true);
    expect(startInCloudToo({ ...slow, runningMs: 499 })).toBe(false);
    expect(startInCloudToo({ ...slow, idempotent: false })).toBe(false);
    expect(startInCloudToo({ ...slow, localTimeoutMs: undefined })).toBe(false);
    expect(startInCloudToo({ ...slow, observation: { ...busy, cloud: 'throttled' } })).toBe(false);
    expect(startInCloudToo({ ...slow, observation: { ...busy, forced: 'pool' } })).toBe(false);
    expect(startInCloudToo({ ...slow, observation: { ...busy, policy: 'never' } })).toBe(false);
  });
});

describe('a call that the cloud failed', () => {
  const failed = { forced: undefined, mayHaveRun: true, idempotent: true, runs: 1, remainingMs: 100 };

  it('is placed again if that is safe and in time', () => {
    expect(mayPlaceAgain(failed)).toBe(true);
    expect(mayPlaceAgain({ ...failed, idempotent: false })).toBe(false);
    expect(mayPlaceAgain({ ...failed, idempotent: false, mayHaveRun: false })).toBe(true);
    expect(mayPlaceAgain({ ...failed, runs: 2 })).toBe(false);
    expect(mayPlaceAgain({ ...failed, remainingMs: 0 })).toBe(false);
    expect(mayPlaceAgain({ ...failed, mayHaveRun: false, forced: 'cloud' })).toBe(false);
  });
});
