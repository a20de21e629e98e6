/** Calls that are placed a second time, after a death. */
import { describe, expect, it } from 'vitest';
import { own } from '../../../src/pool/holders.ts';
import {
  errorOf,
  fate,
  type FakeBalancer,
  type FakeBalancerOptions,
  type MadeCall,
} from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';

const FUNCTIONS = {
  quick: { idempotent: true },
  slow: { idempotent: true },
  once: {},
  few: { concurrency: 3 },
};

describe('dispatch', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;

  function start(options: Partial<FakeBalancerOptions> = {}): FakeBalancer {
    balancer = startBalancer({ functions: FUNCTIONS, ...options });
    return balancer;
  }

  /** A call that was just lost on the second of two workers; the first is busy with another one. */
  function lostBesideABusyWorker(): MadeCall {
    start({ workers: 2 });
    balancer.call('once');
    const call = balancer.call('slow');
    settle();
    balancer.workers[1]!.endSlot(balancer.slotOf(2));
    return call;
  }

  describe('after a death', () => {
    it('places an idempotent call on another worker', () => {
      start({ workers: 2 });
      const call = balancer.call('slow', { params: '["p"]' });
      settle();
      balancer.workers[0]!.die();
      settle();
      expect(balancer.slotOf(2).calls).toMatchObject([{ params: '["p"]' }]);
      balancer.slotOf(2).answer(undefined, '"done"');
      settle();
      expect(fate(call)).toBe('ok "done"');
      expect(call.outcomes[0]?.report.worker).toBe('w2');
      expect(balancer.dispatcher.counts).toEqual({ total: 1, failed: 0, offloaded: 0, retried: 1 });
    });

    it('keeps large params until then, and no longer', () => {
      start({ workers: 2 });
      const text = `["${'x'.repeat(50_000)}"]`;
      const params = Buffer.from(text);
      own(params);
      const call = balancer.call('slow', { params });
      settle();
      balancer.workers[0]!.die();
      settle();
      expect(balancer.slotOf(2).calls).toMatchObject([{ params: text }]);
      expect(params).toHaveLength(text.length);
      balancer.slotOf(2).answer(undefined, '"done"');
      settle();
      expect(fate(call)).toBe('ok "done"');
      expect(params).toHaveLength(0);
    });

    it('keeps large params of a call that nobody waits for until its slot has done with it', () => {
      start();
      const params = Buffer.from(`["${'x'.repeat(50_000)}"]`);
      own(params);
      const call = balancer.call('once', { params });
      settle();
      call.pending.cancel();
      settle();
      expect(params.length).toBeGreaterThan(0);
      balancer.slotOf(1).answer(undefined, '"done"');
      settle();
      expect(params).toHaveLength(0);
    });

    it('tells a call that may not be repeated that its worker was lost', () => {
      start({ workers: 2 });
      const call = balancer.call('once');
      settle();
      balancer.workers[0]!.endSlot(balancer.slotOf(1));
      settle();
      expect(errorOf(call)).toMatchObject({ code: -32003, data: { mayHaveRun: true } });
      expect(balancer.slotOf(2).calls).toEqual([]);
    });

    it('lets no call take a third worker with it', () => {
      start({ workers: 3 });
      const call = balancer.call('slow');
      for (let deaths = 0; deaths < 2; deaths += 1) {
        settle();
        balancer.workers.find(({ slots }) => slots.some(({ calls }) => calls.length > 0))!.die();
      }
      settle();
      expect(errorOf(call)).toMatchObject({ code: -32003, data: { mayHaveRun: true } });
      expect(balancer.slots.map(({ calls }) => calls)).toEqual([[]]);
    });

    it('runs each of those alone that were lost with a call that ends its worker', () => {
      start({ workers: 3 });
      balancer.warmUp('quick');
      const poison = balancer.call('quick', { params: '["poison"]' });
      const calls = Array.from({ length: 30 }, () => balancer.call('quick'));
      for (let round = 0; round < 100; round += 1) {
        settle();
        for (const worker of balancer.workers) {
          const [first] = worker.slots[0]?.calls ?? [];
          if (first?.params === '["poison"]') worker.die();
          else if (first !== undefined) worker.slots[0]!.answer();
        }
      }
      expect(errorOf(poison)).toMatchObject({ code: -32003 });
      expect(new Set(calls.map(fate))).toEqual(new Set(['ok null']));
    });

    it('waits for another worker that is busy, rather than go where the call was lost', () => {
      const call = lostBesideABusyWorker();
      pass(100);
      expect([balancer.slotOf(2).calls, fate(call)]).toEqual([[], '']);
      balancer.slotOf(1).answer();
      settle();
      expect(balancer.slotOf(1).calls).toHaveLength(1);
    });

    it('takes the replacement where there is only one worker', () => {
      start({ workers: 1 });
      const call = balancer.call('slow');
      settle();
      balancer.workers[0]!.endSlot(balancer.slotOf(1));
      pass(60);
      balancer.slotOf(1).answer();
      settle();
      expect(fate(call)).toBe('ok null');
    });

    it('doesn’t wait for a worker that takes no calls', () => {
      start({ workers: 2 });
      balancer.call('once');
      const call = balancer.call('slow');
      settle();
      balancer.pool.workers[0]!.drain();
      balancer.workers[1]!.endSlot(balancer.slotOf(2));
      pass(60);
      expect(balancer.slotOf(2).calls).toHaveLength(1);
      expect(fate(call)).toBe('');
    });

    it('goes back when the only other worker goes too', () => {
      const call = lostBesideABusyWorker();
      pass(60);
      // Its slot ends, and the control process can't start another.
      const [slot] = balancer.workers[0]!.slots;
      balancer.workers[0]!.slots = [];
      slot!.die();
      settle();
      balancer.slotOf(2).answer();
      settle();
      expect(fate(call)).toBe('ok null');
    });

    it.each(['drains', 'is ejected'])('goes back when the only other worker %s', (what) => {
      const call = lostBesideABusyWorker();
      pass(60);
      expect([balancer.slotOf(2).calls, fate(call)]).toEqual([[], '']);
      if (what === 'drains') balancer.pool.workers[0]!.drain();
      else balancer.pool.workers[0]!.eject('it was silent');
      settle();
      expect(balancer.slotOf(2).calls).toHaveLength(1);
    });

    it('goes back when the only other slot is about to be ended', () => {
      start({ workers: 1 });
      balancer.call('few', { timeoutMs: 100 });
      balancer.call('few');
      balancer.addWorker();
      settle();
      balancer.call('slow');
      settle();
      balancer.workers[1]!.endSlot(balancer.slotOf(2));
      pass(60);
      expect(balancer.slotOf(2).calls).toEqual([]);
      pass(40);
      expect(balancer.slotOf(2).calls).toHaveLength(1);
      expect(balancer.slotOf(1).calls).toHaveLength(2);
    });

    it('has every call of a worker answered, whoever is next in it', () => {
      start({ workers: 2, slots: 2 });
      const calls = ['slow', 'once', 'slow', 'once'].map((name) => balancer.call(name));
      const waiting = balancer.call('slow');
      settle();
      balancer.workers[0]!.die();
      settle();
      for (let round = 0; round < 5; round += 1) {
        for (const slot of balancer.slots) if (slot.calls.length > 0) slot.answer();
        settle();
      }
      const fates = calls.map(fate).sort();
      expect(fates.filter((one) => one === 'ok null').length).toBeGreaterThanOrEqual(3);
      expect(fates.every((one) => one === 'ok null' || one === 'WorkerLost')).toBe(true);
      expect(fate(waiting)).toBe('ok null');
    });

    it('places no call on another slot of the worker that leaves', () => {
      start({ workers: 1, slots: 2 });
      const call = balancer.call('slow');
      settle();
      balancer.pool.eject('w1', 'it lied');
      balancer.addWorker();
      settle();
      balancer.slots.find(({ calls }) => calls.length > 0)?.answer();
      settle();
      expect(fate(call)).toBe('ok null');
    });

    it('is free: it draws on no budget', () => {
      start({ workers: 2, slots: 25 });
      const calls = Array.from({ length: 25 }, () => balancer.call('slow'));
      settle();
      balancer.workers[0]!.die();
      settle();
      for (let round = 0; round < 3; round += 1) {
        for (const slot of balancer.slots) if (slot.calls.length > 0) slot.answer();
        settle();
      }
      expect(calls.map(fate)).toEqual(calls.map(() => 'ok null'));
    });
  });
});
