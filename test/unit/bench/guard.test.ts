import { describe, expect, it } from 'vitest';
import { judge, recordedRatio } from '../../../scripts/bench/guard.ts';

describe('the guard against slow-downs', () => {
  it('reads the ratio that the document records', () => {
    expect(recordedRatio()).toBeGreaterThan(0);
    expect(recordedRatio('text\nGuard: add, 64 connections, spillway / haproxy = 1.23\nmore')).toBe(1.23);
  });

  it('says which line is missing', () => {
    expect(() => recordedRatio('nothing')).toThrow(/no line "Guard/);
  });

  it.each([
    [1, 1, false],
    [0.81, 1, false],
    [0.79, 1, true],
    [1.3, 1, false],
    [NaN, 1, true],
  ])('judges %d against %d', (measured, recorded, slower) => {
    expect(judge(measured, recorded).slower).toBe(slower);
  });
});
