import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../../../src/dispatch/retry-budget.ts';

/** Takes until there is nothing left; how often it could. */
function takeAll(budget: RetryBudget, now: number): number {
  let taken = 0;
  while (budget.take(now)) taken += 1;
  return taken;
}

describe('RetryBudget', () => {
  it('starts with a second’s worth, and gets as much every second', () => {
    const budget = new RetryBudget(0);
    expect(takeAll(budget, 0)).toBe(10);
    expect(takeAll(budget, 99)).toBe(0);
    expect(takeAll(budget, 100)).toBe(1);
    expect(takeAll(budget, 2100)).toBe(20);
  });

  it('gets a fifth of every call', () => {
    const budget = new RetryBudget(0);
    takeAll(budget, 0);
    for (let i = 0; i < 51; i += 1) budget.deposit();
    expect(takeAll(budget, 0)).toBe(10);
  });

  it('saves up as many as two slots may have in line', () => {
    const budget = new RetryBudget(0);
    for (let i = 0; i < 5000; i += 1) budget.deposit();
    expect(takeAll(budget, 0)).toBe(256);
    expect(takeAll(budget, 3_600_000)).toBe(256);
  });

  it('gives nothing for a clock that goes back', () => {
    const budget = new RetryBudget(1000);
    takeAll(budget, 1000);
    expect(budget.take(0)).toBe(false);
  });

  it('never gives more than a fifth of the calls, ten a second and the first ten', () => {
    const steps = fc.array(fc.tuple(fc.nat(20), fc.nat(500)), { maxLength: 50 });
    fc.assert(
      fc.property(steps, (all) => {
        const budget = new RetryBudget(0);
        let now = 0;
        let calls = 0;
        let taken = 0;
        for (const [arrived, later] of all) {
          now += later;
          calls += arrived;
          for (let i = 0; i < arrived; i += 1) budget.deposit();
          taken += takeAll(budget, now);
          expect(taken).toBeLessThanOrEqual(10 + 0.2 * calls + now / 100 + 1e-6);
        }
      }),
    );
  });
});
