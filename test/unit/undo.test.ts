import { expect, it } from 'vitest';
import { Undo } from '../../src/undo.ts';

it('undoes in the reverse order, each step once, from the one that is asked for', async () => {
  const undo = new Undo();
  const done: string[] = [];
  for (const step of ['a', 'b', 'c']) undo.push(() => void done.push(step));
  expect(undo.length).toBe(3);
  await undo.from(1);
  expect(done).toEqual(['c', 'b']);
  await undo.from(0);
  expect(done).toEqual(['c', 'b', 'a']);
  await undo.from(0);
  expect([done.length, undo.length]).toEqual([3, 0]);
});

it('is over for everybody when the last step is, whoever began', async () => {
  const undo = new Undo();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const done: string[] = [];
  undo.push(() => void done.push('first'));
  undo.push(async () => {
    await promise;
    done.push('slow');
  });
  const began = undo.from(1);
  let over = false;
  const stopped = undo.from(0).then(() => (over = true));
  await new Promise((turn) => setImmediate(turn));
  expect([over, done]).toEqual([false, []]);
  resolve(undefined);
  await Promise.all([began, stopped]);
  expect(done).toEqual(['slow', 'first']);
});

it('goes on past a step that fails, and says so to who began, and to nobody else', async () => {
  const undo = new Undo();
  const done: string[] = [];
  undo.push(() => void done.push('a'));
  undo.push(() => Promise.reject(new Error('busy')));
  const began = undo.from(0);
  const later = undo.from(0);
  await expect(began).rejects.toThrow('busy');
  await later;
  expect(done).toEqual(['a']);
});
