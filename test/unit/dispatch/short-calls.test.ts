/** Calls of functions that are known to be short, and others. */
import { describe, expect, it } from 'vitest';
import type { FunctionSpec } from '../../../src/functions/manifest.ts';
import type { FakeBalancer, FakeBalancerOptions } from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';

const FUNCTIONS = { quick: { idempotent: true }, slow: { idempotent: true } };

const startBalancer = balancerOnVirtualTime();
let balancer: FakeBalancer;

function start(options: Partial<FakeBalancerOptions> = {}): void {
  balancer = startBalancer({ functions: FUNCTIONS, ...options });
}

describe('what is known to be short', () => {
  const spec = (name: string): FunctionSpec => balancer.specs.find((one) => one.name === name)!;

  it('had better stay with whoever has it while it would only stand in line', () => {
    start();
    expect(balancer.dispatcher.holdsBack(spec('quick'), 1)).toBe(false); // nobody knows it
    balancer.warmUp('quick');
    const slot = balancer.slotOf(1);
    const calls = [];
    while (!balancer.dispatcher.holdsBack(spec('quick'), 1) && calls.length < 100) {
      calls.push(balancer.call('quick'));
      settle();
    }
    // Not one of them waits, and a further one would.
    expect(slot.calls).toHaveLength(calls.length);
    expect(calls).toHaveLength(66);
    expect(balancer.dispatcher.queued).toBe(0);
    expect(balancer.dispatcher.holdsBack(spec('quick'), 300)).toBe(true);
    // So much work is for others to know of, and what isn't known to be short.
    expect(balancer.dispatcher.holdsBack(spec('quick'), 400)).toBe(false);
    expect(balancer.dispatcher.holdsBack(spec('slow'), 1)).toBe(false);
    calls.push(balancer.call('quick'));
    expect(balancer.dispatcher.queued).toBe(1);
    for (let i = 0; i < 2; i += 1) {
      slot.answer(undefined, 'null', 0.03);
      settle();
    }
    expect(balancer.dispatcher.holdsBack(spec('quick'), 1)).toBe(false);
  });

  it('occupies no slot while it is there, but what takes longer does, however well it is known', () => {
    start();
    balancer.warmUp('quick');
    balancer.call('quick');
    settle();
    expect(balancer.pool.busySlots).toBe(0);
    balancer.slotOf(1).answer(undefined, 'null', 0.03);
    settle();
    for (let i = 0; i < 30; i += 1) {
      const before = balancer.pool.busyMs(performance.now());
      balancer.call('slow');
      settle();
      expect(balancer.slotOf(1).calls).toMatchObject([{ short: false }]);
      expect(balancer.pool.busySlots).toBe(1);
      pass(2);
      balancer.slotOf(1).answer(undefined, 'null', 2);
      settle();
      expect(balancer.pool.busyMs(performance.now())).toBe(before + 2);
    }
  });

  it('had better stay too while another call waits that nothing can be handed ahead of', () => {
    start();
    balancer.warmUp('quick');
    balancer.call('quick');
    settle();
    expect(balancer.dispatcher.holdsBack(spec('quick'), 1)).toBe(false);
    balancer.call('slow');
    expect(balancer.dispatcher.queued).toBe(1);
    expect(balancer.dispatcher.holdsBack(spec('quick'), 1)).toBe(true);
    // While functions are reloaded, whoever asks which calls still wait must be told of all.
    balancer.pool.expect('w9', { ...balancer.pool.bundle, hash: 'another' });
    expect(balancer.dispatcher.holdsBack(spec('quick'), 1)).toBe(false);
  });

  it('is handed ahead at once when it passes a large call', () => {
    start();
    balancer.warmUp('quick');
    balancer.call('quick');
    settle();
    balancer.call('slow', { params: 'x'.repeat(300_000) });
    expect(balancer.dispatcher.queued).toBe(1);
    // All that wait have just been tried.
    balancer.dispatcher.pump();
    pass(5);
    balancer.call('quick');
    expect(balancer.dispatcher.queued).toBe(1);
    settle();
    expect(balancer.slotOf(1).calls).toHaveLength(2);
  });

  it('is never held back where all calls go to the cloud', () => {
    start({ offload: { policy: 'always', waitMs: 50 } });
    balancer.warmUp('quick');
    for (let i = 0; i < 100; i += 1) balancer.call('quick');
    settle();
    expect(balancer.dispatcher.queued).toBeGreaterThan(0);
    expect(balancer.dispatcher.holdsBack(spec('quick'), 1)).toBe(false);
  });
});
