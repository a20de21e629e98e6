/** Workers that fall silent, with calls under way: the real pool and dispatcher over fake workers, on virtual time. */
import { describe, expect, it } from 'vitest';
import { fate, type FakeBalancer } from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';

describe('a silent worker', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;

  const start = (workers: number): FakeBalancer =>
    (balancer = startBalancer({
      functions: { again: { idempotent: true }, once: {} },
      workers,
      watched: true,
    }));

  it('is ejected and lost without a call having to find out', () => {
    const [silent] = start(2).workers;
    pass(2000);
    silent!.stop();
    const stoppedAt = performance.now();
    pass(2000);
    expect(balancer.stateOf(silent!)).toBe('ejected');
    expect(balancer.pool.workers[0]).toMatchObject({ reason: 'silent for 1.5 s' });
    expect(balancer.pool.slots.map(({ workerId }) => workerId)).toEqual(['w2']);
    while (balancer.stateOf(silent!) === 'ejected') pass(10);
    expect(performance.now() - stoppedAt).toBeLessThanOrEqual(3000);
    expect(balancer.events).toEqual([
      'ready w1',
      'ready w2',
      'eject w1: silent for 1.5 s',
      'lost w1: silent for 2.5 s',
    ]);
  });

  it('keeps no call that may be placed again, and gets no new one', () => {
    const [silent, other] = start(2).workers;
    const [first, second] = [balancer.call('again'), balancer.call('again')];
    settle();
    other!.slots[0]!.answer();
    settle();
    silent!.stop();
    const waiting = [balancer.call('again'), balancer.call('again')];
    // Two seconds later both were placed on the other; one of them is the silent one's.
    for (let i = 0; i < 30; i += 1) {
      pass(100);
      if (other!.slots[0]!.calls.length > 0) other!.slots[0]!.answer();
      settle();
    }
    expect([first, second, ...waiting].map(fate)).toEqual(Array.from({ length: 4 }, () => 'ok null'));
    expect(first.outcomes[0]?.report.worker).toBe('w2');
    expect(balancer.dispatcher.counts).toMatchObject({ retried: 1, failed: 0 });
  });

  it('keeps a call that may not run twice until it is lost', () => {
    const [silent] = start(2).workers;
    const call = balancer.call('once');
    settle();
    silent!.stop();
    pass(2000);
    expect([balancer.stateOf(silent!), fate(call)]).toEqual(['ejected', '']);
    pass(1000);
    expect(fate(call)).toBe('WorkerLost');
  });

  it('has no call placed elsewhere whose time is over, though nobody has noticed that yet', () => {
    start(2);
    while (performance.now() % 10 !== 1) pass(1); // deadlines are noticed in steps of 10 ms
    const call = balancer.call('again', { timeoutMs: 60 });
    settle();
    pass(60);
    balancer.pool.workers[0]!.eject('it is silent');
    settle();
    expect([fate(call), balancer.dispatcher.queued, balancer.dispatcher.counts.retried]).toEqual(['', 0, 0]);
    pass(10);
    expect(fate(call)).toBe('Timeout');
  });

  it('that comes back answers what it has, once, and takes calls again after a while', () => {
    const [silent, other] = start(2).workers;
    const [again, filler] = [balancer.call('again'), balancer.call('once')];
    settle();
    other!.slots[0]!.answer();
    settle();
    silent!.stop();
    pass(2000);
    // The call was started on the other as well; the one that comes back is first.
    expect(other!.slots[0]!.calls).toHaveLength(1);
    silent!.cont();
    silent!.slots[0]!.answer();
    settle();
    expect([fate(again), again.outcomes[0]?.report.worker, fate(filler)]).toEqual([
      'ok null',
      'w1',
      'ok null',
    ]);
    expect(balancer.stateOf(silent!)).toBe('ejected');
    other!.slots[0]!.answer();
    pass(1500);
    expect(balancer.stateOf(silent!)).toBe('ready');
    expect(balancer.pool.workers[0]?.reason).toBeUndefined();
    const calls = [balancer.call('once'), balancer.call('once')];
    settle();
    for (const slot of balancer.slots) slot.answer();
    settle();
    expect(calls.map(fate)).toEqual(['ok null', 'ok null']);
    expect(balancer.pool.slots).toHaveLength(2);
  });

  it('holds no slot back when it comes back, for a call that has long gone', () => {
    const [silent, other] = start(2).workers;
    const first = [balancer.call('once'), balancer.call('once')];
    settle();
    for (const slot of balancer.pool.slots) slot.reservedFor = 1;
    silent!.stop();
    pass(2000);
    silent!.cont();
    silent!.slots[0]!.answer();
    other!.slots[0]!.answer();
    balancer.pool.unreserve(1);
    pass(2000);
    expect(first.map(fate)).toEqual(['ok null', 'ok null']);
    expect(balancer.pool.slots.map(({ reservedFor }) => reservedFor)).toEqual([0, 0]);
  });

  it('that is the last one stays while it may only be slow', () => {
    const [only] = start(1).workers;
    only!.stop();
    pass(2000);
    expect(balancer.stateOf(only!)).toBe('ready');
    only!.cont();
    pass(5000);
    expect(balancer.events).toEqual(['ready w1']);
  });

  it('isn’t seen in workers that beat while the balancer doesn’t listen', () => {
    const { workers } = start(3);
    for (let i = 0; i < 3; i += 1) {
      pass(1000);
      for (const worker of workers) worker.stop();
      // The clock jumps: nothing was read and nothing looked at for a minute.
      const looked = performance.now.bind(performance);
      const jump = 60_000 * (i + 1);
      performance.now = () => looked() + jump;
      pass(250);
      for (const worker of workers) worker.cont();
      performance.now = looked;
    }
    pass(5000);
    expect(balancer.events).toEqual(['ready w1', 'ready w2', 'ready w3']);
  });

  it('loses its slot’s place when it redials while ejected, and gets it back when readmitted', () => {
    const [silent] = start(2).workers;
    silent!.stop();
    pass(2000);
    silent!.cont();
    const [slot] = silent!.slots;
    slot!.hangUp();
    settle();
    slot!.connect();
    settle();
    expect(balancer.pool.slots).toHaveLength(1);
    pass(2000);
    expect(balancer.pool.slots).toHaveLength(2);
    expect(balancer.stateOf(silent!)).toBe('ready');
  });
});
