import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../../src/admin/histogram.ts';

const of = (...durations: number[]): Histogram => {
  const histogram = new Histogram();
  for (const ms of durations) histogram.record(ms);
  return histogram;
};

describe('Histogram', () => {
  it('knows count, sum and mean exactly', () => {
    const histogram = of(1, 2, 6);
    expect(histogram).toMatchObject({ count: 3, sumMs: 9, meanMs: 3 });
    expect(of()).toMatchObject({ count: 0, sumMs: 0, meanMs: 0 });
    expect(of().quantileMs(0.5)).toBe(0);
  });

  it('knows any quantile to within one bucket, 19%', () => {
    const duration = fc.double({ min: 0.02, max: 100_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(duration, { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (all, p) => {
          const exact = all.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(all.length * p) - 1)]!;
          const ratio = of(...all).quantileMs(p) / exact;
          expect(ratio).toBeGreaterThan(1 / 1.2);
          expect(ratio).toBeLessThan(1.2);
        },
      ),
    );
  });

  it('shows cumulative counts at powers of two seconds, a border belonging to what is below', () => {
    // 62.5 ms is 2^-4 s.
    const shown = of(62.5, 62.6, 1000, 3000).shown();
    const at = (le: number): number | undefined => shown.find((bucket) => bucket.le === le)?.count;
    expect([at(2 ** -5), at(2 ** -4), at(2 ** -3), at(0.5), at(1), at(2), at(4)]).toEqual([
      0, 1, 2, 2, 3, 3, 4,
    ]);
    expect(shown).toHaveLength(21);
  });

  it('takes what no duration should be', () => {
    const histogram = of(0, -1, Number.NaN, 1e9);
    expect(histogram.count).toBe(4);
    expect(histogram.sumMs).toBe(1e9);
    expect(histogram.shown().at(-1)?.count).toBe(3);
    expect(histogram.quantileMs(1)).toBeGreaterThan(100_000);
  });

  it('forgets', () => {
    const histogram = of(1, 2);
    histogram.clear();
    expect(histogram).toMatchObject({ count: 0, sumMs: 0 });
    expect(histogram.shown().at(-1)?.count).toBe(0);
  });
});
