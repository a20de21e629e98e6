import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pass, settle, startTime, stopTime, timersLeft } from '../../fakes/virtual-time.ts';
import { AT_ONCE_MS } from '../../../src/pool/busy-poll.ts';
import { Slot } from '../../../src/pool/slot.ts';
import { ANSWER, SlotRig } from './slot-rig.ts';

/** In milliseconds. */
const SLACK_MS = 5;

describe('Slot', () => {
  let rig: SlotRig;
  let slot: Slot;

  beforeEach(() => {
    stopTime();
    rig = new SlotRig();
    ({ slot } = rig);
  });
  afterEach(startTime);

  describe('room', () => {
    it('is none before it is opened and after it was shut', () => {
      const closed = new Slot(
        { key: 'key', workerId: 'w1', bundle: 'b' },
        { more: false, run: () => {}, takeBack: () => {}, cancel: () => {} },
        { room: () => {}, ended: () => {}, end: () => {}, ranShort: () => {} },
      );
      expect([closed.room(1), closed.usable]).toEqual([0, false]);
      slot.shut();
      expect([slot.room(1), slot.usable]).toEqual([0, false]);
    });

    it('is for as many calls as their function allows, and none of another concurrency', () => {
      expect([slot.room(1), slot.room(3)]).toEqual([1, 3]);
      const first = rig.run({ concurrency: 3 });
      rig.run({ concurrency: 3 });
      expect([slot.room(3), slot.room(1), slot.room(100), slot.mode]).toEqual([1, 0, 0, 3]);
      rig.run({ concurrency: 3 });
      expect(slot.room(3)).toBe(0);
      slot.answer(first.id, ANSWER);
      expect([slot.room(3), slot.room(1)]).toEqual([1, 0]);
    });

    it('is for any concurrency once it is empty', () => {
      const call = rig.run({ concurrency: 3 });
      slot.answer(call.id, ANSWER);
      expect([slot.mode, slot.room(1), slot.room(100)]).toEqual([0, 1, 100]);
    });

    it('is held back by a reservation until the slot is empty, and then for that concurrency', () => {
      const call = rig.run({ concurrency: 3 });
      slot.reservedFor = 1;
      expect([slot.room(3), slot.room(1)]).toEqual([0, 0]);
      slot.answer(call.id, ANSWER);
      expect([slot.room(3), slot.room(1)]).toEqual([0, 1]);
      rig.run();
      expect(slot.reservedFor).toBe(0);
    });
  });

  describe('occupied', () => {
    it('is the share of it that calls take', () => {
      const [first] = [rig.run({ concurrency: 4 }), rig.run({ concurrency: 4 })];
      expect(slot.occupied).toBe(0.5);
      slot.answer(first.id, ANSWER);
      expect(slot.occupied).toBe(0.25);
      slot.lose('it is gone');
      expect([slot.occupied, rig.ranShortMs]).toEqual([0, 0]);
    });

    it('leaves out calls known to be short, of which it tells how long they ran', () => {
      const call = rig.run({ shortMs: 0.5 });
      expect([slot.occupied, slot.running]).toEqual([0, 1]);
      pass(20);
      slot.answer(call.id, { ...ANSWER, runMs: 0.25 });
      expect([slot.occupied, rig.ranShortMs]).toEqual([0, 0.25]);
      rig.run();
      expect(slot.occupied).toBe(1);
    });

    it('believes a worker no more than the time that it had the call, and nobody that a short one took seconds', () => {
      const quick = rig.run({ shortMs: 0.5 });
      pass(3);
      slot.answer(quick.id, { ...ANSWER, runMs: 1e6 });
      expect(rig.ranShortMs).toBe(3);
      const slow = rig.run({ shortMs: 0.5 });
      pass(5000);
      slot.answer(slow.id, { ...ANSWER, runMs: 5000 });
      expect(rig.ranShortMs).toBe(53);
    });
  });

  describe('answers', () => {
    it('end the lease, and are told whether they are the slot’s first', () => {
      const [first, second] = [rig.run({ concurrency: 2 }), rig.run({ concurrency: 2 })];
      expect(slot.answer(second.id, ANSWER)).toBe(true);
      expect(slot.answer(first.id, { ...ANSWER, runMs: 7 })).toBe(true);
      expect([first.told, second.told]).toEqual([['answered'], ['answered']]);
      expect([second.answer?.warm, first.answer?.warm, first.answer?.runMs]).toEqual([false, true, 7]);
      expect([slot.running, slot.occupied]).toEqual([0, 0]);
      expect(rig.said.filter((word) => word === 'room')).toHaveLength(2);
    });

    it('are lies when nothing was asked, when they come twice, and when a call is dropped unasked', () => {
      const call = rig.run();
      expect(slot.answer(call.id + 1, ANSWER)).toBe(false);
      expect(slot.drop(call.id)).toBe(false);
      expect(call.told).toEqual([]);
      expect(slot.answer(call.id, ANSWER)).toBe(true);
      expect(slot.answer(call.id, ANSWER)).toBe(false);
      expect(slot.drop(call.id)).toBe(false);
      expect(call.told).toEqual(['answered']);
    });

    it('are counted as latency from the hand-over on', () => {
      const call = rig.run();
      pass(30);
      slot.answer(call.id, ANSWER);
      expect(slot.latency.at(performance.now())).toBe(30);
    });

    it('never come once the connection is gone: every call is lost', () => {
      const [first, second] = [rig.run({ concurrency: 2 }), rig.run({ concurrency: 2 })];
      slot.lose('cut');
      expect([first.told, second.told]).toEqual([['lost: cut'], ['lost: cut']]);
      expect([slot.running, slot.room(1), slot.usable]).toEqual([0, 0, false]);
    });
  });

  describe('a short call in an empty slot', () => {
    /** How many turns of the event loop are asked for, which don’t sleep. */
    function turnsAfter(act: () => void): number {
      const before = timersLeft();
      act();
      return timersLeft() - before;
    }

    it('is looked for at once', () => {
      rig.warm();
      expect(turnsAfter(() => rig.run({ shortMs: AT_ONCE_MS / 2 }))).toBe(1);
    });

    it('is left alone if it takes longer, or isn’t known to be short', () => {
      rig.warm();
      expect(turnsAfter(() => slot.answer(rig.run({ shortMs: AT_ONCE_MS }).id, ANSWER))).toBe(0);
      expect(turnsAfter(() => rig.run())).toBe(0);
    });

    it('is looked for in vain where it doesn’t come, so that the next one is slept through', () => {
      rig.warm();
      const { id } = rig.run({ shortMs: 0.05 });
      settle();
      slot.answer(id, ANSWER);
      expect(turnsAfter(() => rig.run({ shortMs: 0.05 }))).toBe(0);
    });

    it('isn’t taken for a longer one that comes after it', () => {
      rig.warm();
      slot.answer(rig.run({ shortMs: 0.05 }).id, ANSWER);
      const { id } = rig.run();
      settle();
      slot.answer(id, ANSWER);
      expect(
        turnsAfter(() => rig.run({ shortMs: 0.05 })),
        'it wasn’t in vain',
      ).toBe(1);
    });

    it('isn’t looked for any more when another one is behind it: then answers come by the dozen', () => {
      rig.warm();
      const ids = [rig.run({ shortMs: 0.05 }).id, rig.run({ shortMs: 0.05 }).id];
      settle();
      expect(turnsAfter(() => ids.push(rig.run({ shortMs: 0.05 }).id))).toBe(0);
      for (const id of ids) slot.answer(id, ANSWER);
      expect(
        turnsAfter(() => rig.run({ shortMs: 0.05 })),
        'it wasn’t in vain',
      ).toBe(1);
    });
  });

  describe('a call whose deadline has passed', () => {
    it('ends a slot at once that it had for itself', () => {
      const call = rig.run();
      slot.overdue(call.id);
      expect(rig.said).toEqual([`run ${call.id}`, `cancel ${call.id}`, 'end now']);
      expect([slot.room(1), slot.usable]).toEqual([0, false]);
    });

    it('ends a slot that it shares only if that is stuck, else as soon as the others are answered', () => {
      const [late, other, last] = [1, 2, 3].map(() => rig.run({ concurrency: 3 }));
      slot.overdue(late!.id);
      expect(rig.ends).toEqual(['end if-stuck']);
      expect(slot.room(3)).toBe(0);
      slot.answer(other!.id, ANSWER);
      expect(rig.ends).toEqual(['end if-stuck']);
      slot.answer(last!.id, ANSWER);
      expect(rig.ends).toEqual(['end if-stuck', 'end now']);
      expect(rig.said).not.toContain('room');
    });

    it('ends a shared slot at once when it is the last that was in time', () => {
      const [one, two] = [rig.run({ concurrency: 2 }), rig.run({ concurrency: 2 })];
      slot.overdue(one.id);
      slot.overdue(two.id);
      expect(rig.ends).toEqual(['end if-stuck', 'end now']);
    });

    it('has the slot replaced though it is answered after all', () => {
      const call = rig.run({ concurrency: 2 });
      rig.run({ concurrency: 2 });
      slot.overdue(call.id);
      slot.answer(call.id, ANSWER);
      expect(call.told).toEqual(['answered']);
      expect([slot.running, slot.room(2)]).toEqual([1, 0]);
    });

    it('ends no slot in which it waits behind another', () => {
      rig.warm();
      const front = rig.run({ shortMs: 0.1 });
      const behind = rig.run({ shortMs: 0.1, timeoutMs: 50 });
      pass(60);
      slot.overdue(behind.id);
      expect(rig.ends).toEqual([]);
      expect(rig.said).toContain(`cancel ${behind.id}`);
      expect(slot.drop(behind.id)).toBe(true);
      slot.answer(front.id, ANSWER);
      expect([rig.ends, slot.room(1)]).toEqual([[], 1]);
    });

    it('ends the slot when its turn comes and it isn’t given back', () => {
      rig.warm();
      const front = rig.run({ shortMs: 0.1 });
      const behind = rig.run({ shortMs: 0.1, timeoutMs: 50 });
      pass(60);
      slot.overdue(behind.id);
      slot.answer(front.id, ANSWER);
      pass(5);
      expect([slot.checkFront(performance.now(), SLACK_MS), rig.ends]).toEqual([true, []]);
      pass(1);
      expect([slot.checkFront(performance.now(), SLACK_MS), rig.ends]).toEqual([true, ['end now']]);
      slot.checkFront(performance.now(), SLACK_MS);
      expect([rig.ends, slot.usable]).toEqual([['end now'], false]);
    });

    it('ends a slot that takes no calls as soon as its turn comes', () => {
      rig.warm();
      const front = rig.run({ shortMs: 0.1 });
      const behind = rig.run({ shortMs: 0.1, timeoutMs: 50 });
      pass(60);
      slot.overdue(behind.id);
      slot.shut();
      slot.answer(front.id, ANSWER);
      expect(rig.ends).toEqual(['end now']);
    });

    it('leaves alone a slot that doesn’t have it', () => {
      slot.overdue(12345);
      expect(rig.said).toEqual([]);
    });
  });
});
