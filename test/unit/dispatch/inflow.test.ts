import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inflow } from '../../../src/dispatch/inflow.ts';

/** Calls of `workMs` each that come evenly, looked at every `everyMs` for `forMs`. */
function fed(callsPerS: number, workMs: number, everyMs: number, forMs: number): Inflow {
  const inflow = new Inflow();
  for (let at = 0; at <= forMs; at += everyMs) {
    const calls = (callsPerS * at) / 1000;
    inflow.observe(calls, calls * workMs, at);
  }
  return inflow;
}

describe('the calls to come', () => {
  it('are none while the slots have time to spare, whatever waits', () => {
    // 400 a second, 15 ms each, on eight slots: a load of 0.75.
    expect(fed(400, 15, 10, 10_000).callsToCome(8, 1000)).toBe(0);
  });

  it('are those of 300 ms where more comes than the slots can do', () => {
    expect(fed(400, 30, 10, 10_000).callsToCome(8, 100)).toBeCloseTo(400 * 0.3, 0);
  });

  it('are those who come until the backlog is worked off, while it shrinks', () => {
    // A load of 0.95, taken for 0.95 · (1 − 1.5 / 20) = 0.879.
    const inflow = fed(400, 19, 10, 10_000);
    expect(inflow.callsToCome(8, 80)).toBeCloseTo((0.4 * 10) / (1 - 0.879), 0);
    expect(inflow.callsToCome(8, 80_000)).toBeCloseTo(400 * 0.3, 0);
    expect(inflow.callsToCome(8, 0)).toBe(0);
  });

  it('are doubtful where few calls make the load', () => {
    // Three long calls a second are a load of 1.5, by chance: 1.5 · (1 − 1.5 / √3) = 0.2.
    expect(fed(3, 4000, 10, 60_000).callsToCome(8, 10_000)).toBe(0);
  });

  it('don’t depend on how often it is looked at', () => {
    const often = fed(400, 30, 1, 5000).callsToCome(8, 100);
    expect(fed(400, 30, 1000, 5000).callsToCome(8, 100)).toBeCloseTo(often, 3);
  });

  it('are forgotten within seconds', () => {
    const inflow = fed(400, 30, 10, 10_000);
    inflow.observe(4000, 120_000, 15_000);
    expect(inflow.callsToCome(8, 100)).toBe(0);
  });

  it('are a finite number for whatever comes', () => {
    const step = fc.tuple(fc.nat(1000), fc.nat(100_000), fc.nat(100_000));
    fc.assert(
      fc.property(fc.array(step), fc.nat(64), fc.nat(1_000_000), (steps, slots, backlogMs) => {
        const inflow = new Inflow();
        let [calls, workMs, nowMs] = [0, 0, 0];
        for (const [more, work, ms] of steps) {
          [calls, workMs, nowMs] = [calls + more, workMs + work, nowMs + ms];
          inflow.observe(calls, workMs, nowMs);
          const toCome = inflow.callsToCome(slots, backlogMs);
          expect(toCome).toBeGreaterThanOrEqual(0);
          expect(toCome).toBeLessThanOrEqual(calls);
        }
      }),
    );
  });
});
