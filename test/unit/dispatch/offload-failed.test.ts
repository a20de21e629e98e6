/** Calls that the cloud fails. */
import { describe, expect, it } from 'vitest';
import { errorOf, fate } from '../../fakes/balancer.ts';
import { pass } from '../../fakes/virtual-time.ts';
import { BROKEN, OffloadRig, THROTTLED } from './offload-rig.ts';

describe('a call that the cloud fails', () => {
  const rig = new OffloadRig();

  it.each([
    ['once', THROTTLED],
    ['again', THROTTLED],
    ['again', BROKEN],
  ])('runs here: %s, %o', (name, how) => {
    rig.start();
    const made = rig.offloaded(name);
    rig.cloudEnds(how);
    expect(rig.balancer.dispatcher.queued).toBe(1);
    rig.answer();
    rig.answer();
    expect(fate(made)).toBe('ok "pool"');
    expect(made.outcomes[0]?.report.backend).toBe('pool');
    expect(rig.counts).toMatchObject({ offloaded: 1, retried: 1, failed: 0 });
    pass(500);
    expect(rig.sent).toBe(1);
  });

  it('counts as offloaded only if it was sent', () => {
    rig.start();
    rig.cloud.call = (_, answer) => {
      const failure = { reason: 'budget spent', mayHaveRun: false } as const;
      setTimeout(answer, 1, { ok: false, failure, report: { elapsedMs: 0, costUsd: 0 } });
      return { cancel: () => undefined };
    };
    rig.call('home');
    rig.call('again');
    pass(60);
    expect(rig.counts).toMatchObject({ total: 2, offloaded: 0, retried: 1 });
  });

  it('is not repeated if it may not be', () => {
    rig.start();
    const made = rig.offloaded('once');
    rig.cloudEnds(BROKEN);
    expect(errorOf(made)).toMatchObject({
      code: -32004,
      data: { reason: 'unreachable', mayHaveRun: true },
    });
  });

  it('isn’t sent there again, however long it waits', () => {
    rig.start();
    rig.offloaded('again');
    rig.cloudEnds(THROTTLED);
    pass(5000);
    expect(rig.sent).toBe(1);
  });

  it('runs a second time at most', () => {
    rig.start();
    const made = rig.offloaded('again');
    rig.cloudEnds(BROKEN);
    rig.answer();
    rig.slotDies();
    expect(errorOf(made)).toMatchObject({ name: 'WorkerLost' });
  });

  it('keeps nobody away from the worker that it keeps away from', () => {
    rig.start({ workers: 2 });
    rig.call('home');
    const made = rig.call('hasty');
    pass(220);
    rig.balancer.workers[1]!.endSlot(rig.balancer.slots[1]!);
    pass(60);
    rig.cloudEnds(THROTTLED);
    rig.call('home');
    expect(rig.balancer.slots.map(({ calls }) => calls.length)).toEqual([1, 1]);
    expect([fate(made), rig.balancer.dispatcher.queued]).toEqual(['', 1]);
    rig.answer();
    rig.answer();
    expect(fate(made)).toBe('ok "pool"');
  });

  it('is told of its deadline while it waits again', () => {
    rig.start();
    const made = rig.offloaded('again', { timeoutMs: 300 });
    rig.cloudEnds(BROKEN);
    pass(300);
    expect(errorOf(made)).toMatchObject({ name: 'Timeout', data: { mayHaveRun: true } });
  });

  it('finds the queue full like any other', () => {
    rig.start({ queueCalls: 1 });
    const made = rig.offloaded('again');
    rig.call('home');
    rig.cloudEnds(THROTTLED);
    expect(fate(made)).toBe('Overloaded');
  });

  it('repeats only a part of all calls, if the calls may have run', () => {
    rig.start();
    rig.call('home');
    const made = Array.from({ length: 40 }, () => rig.balancer.call('again'));
    pass(60);
    for (const held of [...rig.cloud.held]) held.end(BROKEN);
    const failed = made.filter((one) => fate(one) === 'CloudFailed');
    expect(failed.length).toBeGreaterThan(10);
    expect(rig.counts).toMatchObject({ failed: failed.length, retried: 40 - failed.length });
  });
});
