import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PeakEwma } from '../../../src/pool/peak-ewma.ts';

describe('PeakEwma', () => {
  it('is 0 before the first sample, and then the sample', () => {
    const latency = new PeakEwma();
    expect(latency.at(5)).toBe(0);
    latency.observe(8, 100);
    expect(latency.at(100)).toBe(8);
  });

  it('jumps to a higher sample at once', () => {
    const latency = new PeakEwma();
    latency.observe(8, 0);
    latency.observe(80, 1);
    expect(latency.at(1)).toBe(80);
  });

  it('comes down by e for every 10 s, with lower samples and without any', () => {
    const latency = new PeakEwma();
    latency.observe(100, 0);
    expect(latency.at(10_000)).toBeCloseTo(100 / Math.E, 9);
    latency.observe(10, 10_000);
    const keep = 1 / Math.E;
    expect(latency.at(10_000)).toBeCloseTo(100 * keep + 10 * (1 - keep), 9);
  });

  it('takes a sample above what is left of a peak for a new peak', () => {
    const latency = new PeakEwma();
    latency.observe(100, 0);
    latency.observe(50, 30_000);
    expect(latency.at(30_000)).toBe(50);
  });

  it('stays between 0 and the highest sample, also if the clock goes back', () => {
    const samples = fc.array(fc.tuple(fc.nat(1000), fc.integer({ min: -100, max: 5000 })), { minLength: 1 });
    fc.assert(
      fc.property(samples, (all) => {
        const latency = new PeakEwma();
        let now = 1000;
        for (const [ms, later] of all) {
          now += later;
          latency.observe(ms, now);
          expect(latency.at(now)).toBeGreaterThanOrEqual(0);
          expect(latency.at(now)).toBeLessThanOrEqual(Math.max(...all.map(([sample]) => sample)));
          expect(latency.at(now + 1000)).toBeLessThanOrEqual(latency.at(now));
        }
      }),
    );
  });
});
