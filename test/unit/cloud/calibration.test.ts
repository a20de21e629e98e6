import { describe, expect, it } from 'vitest';
import {
  MAX_RUNS,
  billedByLambda,
  sizeFigures,
  wantsMore,
  type CalibrationSample,
} from '../../../src/cloud/calibration.ts';

function sample(runMs: number, initMs?: number): CalibrationSample {
  return { runMs, initMs, billedMs: runMs + 1, usedMb: 60 + runMs, millionUsd: runMs * 2 };
}

const cold = sample(20, 150);
const steady = Array.from({ length: 4 }, () => sample(10));
const unsteady = (count: number): CalibrationSample[] =>
  Array.from({ length: count }, (_, index) => sample(index % 2 === 0 ? 10 : 30));

describe('how many calls', () => {
  it('one cold and four warm where they take the same time', () => {
    expect(wantsMore([])).toBe(true);
    expect(wantsMore([cold, ...steady.slice(1)])).toBe(true);
    expect(wantsMore([cold, ...steady])).toBe(false);
  });

  it('more where they don’t, up to a limit', () => {
    expect(wantsMore([cold, ...unsteady(8)])).toBe(true);
    expect(wantsMore([cold, ...unsteady(9)])).toBe(false);
    expect(1 + 9).toBe(MAX_RUNS);
  });

  it('an end also where every call starts a process', () => {
    expect(wantsMore(Array.from({ length: 7 }, () => cold))).toBe(true);
    expect(wantsMore(Array.from({ length: 8 }, () => cold))).toBe(false);
  });
});

describe('the figures of a size', () => {
  it('are those of warm calls, and of the start', () => {
    expect(sizeFigures(512, [cold, sample(10), sample(20), sample(60)], undefined)).toEqual({
      memoryMb: 512,
      runs: 4,
      coldMs: 170,
      meanMs: 30,
      p50Ms: 20,
      p95Ms: 60,
      billedMs: 31,
      costUsdPerMillion: 60,
      usedMb: 120,
    });
  });

  it('are none where there is no warm call, or the size failed', () => {
    expect(sizeFigures(512, [cold], undefined)).toEqual({
      memoryMb: 512,
      runs: 1,
      skipped: 'no warm call was made',
    });
    expect(sizeFigures(512, [cold, ...steady], 'it crashed')).toEqual({
      memoryMb: 512,
      runs: 5,
      skipped: 'it crashed',
    });
  });
});

describe('Lambda’s own account', () => {
  it('is read from the end of a call’s log', () => {
    const report =
      'START\nREPORT RequestId: 1-2\tDuration: 12.34 ms\tBilled Duration: 163 ms\tMemory Size: 512 MB\tInit Duration: 150.1 ms\t\n';
    expect(billedByLambda(report)).toBe(163);
    expect(billedByLambda('something else that says Billed Duration: 5 ms')).toBeUndefined();
    expect(billedByLambda(undefined)).toBeUndefined();
  });
});
