import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pass, startTime, stopTime } from '../../fakes/virtual-time.ts';
import { MAX_AHEAD, MAX_AHEAD_MS, WARM_AFTER_CALLS } from '../../../src/pool/ahead-limits.ts';
import type { Slot } from '../../../src/pool/slot.ts';
import { ANSWER, type Call, SlotRig } from './slot-rig.ts';

describe('calls handed ahead', () => {
  let rig: SlotRig;
  let slot: Slot;

  beforeEach(() => {
    stopTime();
    rig = new SlotRig();
    ({ slot } = rig);
  });
  afterEach(startTime);

  describe('handing ahead', () => {
    it('begins with the twenty-first call, behind a running short one', () => {
      rig.warm(WARM_AFTER_CALLS - 1);
      expect(slot.aheadMs(0.1), 'an empty slot has room instead').toBe(Infinity);
      rig.run({ shortMs: 0.2 });
      expect(slot.aheadMs(0.1)).toBeCloseTo(0.3, 9);
      expect(WARM_AFTER_CALLS).toBe(20);
    });

    it('isn’t done in a cold slot', () => {
      rig.warm(WARM_AFTER_CALLS - 2);
      rig.run({ shortMs: 0.2 });
      expect(slot.aheadMs(0.1)).toBe(Infinity);
    });

    it('stops short of two milliseconds of work', () => {
      rig.warm();
      rig.run({ shortMs: 0.5 });
      rig.run({ shortMs: 0.9 });
      expect(slot.aheadMs(0.6)).toBe(Infinity);
      expect(slot.aheadMs(0.59)).toBeLessThan(MAX_AHEAD_MS);
      expect(MAX_AHEAD_MS).toBe(2);
    });

    it('stops at a hundred and twenty-eight', () => {
      rig.warm();
      for (let i = 0; i < MAX_AHEAD; i += 1) {
        rig.run({ shortMs: 0.001 });
        expect(slot.aheadMs(0.001)).toBeLessThan(MAX_AHEAD_MS);
      }
      rig.run({ shortMs: 0.001 });
      expect([slot.running, slot.aheadMs(0.001)]).toEqual([1 + MAX_AHEAD, Infinity]);
      expect(MAX_AHEAD).toBe(128);
    });

    it.each([
      ['behind a call not known to be short', () => rig.run()],
      ['among calls that run several at once', () => rig.run({ concurrency: 3, shortMs: 0.1 })],
    ])('isn’t done %s', (_case, begin) => {
      rig.warm();
      begin();
      expect(slot.aheadMs(0.01)).toBe(Infinity);
    });

    it('isn’t done in a slot that is held back, shut, or retiring', () => {
      rig.warm();
      const front = rig.run({ shortMs: 0.1 });
      slot.reservedFor = 3;
      expect(slot.aheadMs(0.01)).toBe(Infinity);
      slot.reservedFor = 0;
      slot.overdue(front.id);
      expect(slot.aheadMs(0.01)).toBe(Infinity);
    });

    it('tells the process which calls are short', () => {
      const [call, short] = [rig.run({ concurrency: 1 }), rig.run({ shortMs: 0.1 })];
      expect(rig.said).toEqual([`run ${call.id}`, `run ${short.id} short`]);
    });

    it('subtracts what it added, however the estimate has changed meanwhile', () => {
      rig.warm();
      const front = rig.run({ shortMs: 0.1 });
      const behind = rig.run({ shortMs: 0.1 });
      front.shortMs = 0.9;
      slot.answer(front.id, ANSWER);
      expect(slot.aheadMs(0), 'what is behind still counts, with what it had').toBeCloseTo(0.1, 9);
      behind.shortMs = Infinity;
      const last = rig.run({ shortMs: 0.2 });
      slot.answer(behind.id, ANSWER);
      expect(slot.aheadMs(0)).toBeCloseTo(0.2, 9);
      slot.answer(last.id, ANSWER);
    });
  });

  describe('a front that takes too long', () => {
    const SLACK_MS = 5;
    let front: Call;
    let behind: Call[];

    beforeEach(() => {
      rig.warm();
      front = rig.run({ shortMs: 0.3 });
      behind = [rig.run({ shortMs: 0.3 }), rig.run({ shortMs: 0.3 })];
      rig.said.length = 0;
    });

    const check = (): boolean => slot.checkFront(performance.now(), SLACK_MS);

    it('is told to those behind it after its time and the slack, and not before', () => {
      pass(5);
      expect(check()).toBe(true);
      expect(behind.map(({ told }) => told)).toEqual([[], []]);
      pass(1);
      check();
      expect(behind.map(({ told }) => told)).toEqual([['held up'], ['held up']]);
      expect(front.told).toEqual([]);
    });

    it('is told again to those that weren’t taken back, since the budget may allow it later', () => {
      pass(6);
      check();
      slot.takeBack(behind[0]!.id);
      check();
      expect(behind.map(({ told }) => told.length)).toEqual([1, 2]);
      expect(rig.said).toEqual([`take back ${behind[0]!.id}`]);
    });

    it('lets no more calls in behind it, also when one of those is given back', () => {
      pass(6);
      check();
      expect(slot.aheadMs(0.01)).toBe(Infinity);
      slot.takeBack(behind[0]!.id);
      expect(slot.drop(behind[0]!.id)).toBe(true);
      expect(behind[0]!.told).toEqual(['held up', 'dropped']);
      expect(slot.aheadMs(0.01)).toBe(Infinity);
    });

    it('is over when the front is answered: the next one has its own time', () => {
      pass(6);
      check();
      slot.answer(front.id, ANSWER);
      expect(slot.aheadMs(0.01)).toBeLessThan(1);
      check();
      expect(behind.map(({ told }) => told.length)).toEqual([1, 1]);
    });

    it('can’t be taken back itself', () => {
      slot.takeBack(front.id);
      expect(rig.said).toEqual([]);
      expect(slot.drop(front.id)).toBe(false);
    });

    it('needs watching only while there are calls behind it', () => {
      for (const call of behind) slot.answer(call.id, ANSWER);
      expect(check()).toBe(false);
      slot.answer(front.id, ANSWER);
      expect(check()).toBe(false);
    });
  });
});
