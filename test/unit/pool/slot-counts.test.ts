/** Which calls a slot counts as run, and which of those as failed: the worker table's figures. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ANSWER, SlotRig } from './slot-rig.ts';

let rig: SlotRig;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['performance', 'setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'],
  });
  rig = new SlotRig();
});
afterEach(() => {
  vi.useRealTimers();
});

const failure = { kind: 'FunctionError', message: 'no' } as const;

it('counts answers, and as failed those with an error', () => {
  rig.slot.answer(rig.run().id, ANSWER);
  rig.slot.answer(rig.run().id, { ...ANSWER, failure });
  expect(rig.ended).toEqual(['ran', 'failed']);
});

it('counts each call that ran when the slot died', () => {
  for (let i = 0; i < 3; i += 1) rig.run({ concurrency: 4 });
  rig.slot.lose('it ended');
  expect(rig.ended).toEqual(['failed', 'failed', 'failed']);
});

it('leaves those out that had only been handed ahead', () => {
  rig.warm();
  for (let i = 0; i < 3; i += 1) rig.run({ shortMs: 0.1 });
  rig.slot.lose('it ended');
  expect(rig.ended).toEqual(['failed']);
});

it('counts a call at its deadline once, with the end that follows', () => {
  const call = rig.run({ timeoutMs: 100 });
  vi.advanceTimersByTime(100);
  rig.slot.overdue(call.id);
  expect(rig.ended).toEqual([]);
  rig.slot.lose('ended at the deadline of its call');
  expect(rig.ended).toEqual(['failed']);
});

it('counts an answer that comes after the deadline as failed, and the neighbour’s not', () => {
  const late = rig.run({ concurrency: 2, timeoutMs: 100 });
  const inTime = rig.run({ concurrency: 2 });
  vi.advanceTimersByTime(100);
  rig.slot.overdue(late.id);
  rig.slot.answer(late.id, ANSWER);
  rig.slot.answer(inTime.id, ANSWER);
  expect(rig.ended).toEqual(['failed', 'ran']);
});

it('counts no call that was given back unstarted', () => {
  rig.warm();
  const front = rig.run({ shortMs: 0.1 });
  const behind = rig.run({ shortMs: 0.1 });
  rig.slot.takeBack(behind.id);
  rig.slot.drop(behind.id);
  rig.slot.answer(front.id, ANSWER);
  expect(rig.ended).toEqual(['ran']);
});
