import { expect, test } from 'vitest';
import { LeasedCalls } from '../../../src/pool/leased-calls.ts';

const CALL = 'a call';

function leased(count: number): LeasedCalls<string> {
  const calls = new LeasedCalls<string>();
  for (let id = 1; id <= count; id += 1) calls.add(id, CALL, id, Infinity);
  return calls;
}

function ids(calls: LeasedCalls<string>): number[] {
  return calls.all().map(({ callId }) => callId);
}

function take(calls: LeasedCalls<string>, callId: number): void {
  const found = calls.find(callId);
  if (found === undefined) throw new Error(`there is no call ${callId}`);
  calls.remove(found);
}

test('keeps calls in the order in which they came, whichever leaves', () => {
  const calls = leased(5);
  take(calls, 3);
  take(calls, 1);
  take(calls, 5);
  calls.add(6, CALL, 6, Infinity);
  expect(ids(calls)).toEqual([2, 4, 6]);
  expect(calls.first?.callId).toBe(2);
  expect(calls.size).toBe(3);
});

test('is empty when the last one has left', () => {
  const calls = leased(1);
  take(calls, 1);
  expect(calls).toMatchObject({ size: 0, first: undefined });
  calls.add(7, CALL, 7, Infinity);
  expect(ids(calls)).toEqual([7]);
});

test.each([5, 31, 32, 33, 1000])('finds what is there and nothing else, of %i', (count) => {
  const calls = leased(count);
  for (let id = 2; id <= count; id += 2) take(calls, id);
  for (let id = 1; id <= count; id += 1) {
    expect(calls.find(id)?.callId).toBe(id % 2 === 1 ? id : undefined);
  }
  for (let id = 1; id <= count + 1; id += 1) expect(calls.has(id)).toBe(id <= count && id % 2 === 1);
  expect(calls.find(count + 1)).toBeUndefined();
});

test('one that has left leads to no other', () => {
  const calls = leased(3);
  const middle = calls.find(2);
  take(calls, 2);
  expect(middle).toMatchObject({ before: undefined, after: undefined });
});

test('clear takes all out', () => {
  const calls = leased(40);
  calls.clear();
  expect(calls.find(3)).toBeUndefined();
  expect(ids(calls)).toEqual([]);
});

test('finds those that were added or left since it had many', () => {
  const calls = leased(40);
  take(calls, 20);
  calls.add(41, CALL, 41, Infinity);
  calls.add(20, CALL, 42, Infinity);
  for (const id of [1, 20, 40, 41]) expect(calls.find(id)?.callId).toBe(id);
  for (let id = 2; id <= 40; id += 1) take(calls, id);
  expect(ids(calls)).toEqual([1, 41]);
  expect([1, 20, 41].map((id) => calls.has(id))).toEqual([true, false, true]);
});

test('takes ids that begin again for what they are', () => {
  const calls = new LeasedCalls<string>();
  for (const id of [4_294_967_295, 1, 2]) calls.add(id, CALL, id, Infinity);
  expect([4_294_967_295, 1, 2, 3].map((id) => calls.has(id))).toEqual([true, true, true, false]);
});
