/** What a call that is turned away is told, and who else hears it: the real dispatcher and pool over fake workers. */
import { describe, expect, it } from 'vitest';
import { errorOf, type FakeBalancer, type MadeCall } from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { settle } from '../../fakes/virtual-time.ts';

const RUN_MS = 400;

describe('a call that is turned away', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;
  let reasons: string[];

  /** With one slot, which is busy, and a call that waits for it. */
  function start(queueCalls: number): void {
    reasons = [];
    balancer = startBalancer({
      functions: { once: {} },
      queueCalls,
      observer: {
        placed: (_call, where, reason) => where === 'reject' && reasons.push(reason),
        placedAgain: () => undefined,
        answered: () => undefined,
      },
    });
    for (let i = 0; i < 6; i += 1) {
      balancer.call('once');
      settle();
      balancer.slotOf(1).answer(undefined, '1', RUN_MS);
      settle();
    }
    balancer.call('once');
    balancer.call('once');
  }

  const OVERLOADED = { name: 'Overloaded', code: -32001, data: { retryAfterMs: 2 * RUN_MS } };

  function expectTold(made: MadeCall, message: string, reason: string): void {
    expect(errorOf(made)).toEqual({ ...OVERLOADED, message: `Overloaded: ${message}` });
    expect(reasons).toEqual([reason]);
  }

  it('since the queue is full hears that', () => {
    start(1);
    expectTold(balancer.call('once'), 'every slot is busy and the queue is full', 'queue full');
  });

  it('since the queue is too long for its time hears that, though there is room', () => {
    start(10);
    const made = balancer.call('once', { timeoutMs: RUN_MS + 100 });
    expectTold(made, "more work waits than can be done in the call's time", 'queue too long');
    expect(balancer.dispatcher.queued).toBe(1);
  });
});
