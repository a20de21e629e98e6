import { expect, test } from 'vitest';
import { Line } from '../../../src/dispatch/line.ts';

test('is walked in both directions, whichever leaves', () => {
  const line = new Line<string>();
  const places = ['a', 'b', 'c', 'd'].map((call) => line.push(call, 0));
  for (const at of [1, 3]) line.remove(places[at] ?? line.push('', 0));
  expect([...line.walk(false)]).toEqual(['a', 'c']);
  expect([...line.walk(true)]).toEqual(['c', 'a']);
  expect(line).toMatchObject({ size: 2, oldest: 'a', newest: 'c' });
});

test('one that has left leads to no other: else it would keep them all for the garbage collector', () => {
  const line = new Line<string>();
  line.push('a', 0);
  const place = line.push('b', 0);
  line.push('c', 0);
  line.remove(place);
  expect(place).toMatchObject({ older: undefined, newer: undefined });
});
