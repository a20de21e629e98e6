import { describe, expect, it } from 'vitest';
import type { CalibrationSize } from '../../../src/cloud/calibration.ts';
import { choose, type ChoiceGrounds, type Mix } from '../../../src/cloud/memory-choice.ts';
import { callNanoUsd, pricesOf } from '../../../src/cloud/prices.ts';

const rate = { prices: pricesOf('us-east-1').prices, memoryMb: 1769, architecture: 'arm64' } as const;
const NO_MIX: Mix = { place: 'pool', entries: [] };

/** What a function that waits and computes would have measured. */
function sizes(
  waitMs: number,
  cpuMs: number,
  usedMb = 70,
  memories = [512, 1024, 1769, 3008],
): CalibrationSize[] {
  return memories.map((memoryMb) => {
    const p50Ms = waitMs + cpuMs * Math.max(1, 1769 / memoryMb);
    const usage = { billedMs: p50Ms, resultBytes: 0, logBytes: 0 };
    const costUsdPerMillion = callNanoUsd({ ...rate, memoryMb }, usage) / 1000;
    return { memoryMb, runs: 5, p50Ms, costUsdPerMillion, usedMb };
  });
}

function recommend(changed: Partial<ChoiceGrounds>): { memoryMb: number; why: string } {
  return choose({ method: 'fib', sizes: sizes(0, 200), mix: NO_MIX, rate, ...changed }).recommended;
}

describe('without a record', () => {
  it('a function that computes gets a whole core and no more', () => {
    const { memoryMb, why } = recommend({});
    expect(memoryMb).toBe(1769);
    expect(why).toBe(
      'the fastest for fib alone (fewer than 20 calls are on record), and nothing cheaper comes within 10% of it',
    );
  });

  it('one that waits gets the cheapest', () => {
    const { memoryMb, why } = recommend({ sizes: sizes(200, 0) });
    expect(memoryMb).toBe(512);
    expect(why).toMatch(/^the fastest for fib alone/);
  });

  it('a size that is a little slower and cheaper wins', () => {
    const { memoryMb, why } = recommend({ sizes: sizes(200, 20) });
    expect(memoryMb).toBe(1024);
    expect(why).toMatch(/^the cheapest at which fib alone .* takes at most 10% longer .*\(1769 MB\)$/);
  });

  it('sizes that were skipped don’t count, and no size at all is an error', () => {
    const skipped = { memoryMb: 512, runs: 0, skipped: 'AWS refuses it' };
    expect(recommend({ sizes: [skipped, ...sizes(200, 0, 70, [1769])] }).memoryMb).toBe(1769);
    expect(() => recommend({ sizes: [skipped] })).toThrow('no size was measured');
  });

  it('one must have a quarter more than the function occupied', () => {
    const { memoryMb, why } = recommend({ sizes: sizes(200, 0, 500) });
    expect(memoryMb).toBe(1024);
    expect(why).toMatch(/fib itself occupied 500 MB, and a quarter more has to be there$/);
    expect(recommend({ sizes: sizes(200, 0, 5000) }).memoryMb).toBe(3008);
  });
});

describe('with a record', () => {
  const entry = { calls: 100, runMs: 100 };

  it('the mix decides, not the function that was measured', () => {
    const mix: Mix = { place: 'cloud', entries: [{ ...entry, method: 'fetch', cpuShare: 0 }] };
    const { memoryMb, why } = recommend({ mix });
    expect(memoryMb).toBe(512);
    expect(why).toContain(
      "the recorded mix (100 calls in the cloud; of their time: fetch 100%; fib isn't among them)",
    );
  });

  it('weighs functions by calls and time', () => {
    const waits = { method: 'fetch', calls: 1000, runMs: 1, cpuShare: 0 };
    const computes = { method: 'fib', calls: 10, runMs: 1000 };
    const { memoryMb, why } = recommend({ mix: { place: 'pool', entries: [waits, computes] } });
    expect(memoryMb).toBe(1769);
    expect(why).toContain('1,010 calls in the pool; of their time: fib 91%, fetch 9%)');
    const rarely = { ...computes, calls: 1, runMs: 10 };
    expect(recommend({ mix: { place: 'pool', entries: [waits, rarely] } }).memoryMb).toBe(512);
  });

  it('takes an unknown share as the measured function’s', () => {
    const mix: Mix = { place: 'pool', entries: [{ ...entry, method: 'other' }] };
    expect(recommend({ mix }).memoryMb).toBe(1769);
    expect(recommend({ mix, sizes: sizes(200, 0) }).memoryMb).toBe(512);
  });

  it('reckons from the memory that the calls had', () => {
    // A quarter of a core: 40 ms there are 10 ms of a whole one, a tenth of the mix and not a third of it.
    const entries = [
      { method: 'fib', calls: 20, runMs: 40 },
      { method: 'fetch', calls: 20, runMs: 90, cpuShare: 0 },
    ];
    const at = { ...rate, memoryMb: 442 };
    expect(recommend({ mix: { place: 'cloud', entries }, rate: at }).memoryMb).toBe(1024);
    expect(recommend({ mix: { place: 'pool', entries }, rate: at }).memoryMb).toBe(1769);
  });

  it('of a few calls says nothing', () => {
    const mix: Mix = { place: 'pool', entries: [{ ...entry, calls: 19, method: 'fetch', cpuShare: 0 }] };
    expect(recommend({ mix }).memoryMb).toBe(1769);
  });

  it('names three functions, and the others together', () => {
    const entries = ['a', 'b', 'c', 'd', 'e'].map((method, i) => ({ method, calls: 20, runMs: 10 - i }));
    expect(recommend({ mix: { place: 'pool', entries } }).why).toContain('a 25%, b 23%, c 20%, others 33%');
  });
});
