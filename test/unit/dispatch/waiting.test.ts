/** Calls that wait, calls that are cancelled, and the stop: the real dispatcher and pool over fake workers. */
import { describe, expect, it } from 'vitest';
import {
  errorOf,
  fate,
  type FakeBalancer,
  type FakeBalancerOptions,
  type MadeCall,
} from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle, timersLeft } from '../../fakes/virtual-time.ts';
import { FrameType } from '../../../src/pool/frames.ts';

const FUNCTIONS = {
  quick: { idempotent: true },
  slow: { idempotent: true },
  once: {},
  few: { idempotent: true, concurrency: 3 },
  many: { concurrency: 100 },
};

describe('dispatch', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;

  function start(options: Partial<FakeBalancerOptions> = {}): FakeBalancer {
    balancer = startBalancer({ functions: FUNCTIONS, ...options });
    return balancer;
  }

  describe('the queue', () => {
    it('rejects a call that finds it full, and says when to come back', () => {
      start({ queueCalls: 2 });
      const calls = Array.from({ length: 4 }, () => balancer.call('once'));
      expect(calls.map(fate)).toEqual(['', '', '', 'Overloaded']);
      expect(errorOf(calls[3]!)).toMatchObject({ code: -32001, data: { retryAfterMs: 50 } });
    });

    it('tells how long the work there is will take, once it is known', () => {
      start({ queueCalls: 2 });
      for (let i = 0; i < 6; i += 1) {
        balancer.call('once');
        settle();
        balancer.slotOf(1).answer(undefined, '1', 400);
        settle();
      }
      Array.from({ length: 3 }, () => balancer.call('once'));
      expect(balancer.dispatcher.expectedWaitMs()).toBeCloseTo(1200, 6);
      expect(errorOf(balancer.call('once'))).toMatchObject({ data: { retryAfterMs: 1200 } });
    });

    it('admits a call over its limit that can start at once among calls of its own kind', () => {
      start({ queueCalls: 1, workers: 2 });
      for (const name of ['once', 'many', 'once'] as const) balancer.call(name);
      expect(fate(balancer.call('once'))).toBe('Overloaded');
      const call = balancer.call('many');
      settle();
      // Unless the slot is held back for the one that waits.
      expect([fate(call), balancer.slotOf(2).calls.length]).toEqual(['', 2]);
    });

    it('lets calls of the other kind have a slot once it is empty, in the order of their arrival', () => {
      start();
      balancer.call('many');
      const waiting = [balancer.call('once'), balancer.call('many'), balancer.call('few')];
      settle();
      expect(balancer.slotOf(1).calls).toHaveLength(1);
      for (let i = 0; i < 4; i += 1) {
        balancer.slotOf(1).answer();
        settle();
      }
      expect(waiting.map(fate)).toEqual(['ok null', 'ok null', 'ok null']);
    });

    it('starves nobody: a stream of one kind makes room for a call of another', () => {
      start();
      const stream = (): MadeCall => balancer.call('many');
      stream();
      const other = balancer.call('once');
      for (let i = 0; i < 50 && fate(other) === ''; i += 1) {
        stream();
        pass(1);
        balancer.slotOf(1).answer();
        settle();
      }
      expect(fate(other)).toBe('ok null');
    });

    it('holds a slot back for a call that was lost before, where it may go', () => {
      start({ workers: 2 });
      balancer.call('many');
      const lost = balancer.call('slow');
      settle();
      balancer.workers[1]!.endSlot(balancer.slotOf(2));
      settle();
      // The other worker has calls of another kind without end.
      for (let i = 0; i < 20 && fate(lost) === ''; i += 1) {
        balancer.call('many');
        pass(10);
        balancer.slotOf(1).answer();
        settle();
      }
      expect(fate(lost)).toBe('ok null');
    });

    it('holds back no slot that takes no calls any more', () => {
      start({ workers: 2 });
      balancer.call('many');
      balancer.call('many');
      balancer.call('many');
      settle();
      balancer.pool.workers.find(({ running }) => running === 1)!.drain();
      const waiting = balancer.call('once');
      settle();
      const open = balancer.pool.slots.find(({ usable }) => usable)!;
      expect(open.reservedFor).toBe(1);
      expect(fate(waiting)).toBe('');
    });

    it('gives a slot that was held back to the others when nobody waits for it any more', () => {
      start();
      balancer.call('many');
      const other = balancer.call('once');
      const held = balancer.call('many');
      settle();
      expect(balancer.slotOf(1).calls).toHaveLength(1);
      other.pending.cancel();
      settle();
      expect(balancer.slotOf(1).calls).toHaveLength(2);
      expect(fate(held)).toBe('');
    });

    it('places calls on an idle worker though one waits that may not go there', () => {
      start({ workers: 2 });
      balancer.call('once');
      const poison = balancer.call('slow');
      settle();
      expect(balancer.slotOf(2).calls).toHaveLength(1);
      balancer.workers[1]!.endSlot(balancer.slotOf(2));
      pass(60);
      expect(balancer.slotOf(2).calls, 'it waits for the other worker').toEqual([]);
      for (let i = 0; i < 3; i += 1) {
        const call = balancer.call('once');
        settle();
        balancer.slotOf(2).answer();
        settle();
        expect(fate(call)).toBe('ok null');
      }
      balancer.slotOf(1).answer();
      settle();
      balancer.slotOf(1).answer();
      settle();
      expect(fate(poison)).toBe('ok null');
    });
  });

  describe('a round of placing', () => {
    it('bears any number of calls whose time is over', () => {
      start({ queueCalls: 20_000 });
      pass(1);
      balancer.call('once');
      const late = Array.from({ length: 10_000 }, () => balancer.call('once', { timeoutMs: 100 }));
      const last = balancer.call('once');
      pass(101);
      balancer.slotOf(1).answer();
      settle();
      balancer.slotOf(1).answer();
      settle();
      expect([new Set(late.map(fate)), fate(last)]).toEqual([new Set(['Timeout']), 'ok null']);
    });

    it('starts no call that an answer given in it has cancelled', () => {
      start();
      pass(1);
      balancer.call('many');
      const late = balancer.call('once', { timeoutMs: 100 });
      const other = balancer.call('few');
      // One client had both: with the first answer it goes away.
      late.next = () => other.pending.cancel();
      pass(101);
      balancer.slotOf(1).answer();
      settle();
      expect([fate(late), balancer.slotOf(1).calls]).toEqual(['Timeout', []]);
    });
  });

  describe('cancelling', () => {
    it('a waiting call leaves no trace of it', () => {
      start();
      const running = balancer.call('once');
      const call = balancer.call('once');
      settle();
      call.pending.cancel();
      call.pending.cancel();
      balancer.slotOf(1).answer();
      settle();
      expect([
        fate(running),
        fate(call),
        balancer.slotOf(1).calls.length,
        balancer.dispatcher.queued,
      ]).toEqual(['ok null', '', 0, 0]);
    });

    it('a running call lets it go on, and tells nobody', () => {
      start();
      const call = balancer.call('once');
      settle();
      call.pending.cancel();
      settle();
      expect(balancer.slotOf(1).aborted.size).toBe(0);
      balancer.slotOf(1).answer();
      settle();
      expect(fate(call)).toBe('');
    });

    it('a running call doesn’t spare it its deadline', () => {
      start();
      const call = balancer.call('once', { timeoutMs: 100 });
      settle();
      call.pending.cancel();
      pass(111);
      expect(balancer.workers[0]!.heard).toContain(FrameType.END_SLOT);
      expect(fate(call)).toBe('');
    });

    it('a call whose worker dies is the end of it', () => {
      start({ workers: 2 });
      const call = balancer.call('slow');
      settle();
      call.pending.cancel();
      balancer.workers[0]!.die();
      settle();
      expect([balancer.slotOf(2).calls, fate(call)]).toEqual([[], '']);
    });
  });

  describe('stopping', () => {
    it('waits for the calls under way, and for those that come meanwhile', async () => {
      start();
      const [running, waiting] = [balancer.call('once'), balancer.call('once')];
      let next: MadeCall | undefined;
      waiting.next = () => (next = balancer.call('once'));
      settle();
      let drained = false;
      const draining = balancer.dispatcher.drain(5000).then(() => (drained = true));
      for (let i = 0; i < 2; i += 1) {
        balancer.slotOf(1).answer();
        settle();
        await Promise.resolve();
        expect(drained).toBe(false);
      }
      balancer.slotOf(1).answer();
      settle();
      await draining;
      expect([running, waiting, next!].map(fate)).toEqual(['ok null', 'ok null', 'ok null']);
      expect(fate(balancer.call('once'))).toBe('ShuttingDown');
    });

    it('gives up after the grace: what waits and what runs is answered', async () => {
      start();
      const calls = [balancer.call('once'), balancer.call('once')];
      settle();
      const draining = balancer.dispatcher.drain(5000);
      pass(5000);
      await draining;
      expect(calls.map(fate)).toEqual(['ShuttingDown', 'ShuttingDown']);
      balancer.slotOf(1).answer();
      settle();
      expect(balancer.slotOf(1).calls).toEqual([]);
    });

    it('answers what is left, also when it doesn’t drain', () => {
      start();
      const calls = [balancer.call('once'), balancer.call('once')];
      balancer.dispatcher.close();
      expect(calls.map(fate)).toEqual(['ShuttingDown', 'ShuttingDown']);
      expect(fate(balancer.call('once'))).toBe('ShuttingDown');
      expect(timersLeft()).toBeLessThanOrEqual(1); // what is written in this turn
    });

    it('is done at once when nothing is under way', async () => {
      start();
      await balancer.dispatcher.drain(5000);
      expect(timersLeft()).toBe(0);
    });
  });
});
