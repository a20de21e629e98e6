import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Decaying,
  KNOWN_AFTER_SAMPLES,
  RunTimes,
  MOST_AFTER_SAMPLES,
} from '../../../src/dispatch/estimates.ts';

function runTimes(samples: readonly number[]): RunTimes {
  const times = new RunTimes();
  for (const ms of samples) times.observe(ms, undefined);
  return times;
}

const same = (ms: number, count: number): number[] => Array.from({ length: count }, () => ms);

describe('Decaying', () => {
  it('is the plain mean of the first twenty samples', () => {
    const samples = [3, 9, 1, 7, 5];
    const decaying = new Decaying();
    for (const sample of samples) decaying.observe(sample);
    expect(decaying.mean).toBeCloseTo(5, 9);
    expect(decaying.count).toBe(5);
  });

  it('weighs each later one by a twentieth', () => {
    const decaying = new Decaying();
    for (const sample of same(10, 20)) decaying.observe(sample);
    decaying.observe(30);
    expect(decaying.mean).toBeCloseTo(11, 9);
    expect(decaying.spread).toBeCloseTo(1, 9);
    decaying.observe(11);
    expect(decaying.mean).toBeCloseTo(11, 9);
    expect(decaying.spread).toBeCloseTo(0.95, 9);
  });

  it('has no spread after one sample, whatever it was', () => {
    const decaying = new Decaying();
    decaying.observe(1000);
    expect(decaying.spread).toBe(0);
  });

  it('stays within what it has seen', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 }), (samples) => {
        const decaying = new Decaying();
        for (const sample of samples) decaying.observe(sample);
        expect(decaying.mean).toBeGreaterThanOrEqual(Math.min(...samples) - 1e-6);
        expect(decaying.mean).toBeLessThanOrEqual(Math.max(...samples) + 1e-6);
        expect(decaying.spread).toBeLessThanOrEqual(Math.max(...samples) - Math.min(...samples) + 1e-6);
        expect(decaying.spread).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('RunTimes', () => {
  it('is known from the fifth sample on', () => {
    expect(runTimes(same(1, KNOWN_AFTER_SAMPLES - 1)).known).toBe(false);
    expect(runTimes(same(1, KNOWN_AFTER_SAMPLES)).known).toBe(true);
    expect(KNOWN_AFTER_SAMPLES).toBe(5);
  });

  it('tells how short it is from the twentieth on: mean plus two spreads', () => {
    expect(runTimes(same(0.1, MOST_AFTER_SAMPLES - 1)).mostMs).toBe(Infinity);
    const times = runTimes([...same(0.1, MOST_AFTER_SAMPLES), 0.3]);
    expect(times.mostMs).toBeCloseTo(times.wallMs.mean + 2 * times.wallMs.spread, 12);
    expect(times.mostMs).toBeCloseTo(0.11 + 2 * 0.01, 9);
    expect(MOST_AFTER_SAMPLES).toBe(20);
  });

  it('counts CPU time only where it was measured', () => {
    const times = new RunTimes();
    times.observe(5, undefined);
    times.observe(5, 3);
    expect([times.wallMs.count, times.cpuMs.count, times.cpuMs.mean]).toEqual([2, 1, 3]);
  });

  it.each([
    [0, 100],
    [99, 1],
    [100, 100],
    [250, 250],
  ])('expects of a call of 100 ms that has run for %i ms another %i ms', (elapsedMs, leftMs) => {
    expect(runTimes(same(100, 5)).remainingMs(elapsedMs)).toBeCloseTo(leftMs, 9);
  });
});
