import { describe, expect, it } from 'vitest';
import { pricesOf } from '../../../src/cloud/prices.ts';
import { CloudLimit } from '../../../src/dispatch/cloud-limit.ts';
import { CloudModel, PRIOR_ROUND_TRIP_MS } from '../../../src/dispatch/cloud-model.ts';
import { CloudSpeed, SharedSpeed } from '../../../src/dispatch/cloud-speed.ts';
import { WarmInstances } from '../../../src/dispatch/warm-instances.ts';

const rate = { prices: pricesOf('us-east-1').prices, memoryMb: 1769, architecture: 'x86_64' } as const;

describe('the cloud', () => {
  it('is taken from the priors until the first answers correct them', () => {
    const cloud = new CloudModel({ rate });
    expect(cloud.outlook(0)).toMatchObject({ roundTripMs: PRIOR_ROUND_TRIP_MS, coldChance: 1 });
    const cold = cloud.sent(100, 0);
    cloud.answered(cold, { elapsedMs: 1100, runMs: 20, coldStart: true }, 1100);
    expect(cloud.outlook(1100)).toMatchObject({ coldStartMs: 1000, coldChance: 0 });
    const warm = cloud.sent(100, 1200);
    expect(cloud.outlook(1200)).toMatchObject({ coldChance: 1, starting: 0 });
    cloud.answered(warm, { elapsedMs: 50, runMs: 20, coldStart: false }, 1250);
    expect(cloud.outlook(1250).roundTripMs).toBe(30);
    expect(cloud.inFlight).toBe(0);
  });

  it('believes a cold start that is overdue before it is over', () => {
    const cloud = new CloudModel({ rate });
    cloud.sent(100, 0);
    expect(cloud.outlook(3100)).toMatchObject({ coldStartMs: 3000, starting: 1 });
  });

  it('forgets a call that failed: it teaches nothing', () => {
    const cloud = new CloudModel({ rate });
    const sent = cloud.sent(100, 0);
    expect([cloud.inFlight, cloud.outlook(3100).starting]).toEqual([1, 1]);
    cloud.failed(sent);
    expect(cloud.inFlight).toBe(0);
    expect(cloud.outlook(3100)).toEqual(new CloudModel({ rate }).outlook(3100));
  });

  it('costs what the price list says', () => {
    expect(new CloudModel({ rate }).costUsd(1000)).toBeCloseTo(0.0000326, 6);
  });
});

describe('warm instances', () => {
  it('the youngest idle one is taken; it may have gone after five minutes, and has after ten', () => {
    const warm = new WarmInstances();
    warm.answered(undefined, true, 0);
    expect(warm.coldChance(299_000)).toBe(0);
    expect(warm.coldChance(450_000)).toBeCloseTo(0.5);
    expect(warm.coldChance(600_000)).toBe(1);
    expect(warm.sent(1000)).toBe(1000);
    expect(warm.coldChance(1000)).toBe(1);
  });

  it('learns from a cold start that it didn’t expect', () => {
    const warm = new WarmInstances();
    for (const at of [0, 0, 60_000]) warm.answered(undefined, true, at);
    warm.answered(warm.sent(60_001), false, 60_100);
    const idleMs = warm.sent(160_100);
    warm.answered(idleMs, true, 160_200);
    expect(warm.sent(160_200)).toBe(0);
    expect(warm.sent(160_200)).toBeUndefined();
  });
});

it('remembers at how many calls the cloud refused one, for a minute', () => {
  const limit = new CloudLimit();
  expect(limit.throttleChance(1000, 0)).toBe(0);
  limit.refused(10, 0);
  expect(limit.throttleChance(9, 0)).toBe(0);
  expect(limit.throttleChance(10, 0)).toBe(1);
  expect(limit.throttleChance(10, 45_000)).toBeCloseTo(0.25);
  limit.taken(12);
  expect(limit.throttleChance(12, 0)).toBe(0);
});

describe('the speed of the cloud', () => {
  it('begins with the memory’s share of a core, and learns from all functions', () => {
    expect(Math.exp(new SharedSpeed(885).logRatio)).toBeCloseTo(2, 1);
    const shared = new SharedSpeed(1769);
    const [one, other] = [new CloudSpeed(shared), new CloudSpeed(shared)];
    for (let at = 0; at < 100; at++) {
      one.observe('pool', 100, 100);
      one.observe('cloud', 200, 100);
    }
    expect(one.ratio).toBeCloseTo(2, 1);
    expect(other.ratio).toBeGreaterThan(1.9);
  });

  it('doesn’t believe in a faster cloud for a few lucky calls', () => {
    const speed = new CloudSpeed(new SharedSpeed(1769));
    for (const run of [80, 120, 90, 110, 100]) speed.observe('pool', run, 100);
    for (const run of [70, 90, 110]) speed.observe('cloud', run, 100);
    expect(speed.ratio).toBe(1);
    for (let at = 0; at < 200; at++) {
      speed.observe('pool', 100, 100);
      speed.observe('cloud', 50, 100);
    }
    expect(speed.ratio).toBeLessThan(0.6);
  });
});
