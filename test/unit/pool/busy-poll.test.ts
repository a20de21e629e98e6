import { beforeEach, describe, expect, it } from 'vitest';
import { BusyPoll, MOST_LOOKS, MOST_PAUSED } from '../../../src/pool/busy-poll.ts';

describe('busy polling', () => {
  let turns: (() => void)[];
  let awaited: boolean;
  let poll: BusyPoll;

  beforeEach(() => {
    turns = [];
    poll = new BusyPoll(
      () => awaited,
      (look) => turns.push(look),
    );
  });

  /** Expects an answer, which comes after so many turns. @returns how many turns of the event loop didn't sleep */
  function expectOne(comesAfter: number): number {
    awaited = true;
    poll.expect();
    let count = 0;
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
      count += 1;
      awaited = count < comesAfter;
      turn();
    }
    return count;
  }

  it('looks until the answer is there, and each time again', () => {
    expect(expectOne(30)).toBe(30);
    expect(expectOne(40)).toBe(40);
    expect(expectOne(1)).toBe(1);
  });

  it('looks only so often', () => {
    expect(expectOne(Infinity)).toBe(MOST_LOOKS);
    expect(MOST_LOOKS).toBe(100);
  });

  it('sleeps through ever more answers after looking in vain', () => {
    const looked = Array.from({ length: 12 }, () => expectOne(Infinity) > 0);
    expect(looked.flatMap((did, at) => (did ? [at] : []))).toEqual([0, 2, 5, 10]);
  });

  it('comes back to it now and then, and is as before once it has helped', () => {
    for (let i = 0; i < 10 * MOST_PAUSED; i += 1) expectOne(Infinity);
    const untilNext = Array.from({ length: MOST_PAUSED + 1 }, () => expectOne(5)).filter(
      (looks) => looks > 0,
    );
    expect(untilNext.length).toBeGreaterThanOrEqual(1);
    expect(untilNext.every((looks) => looks === 5)).toBe(true);
    expect(expectOne(5), 'after one that helped nothing is slept through').toBe(5);
    expectOne(Infinity);
    expect(expectOne(5), 'one is').toBe(0);
    expect(expectOne(5)).toBe(5);
  });

  it('is one look a turn, however often it is asked to, and begins to count again', () => {
    awaited = true;
    poll.expect();
    for (let i = 0; i < 50; i += 1) turns.shift()?.();
    poll.expect();
    expect(turns).toHaveLength(1);
    let more = 0;
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
      more += 1;
      turn();
    }
    expect(more).toBe(MOST_LOOKS);
  });
});
