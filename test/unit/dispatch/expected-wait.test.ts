import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { waitBehind } from '../../../src/dispatch/expected-wait.ts';

describe('waitBehind', () => {
  it.each([
    ['the first slot to be free', [80, 20, 50], 0, 100, 20],
    ['the second, behind one call', [80, 20, 50], 1, 100, 50],
    ['a slot after the call ahead of it', [80, 20, 50], 3, 100, 120],
    ['rounds of calls', [0, 0], 1000, 10, 5000],
    ['short calls that fit in before the others are free', [1000, 1000, 10], 5, 1, 15],
    ['short calls until all slots are level', [1000, 10], 2000, 1, 1505],
    ['calls that take no time', [30, 30, 40], 500, 0, 30],
    ['a slot about to be ready', [500, 500, 20], 0, 500, 20],
    ['no slot', [], 0, 10, Infinity],
  ])('waits for %s', (_what, freeInMs, waiting, eachMs, waitMs) => {
    expect(waitBehind(freeInMs, waiting, eachMs)).toBeCloseTo(waitMs, 6);
  });

  it('is what handing out the slots one by one gives', () => {
    const slots = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(slots, fc.nat(60), fc.integer({ min: 1, max: 500 }), (freeInMs, waiting, eachMs) => {
        const free = [...freeInMs];
        for (let call = 0; call < waiting; call++) free[free.indexOf(Math.min(...free))]! += eachMs;
        expect(waitBehind(freeInMs, waiting, eachMs)).toBeCloseTo(Math.min(...free), 6);
      }),
    );
  });

  it('leaves the slots as they were given', () => {
    const freeInMs = [30, 10, 20];
    waitBehind(freeInMs, 5, 10);
    expect(freeInMs).toEqual([30, 10, 20]);
  });
});
