import { describe, expect, it } from 'vitest';
import { guard, judge, pairedRatio, recordedRatio, type Attempt } from '../../../scripts/bench/guard.ts';

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

describe('the ratio of rounds in pairs', () => {
  it('is the median of the ratios, not the ratio of the medians', () => {
    // The machine was busy in two rounds; in every one of them own was twice as fast.
    expect(pairedRatio([200, 20, 10], [100, 10, 5])).toBe(2);
    expect(pairedRatio([100, 40, 30], [10, 80, 60])).toBe(0.5);
  });

  it('is no number where nothing was measured', () => {
    expect(pairedRatio([], [])).toBeNaN();
  });
});

describe('the guard’s attempts', () => {
  const FAST: Attempt = { own: [100, 110], peer: [100, 100], errors: 0 };
  const SLOW: Attempt = { own: [70, 70], peer: [100, 100], errors: 0 };

  /** Runs the guard over what is measured each time. */
  async function run(...measured: Attempt[]): Promise<{ passed: boolean; attempts: number; said: string[] }> {
    const said: string[] = [];
    let attempts = 0;
    const attempt = (): Promise<Attempt> => Promise.resolve(measured[attempts++] ?? SLOW);
    const passed = await guard(attempt, 1, (text) => said.push(text));
    return { passed, attempts, said };
  }

  it('end with the first that is fast enough', async () => {
    expect(await run(FAST)).toMatchObject({ passed: true, attempts: 1 });
    expect(await run(SLOW, SLOW, FAST)).toMatchObject({ passed: true, attempts: 3 });
  });

  it('are three', async () => {
    const { passed, attempts, said } = await run(SLOW, SLOW, SLOW, FAST);
    expect([passed, attempts]).toEqual([false, 3]);
    expect(said[2]).toMatch(/slower than recorded.* 0\.70.*attempt 3 of 3/);
  });

  it('end with the first wrong answer', async () => {
    const { passed, attempts, said } = await run({ ...FAST, errors: 2 }, FAST);
    expect([passed, attempts, said[1]]).toEqual([false, 1, '2 wrong answers or failed connections']);
  });

  it('fail where nothing was measured', async () => {
    const nothing = { own: [], peer: [], errors: 0 };
    expect(await run(nothing, nothing, nothing)).toMatchObject({ passed: false, attempts: 3 });
  });
});
