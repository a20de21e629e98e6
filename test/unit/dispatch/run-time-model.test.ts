import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../scripts/simulate/random.ts';
import { DecayingHistogram } from '../../../src/dispatch/decaying-histogram.ts';
import { PRIOR_RUN_MS, RunTimeModel } from '../../../src/dispatch/run-time-model.ts';

describe('the histogram', () => {
  it('tells the mean, quantiles, and what is left of what has lasted', () => {
    const histogram = new DecayingHistogram();
    for (let at = 0; at < 200; at++) histogram.observe(at % 10 === 9 ? 1000 : 10);
    expect(histogram.mean).toBeCloseTo(109, -1);
    expect(histogram.quantile(0.5)).toBeCloseTo(10);
    expect(histogram.quantile(0.95)).toBeCloseTo(1000);
    // What has passed 10 is one of the long ones.
    expect(histogram.residual(50)).toBeCloseTo(950);
    // What has outlasted all others lasts as long again.
    expect(histogram.residual(3000)).toBe(3000);
  });

  it('forgets, and survives a million values', () => {
    const histogram = new DecayingHistogram();
    for (let at = 0; at < 1_000_000; at++) histogram.observe(at < 999_000 ? 10 : 500);
    expect(histogram.mean).toBeGreaterThan(499);
    expect(histogram.quantile(0.05)).toBeCloseTo(500);
  });
});

describe('the run times of a function', () => {
  it('begins with the prior, which the first call replaces', () => {
    const model = new RunTimeModel();
    expect(model.meanMs(0)).toBe(PRIOR_RUN_MS);
    model.observe(7, 0);
    expect(model.meanMs(0)).toBeCloseTo(7);
  });

  it('uses the size where that explains the run time, and only there', () => {
    const random = seededRandom(1);
    const bySize = new RunTimeModel();
    const byChance = new RunTimeModel();
    for (let at = 0; at < 200; at++) {
      const bytes = 1000 * random();
      bySize.observe((10 + bytes) * (0.9 + 0.2 * random()), bytes);
      byChance.observe(10 + 1000 * random(), bytes);
    }
    expect(bySize.bySize).toBe(true);
    expect(bySize.meanMs(100)).toBeGreaterThan(95);
    expect(bySize.meanMs(100)).toBeLessThan(125);
    expect(bySize.p95Ms(100)).toBeLessThan(150);
    expect(bySize.remainingMs(50, 900)).toBeGreaterThan(700);
    expect(byChance.bySize).toBe(false);
    expect(byChance.meanMs(1)).toBe(byChance.meanMs(900));
  });

  it('never expects less for a larger input, nor less than nothing', () => {
    const model = new RunTimeModel();
    for (let at = 1; at <= 50; at++) model.observe(1000 / at, at * 100);
    expect(model.meanMs(1e9)).toBeGreaterThanOrEqual(model.meanMs(1));
    expect(model.meanMs(0)).toBeGreaterThan(0);
  });
});
