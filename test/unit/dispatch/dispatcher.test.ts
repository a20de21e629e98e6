/** What a call's answer is, and what its deadline does: the real dispatcher and pool over fake workers. */
import { describe, expect, it, vi } from 'vitest';
import {
  errorOf,
  fate,
  type FakeBalancer,
  type FakeBalancerOptions,
  type MadeCall,
} from '../../fakes/balancer.ts';
import type { FakeSlot } from '../../fakes/slot.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';
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

  describe('an answer', () => {
    it('carries the result, the worker and the times', () => {
      start();
      const call = balancer.call('once', { params: '[1]' });
      settle();
      expect(balancer.slotOf(1).calls).toMatchObject([
        { params: '[1]', remainingMs: 30_000, functionIndex: 2 },
      ]);
      pass(20);
      balancer.slotOf(1).answer(undefined, '"x"', 17);
      settle();
      expect(fate(call)).toBe('ok "x"');
      expect(call.outcomes[0]?.report).toEqual({
        callId: expect.any(Number) as number,
        backend: 'pool',
        worker: 'w1',
        queueMs: 0,
        runMs: 17,
      });
    });

    it('tells how long the call waited', () => {
      start();
      const [first, second] = [balancer.call('once'), balancer.call('once')];
      pass(40);
      balancer.slotOf(1).answer();
      settle();
      balancer.slotOf(1).answer();
      settle();
      expect([first, second].map((call) => call.outcomes[0]?.report.queueMs)).toEqual([0, 40]);
    });

    it.each([
      [
        { kind: 'FunctionError', message: 'm', name: 'TypeError' },
        { code: -32000, data: { name: 'TypeError' } },
      ],
      [
        { kind: 'FunctionError', message: 'm', code: 42, data: [1] },
        { code: 42, message: 'm', data: [1] },
      ],
      [{ kind: 'FunctionError', message: 'm', code: -32001 }, { code: -32000 }],
      [
        { kind: 'InvalidParams', message: 'm', data: [{ path: [] }] },
        { code: -32602, data: [{ path: [] }] },
      ],
      [{ kind: 'MethodNotFound', message: 'm' }, { code: -32601 }],
      [
        { kind: 'TooLarge', message: 'm' },
        { code: -32007, data: { limitBytes: 1000 } },
      ],
    ])('of %o is %o', (failure, error) => {
      start();
      const call = balancer.call('once');
      settle();
      balancer.slotOf(1).fail(undefined, failure);
      settle();
      expect(errorOf(call)).toMatchObject(error);
      expect(balancer.dispatcher.counts).toEqual({ total: 1, failed: 1, offloaded: 0, retried: 0 });
    });

    it('teaches how long the function takes, but for a slot’s first and for failures', () => {
      start();
      const run = (end: (slot: FakeSlot) => void): void => {
        balancer.call('once');
        settle();
        end(balancer.slotOf(1));
        settle();
      };
      run((slot) => slot.answer(undefined, '1', 5000));
      run((slot) => slot.fail());
      for (let i = 0; i < 5; i += 1) run((slot) => slot.answer(undefined, '1', 20));
      balancer.call('once');
      expect(balancer.dispatcher.expectedWaitMs()).toBeCloseTo(20, 9);
      pass(15);
      expect(balancer.dispatcher.expectedWaitMs()).toBeCloseTo(5, 9);
    });

    it('that makes the front throw harms no other call', () => {
      start();
      const thrown: unknown[] = [];
      vi.stubGlobal('queueMicrotask', (task: () => void) => {
        try {
          task();
        } catch (error) {
          thrown.push(error);
        }
      });
      const [first, second] = [balancer.call('once'), balancer.call('once')];
      first.next = () => {
        throw new Error('a fault of the front');
      };
      settle();
      balancer.slotOf(1).answer();
      settle();
      expect(thrown).toEqual([new Error('a fault of the front')]);
      balancer.slotOf(1).answer();
      settle();
      expect(fate(second)).toBe('ok null');
    });

    it('at once asks for the next call of a batch, behind those that wait already', () => {
      start();
      const first = balancer.call('few');
      const waiting = balancer.call('once');
      let next: MadeCall | undefined;
      first.next = () => (next = balancer.call('few'));
      settle();
      balancer.slotOf(1).answer();
      settle();
      expect(balancer.slotOf(1).calls).toMatchObject([{ functionIndex: 2 }]);
      balancer.slotOf(1).answer();
      settle();
      balancer.slotOf(1).answer();
      settle();
      expect([fate(waiting), fate(next!)]).toEqual(['ok null', 'ok null']);
    });
  });

  describe('the deadline', () => {
    it('of a waiting call says that it never ran', () => {
      start();
      balancer.call('once');
      const call = balancer.call('once', { timeoutMs: 100 });
      pass(99);
      expect(fate(call)).toBe('');
      pass(12);
      expect(errorOf(call)).toMatchObject({ code: -32002, data: { timeoutMs: 100, mayHaveRun: false } });
      expect(balancer.dispatcher.queued).toBe(0);
    });

    it('of a running call ends its slot, and says that it may have run', () => {
      start();
      const call = balancer.call('once', { timeoutMs: 100 });
      settle();
      const slot = balancer.slotOf(1);
      pass(111);
      expect(errorOf(call)).toMatchObject({ code: -32002, data: { mayHaveRun: true } });
      expect(balancer.workers[0]!.heard).toEqual([FrameType.LOAD, FrameType.END_SLOT]);
      expect(slot.connected).toBe(false);
      expect(slot.aborted.size).toBe(1);
      pass(60);
      const next = balancer.call('once');
      settle();
      balancer.slotOf(1).answer();
      settle();
      expect(fate(next)).toBe('ok null');
      expect(balancer.stateOf(balancer.workers[0]!)).toBe('ready');
    });

    it('of one of three calls in a slot ends it if it is stuck', () => {
      start();
      const [late, neighbour] = [balancer.call('few', { timeoutMs: 100 }), balancer.call('few')];
      settle();
      balancer.slotOf(1).stick();
      pass(111);
      expect([fate(late), fate(neighbour)]).toEqual(['Timeout', '']);
      pass(260);
      expect(balancer.slotOf(1)).toBeUndefined();
      pass(60);
      balancer.slotOf(1).answer();
      settle();
      expect(fate(neighbour)).toBe('ok null');
    });

    it('of one of three calls in a slot lets the others finish, and then replaces it', () => {
      start();
      const [late, sharer] = [balancer.call('few', { timeoutMs: 100 }), balancer.call('few')];
      const neighbour = balancer.call('many');
      settle();
      const slot = balancer.slotOf(1);
      pass(1000);
      expect(slot.connected).toBe(true);
      slot.answer(slot.calls[1]);
      settle();
      expect([fate(late), fate(sharer), slot.connected]).toEqual(['Timeout', 'ok null', false]);
      pass(60);
      balancer.slotOf(1).answer();
      settle();
      expect(fate(neighbour)).toBe('ok null');
    });

    it('holds for an answer that comes before it is noticed', () => {
      start();
      pass(1);
      const call = balancer.call('once', { timeoutMs: 100 });
      settle();
      pass(101);
      expect(fate(call)).toBe('');
      balancer.slotOf(1).answer();
      settle();
      expect(errorOf(call)).toMatchObject({ code: -32002, data: { mayHaveRun: true } });
    });

    it('holds for a call whose worker dies before it is noticed', () => {
      start({ workers: 2 });
      pass(1);
      const call = balancer.call('slow', { timeoutMs: 100 });
      pass(101);
      balancer.workers[0]!.die();
      settle();
      expect(fate(call)).toBe('Timeout');
      expect(balancer.slotOf(2).calls).toEqual([]);
    });

    it('keeps a waiting call from a slot that frees after it, before it is noticed', () => {
      start();
      pass(1);
      balancer.call('once');
      const [late, next] = [balancer.call('once', { timeoutMs: 100 }), balancer.call('once')];
      pass(101);
      balancer.slotOf(1).answer();
      settle();
      expect(balancer.slotOf(1).calls).toHaveLength(1);
      balancer.slotOf(1).answer();
      settle();
      expect([fate(late), fate(next)]).toEqual(['Timeout', 'ok null']);
    });

    it('has passed for a call that comes too late: it is started nowhere', () => {
      start();
      const spec = balancer.specs.find(({ name }) => name === 'once')!;
      pass(100);
      const told: string[] = [];
      balancer.dispatcher.dispatch({ spec, params: undefined, arrivedAt: 0, timeoutMs: 50 }, (outcome) =>
        told.push(outcome.ok ? 'ok' : outcome.error.name),
      );
      pass(12);
      expect([told, balancer.slotOf(1).calls]).toEqual([['Timeout'], []]);
    });
  });
});
