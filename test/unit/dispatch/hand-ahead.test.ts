/** Short calls that are handed ahead, and what happens when the one before them takes long. */
import { describe, expect, it } from 'vitest';
import {
  errorOf,
  fate,
  type FakeBalancer,
  type FakeBalancerOptions,
  type MadeCall,
} from '../../fakes/balancer.ts';
import type { FakeSlot } from '../../fakes/slot.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle, timersLeft } from '../../fakes/virtual-time.ts';
import { FrameType } from '../../../src/pool/frames.ts';

const FUNCTIONS = { quick: { idempotent: true }, slow: { idempotent: true }, once: {} };
/** Overdue by more than the slack, and noticed. */
const HELD_UP_MS = 11;

describe('dispatch', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;

  function start(options: Partial<FakeBalancerOptions> = {}): FakeBalancer {
    balancer = startBalancer({ functions: FUNCTIONS, ...options });
    return balancer;
  }

  describe('a call that is held up behind another', () => {
    let front: MadeCall;
    let behind: MadeCall;

    /** Two workers; both are busy with a short call, and the first one was handed another ahead. */
    function holdUp(): { blocked: FakeSlot; other: FakeSlot } {
      start({ workers: 2 });
      balancer.warmUp('quick');
      const [a, b] = ['["a"]', '["b"]'].map((params) => balancer.call('quick', { params }));
      behind = balancer.call('quick');
      settle();
      const blocked = balancer.slots.find((slot) => slot.calls.length === 2)!;
      const other = balancer.slots.find((slot) => slot !== blocked)!;
      expect(other.calls).toHaveLength(1);
      front = blocked.calls[0]?.params === '["a"]' ? a! : b!;
      blocked.stick();
      other.answer();
      settle();
      return { blocked, other };
    }

    it('is placed on a free slot, and the first answer wins', () => {
      const { blocked, other } = holdUp();
      pass(HELD_UP_MS);
      expect(other.calls).toHaveLength(1);
      other.answer(undefined, '"first"');
      settle();
      expect(fate(behind)).toBe('ok "first"');
      blocked.answer(undefined, '"late front"');
      settle();
      // It had begun the second call before it read that this isn't wanted any more.
      blocked.answer(undefined, '"second"');
      settle();
      expect([fate(front), fate(behind)]).toEqual(['ok "late front"', 'ok "first"']);
      expect(balancer.dispatcher.counts.retried).toBe(1);
    });

    it('is answered by the first slot, if that is quicker after all', () => {
      const { blocked, other } = holdUp();
      pass(HELD_UP_MS);
      // As a slot does that goes from one call to the next without a turn of its event loop.
      blocked.answer(undefined, '"front"');
      blocked.answer(undefined, '"second"');
      settle();
      expect(fate(behind)).toBe('ok "second"');
      other.answer(undefined, '"elsewhere"');
      settle();
      expect(fate(behind)).toBe('ok "second"');
    });

    it('is given back by a slot whose event loop turns, and that doesn’t count as a run', () => {
      const { blocked, other } = holdUp();
      blocked.unstick();
      pass(HELD_UP_MS);
      expect([blocked.calls.length, other.calls.length]).toEqual([1, 1]);
      // It may still run twice: once here, where it is lost, and once more.
      balancer.workers.find(({ id }) => id === other.workerId)!.die();
      settle();
      blocked.answer(undefined, '"front"');
      settle();
      blocked.answer(undefined, '"here after all"');
      settle();
      expect([fate(front), fate(behind)]).toEqual(['ok "front"', 'ok "here after all"']);
    });

    it('waits where there is no other slot, and isn’t handed over again once it is answered', () => {
      start();
      balancer.warmUp('quick');
      front = balancer.call('quick');
      behind = balancer.call('quick');
      settle();
      balancer.slotOf(1).stick();
      pass(HELD_UP_MS);
      expect(balancer.dispatcher.queued).toBe(1);
      balancer.slotOf(1).answer();
      balancer.slotOf(1).answer();
      settle();
      expect([fate(front), fate(behind)]).toEqual(['ok null', 'ok null']);
      expect([balancer.dispatcher.queued, balancer.slotOf(1).calls]).toEqual([0, []]);
    });

    it('isn’t handed ahead in the slot that has it already', () => {
      start();
      balancer.warmUp('quick');
      front = balancer.call('quick');
      behind = balancer.call('quick');
      settle();
      balancer.slotOf(1).stick();
      pass(HELD_UP_MS);
      balancer.slotOf(1).answer();
      settle();
      expect(balancer.slotOf(1).calls).toHaveLength(1);
      balancer.slotOf(1).answer();
      settle();
      expect(balancer.slotOf(1).calls).toEqual([]);
    });

    it('is never aborted by being taken back', () => {
      const { blocked, other } = holdUp();
      blocked.unstick();
      pass(5);
      blocked.answer();
      pass(HELD_UP_MS);
      expect(blocked.aborted.size + other.aborted.size).toBe(0);
      expect(fate(front)).toBe('ok null');
    });

    it('isn’t placed twice when it is answered before anybody notices', () => {
      const { blocked, other } = holdUp();
      pass(4);
      blocked.answer();
      settle();
      blocked.answer();
      pass(HELD_UP_MS);
      expect([fate(behind), other.calls.length]).toEqual(['ok null', 0]);
    });

    it('is lost in its first slot without harm', () => {
      const { blocked, other } = holdUp();
      pass(HELD_UP_MS);
      balancer.workers.find(({ id }) => id === blocked.workerId)!.die();
      settle();
      // The front goes on there as well: behind it, or after it.
      while (other.calls.length > 0) {
        other.answer();
        settle();
      }
      expect([fate(front), fate(behind)]).toEqual(['ok null', 'ok null']);
    });

    it('has its slot watched no longer than there are calls behind another', () => {
      const { blocked, other } = holdUp();
      pass(HELD_UP_MS);
      other.answer();
      blocked.answer();
      settle();
      while (blocked.calls.length > 0) {
        blocked.answer();
        settle();
      }
      pass(HELD_UP_MS);
      pass(40_000);
      expect(timersLeft()).toBe(0);
    });

    it('isn’t ended with the slot, nor ends it, when its own deadline passes', () => {
      start();
      balancer.warmUp('quick');
      front = balancer.call('quick');
      behind = balancer.call('quick', { timeoutMs: 100 });
      settle();
      balancer.slotOf(1).stick();
      pass(500);
      expect(errorOf(behind)).toMatchObject({ code: -32002 });
      expect(balancer.workers[0]!.heard).toEqual([FrameType.LOAD]);
      balancer.slotOf(1).answer(undefined, '"took long"');
      settle();
      expect(fate(front)).toBe('ok "took long"');
    });

    it('waits for a budget, and is placed once there is one', () => {
      start({ workers: 2 });
      balancer.warmUp('quick');
      const calls = Array.from({ length: 34 }, () => balancer.call('quick'));
      settle();
      for (const slot of balancer.slots) slot.stick();
      pass(HELD_UP_MS);
      // Ten to start with, and a fifth of the 85 calls so far.
      expect(balancer.dispatcher.counts.retried).toBe(27);
      pass(1000);
      expect(balancer.dispatcher.counts.retried).toBe(32);
      for (let round = 0; round < 60; round += 1) {
        for (const slot of balancer.slots) if (slot.calls.length > 0) slot.answer();
        settle();
      }
      expect(calls.map(fate)).toEqual(calls.map(() => 'ok null'));
    });
  });

  describe('handing ahead', () => {
    it('fills a slot with short calls, two milliseconds of them', () => {
      start();
      balancer.warmUp('quick');
      const calls = Array.from({ length: 100 }, () => balancer.call('quick'));
      settle();
      expect(balancer.slotOf(1).calls).toHaveLength(66);
      expect(balancer.slotOf(1).calls.every(({ short }) => short)).toBe(true);
      for (const call of calls) {
        balancer.slotOf(1).answer();
        settle();
        expect(fate(call)).toBe('ok null');
      }
    });

    it('gives a long call a slot of its own', () => {
      start();
      balancer.warmUp('quick');
      balancer.call('slow');
      balancer.call('quick');
      balancer.call('once');
      settle();
      expect(balancer.slotOf(1).calls).toMatchObject([{ short: false }]);
    });

    it('lets nothing overtake the calls that wait', () => {
      start();
      balancer.warmUp('quick');
      balancer.call('quick');
      balancer.call('once');
      balancer.call('quick');
      settle();
      expect(balancer.slotOf(1).calls).toMatchObject([{ functionIndex: 1 }]);
      balancer.slotOf(1).answer();
      settle();
      expect(balancer.slotOf(1).calls).toMatchObject([{ functionIndex: 0 }]);
    });

    it('takes a call back when its client goes away before its turn', () => {
      start();
      balancer.warmUp('quick');
      const [first, second] = [balancer.call('quick'), balancer.call('quick')];
      settle();
      second.pending.cancel();
      settle();
      expect(balancer.slotOf(1).calls).toHaveLength(1);
      balancer.slotOf(1).answer();
      settle();
      expect([fate(first), fate(second)]).toEqual(['ok null', '']);
    });
  });
});
