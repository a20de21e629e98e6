import { describe, expect, it } from 'vitest';
import { cpuShare, fitMemory, stretch, type TimeAt } from '../../../src/cloud/memory-fit.ts';

const SIZES = [512, 1024, 1769, 3008];

/** The times of a function that waits and computes, by the formula. */
function times(waitMs: number, cpuMs: number, sizes = SIZES): TimeAt[] {
  return sizes.map((memoryMb) => ({ memoryMb, ms: waitMs + cpuMs * Math.max(1, 1769 / memoryMb) }));
}

describe('the fit', () => {
  it.each([
    ['computes', 0, 20],
    ['waits', 100, 0],
    ['does both', 30, 70],
    ['is short', 0.01, 0.05],
  ])('finds the parts of a function that %s', (_, waitMs, cpuMs) => {
    const fit = fitMemory(times(waitMs, cpuMs));
    expect(fit.waitMs).toBeCloseTo(waitMs, 6);
    expect(fit.cpuMs).toBeCloseTo(cpuMs, 6);
  });

  it('has no negative part, whatever noise there is', () => {
    const faster = fitMemory([
      { memoryMb: 512, ms: 10 },
      { memoryMb: 1769, ms: 12 },
    ]);
    expect(faster.cpuMs).toBe(0);
    expect(faster.waitMs).toBeGreaterThan(10);
    const steeper = fitMemory([
      { memoryMb: 512, ms: 100 },
      { memoryMb: 1769, ms: 10 },
    ]);
    expect(steeper.waitMs).toBe(0);
    expect(steeper.cpuMs).toBeGreaterThan(10);
  });

  it('calls everything computing where the sizes can’t tell', () => {
    expect(cpuShare(fitMemory(times(30, 70, [1769, 3008])))).toBe(1);
    expect(cpuShare(fitMemory(times(30, 70, [512])))).toBe(1);
    expect(fitMemory(times(30, 70, [3008])).cpuMs).toBeCloseTo(100);
  });

  it('of nothing is nothing', () => {
    expect(fitMemory([])).toEqual({ waitMs: 0, cpuMs: 0 });
    expect(cpuShare({ waitMs: 0, cpuMs: 0 })).toBe(1);
  });
});

describe('the stretch', () => {
  it('is that of the computing part, and none above a whole core', () => {
    expect(stretch(1, 884.5)).toBe(2);
    expect(stretch(0.5, 884.5)).toBe(1.5);
    expect(stretch(0, 128)).toBe(1);
    expect(stretch(1, 3008)).toBe(1);
  });
});
