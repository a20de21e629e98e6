/** Calls that leave for the cloud: the real dispatcher over fake workers and a fake cloud. */
import { describe, expect, it } from 'vitest';
import { errorOf, fate } from '../../fakes/balancer.ts';
import { pass } from '../../fakes/virtual-time.ts';
import { BROKEN, OK, OffloadRig, THROTTLED } from './offload-rig.ts';

describe('offloading', () => {
  const rig = new OffloadRig();

  describe('on arrival', () => {
    it('a free slot is taken, and the cloud not asked', () => {
      rig.start();
      const made = rig.call('once');
      rig.answer();
      expect([fate(made), rig.sent]).toEqual(['ok "pool"', 0]);
    });

    it('a call that would wait too long leaves', () => {
      rig.start();
      rig.learn('once', 100);
      rig.call('once');
      const made = rig.call('once', { params: '[7]', timeoutMs: 4000 });
      expect(rig.cloud.calls).toMatchObject([{ params: '[7]', timeoutMs: 4000, spec: { name: 'once' } }]);
      pass(30);
      rig.cloudEnds(OK);
      expect(fate(made)).toBe('ok "cloud"');
      expect(made.outcomes[0]?.report).toMatchObject({ backend: 'cloud', queueMs: 0, runMs: 1 });
      expect(made.outcomes[0]?.report.worker).toBeUndefined();
      expect(rig.counts).toMatchObject({ offloaded: 1, failed: 0, retried: 0 });
    });

    it('one that would wait a little stays', () => {
      rig.start();
      rig.learn('once', 20);
      rig.call('once');
      rig.call('once');
      expect(rig.sent).toBe(0);
    });

    it.each([
      ['never', { policy: 'never', waitMs: 50 }, 'once', 0],
      ['always', { policy: 'always', waitMs: 50 }, 'once', 1],
      ['always, but for a function that stays', { policy: 'always', waitMs: 50 }, 'home', 0],
    ] as const)('policy %s', (_name, offload, name, sent) => {
      rig.start({ offload });
      rig.call(name);
      expect([rig.sent, rig.slot.calls.length]).toEqual([sent, 1 - sent]);
    });

    it('a full queue overflows into the cloud, and rejects only without it', () => {
      rig.start({ queueCalls: 1 });
      rig.call('once');
      rig.call('once');
      rig.call('once');
      expect(rig.sent).toBe(1);
      rig.cloud.degrade('throttled');
      expect(fate(rig.call('once'))).toBe('Overloaded');
    });

    it('the placement can be changed while calls are under way', () => {
      rig.start();
      rig.balancer.dispatcher.offload.rule = { policy: 'always', waitMs: 50 };
      rig.call('once');
      expect(rig.sent).toBe(1);
    });
  });

  describe('a call that waits', () => {
    it('leaves when it has waited too long, and another may take its place', () => {
      rig.start({ queueCalls: 1 });
      rig.call('again');
      const waiting = rig.call('again');
      pass(45);
      expect(rig.sent).toBe(0);
      pass(20);
      expect(rig.sent).toBe(1);
      expect(rig.balancer.dispatcher.queued).toBe(0);
      rig.cloudEnds(OK);
      expect(waiting.outcomes[0]?.report.queueMs).toBeGreaterThanOrEqual(50);
    });

    it('leaves when the cloud is back', () => {
      rig.start();
      rig.cloud.degrade('throttled');
      rig.call('once');
      rig.call('once');
      pass(500);
      expect(rig.sent).toBe(0);
      rig.cloud.degrade(undefined);
      pass(260);
      expect(rig.sent).toBe(1);
    });

    it('stays where its function or its client says so', () => {
      rig.start();
      rig.call('once');
      rig.call('home');
      rig.call('once', { backend: 'pool' });
      pass(1000);
      expect([rig.sent, rig.balancer.dispatcher.queued]).toEqual([0, 2]);
    });

    it('is not sent once it has a slot', () => {
      rig.start();
      rig.call('once');
      rig.call('once');
      rig.answer();
      pass(200);
      expect(rig.sent).toBe(0);
    });
  });

  describe('a forced place', () => {
    it('cloud: goes there past a free slot, and nowhere else', () => {
      rig.start();
      const made = rig.call('again', { backend: 'cloud' });
      expect(rig.sent).toBe(1);
      rig.cloudEnds(THROTTLED);
      expect(errorOf(made)).toMatchObject({
        name: 'CloudFailed',
        data: { reason: 'throttled', mayHaveRun: false },
      });
    });

    it.each(['off', 'budget spent', 'deploying'] as const)('cloud: is refused while it is %s', (reason) => {
      rig.start();
      rig.cloud.degrade(reason);
      const made = rig.call('once', { backend: 'cloud' });
      expect(errorOf(made)).toMatchObject({ code: -32004, data: { reason, mayHaveRun: false } });
      expect(made.outcomes[0]?.report.backend).toBe('cloud');
    });

    it('cloud: is refused for a function that stays', () => {
      rig.start();
      expect(errorOf(rig.call('home', { backend: 'cloud' }))).toMatchObject({
        data: { reason: 'offload: false' },
      });
    });

    it('pool: never leaves', () => {
      rig.start({ queueCalls: 0, offload: { policy: 'always', waitMs: 0 } });
      rig.call('once', { backend: 'pool' });
      expect(fate(rig.call('once', { backend: 'pool' }))).toBe('Overloaded');
      expect(rig.sent).toBe(0);
    });
  });

  it('a function’s own error is the answer', () => {
    rig.start();
    rig.call('home');
    const made = rig.call('again');
    pass(60);
    rig.cloudEnds({ ok: false, error: { name: 'FunctionError', code: -32000, message: 'boom' } });
    expect(errorOf(made)).toMatchObject({ name: 'FunctionError', message: 'boom' });
    expect(rig.counts).toMatchObject({ failed: 1, retried: 0 });
  });

  it('an answer after the deadline is a Timeout', () => {
    rig.start();
    rig.call('home');
    const made = rig.call('again', { timeoutMs: 300 });
    pass(310);
    expect(errorOf(made)).toMatchObject({ name: 'Timeout', data: { mayHaveRun: true } });
  });

  it('a client that goes away leaves the call to end in the cloud, and nothing behind', () => {
    rig.start();
    rig.call('home');
    const made = rig.call('once');
    pass(60);
    made.pending.cancel();
    rig.cloudEnds(BROKEN);
    expect([made.outcomes.length, rig.underWay]).toEqual([0, 1]);
  });

  it('what the cloud is known to take decides: more than 20 s stays', () => {
    rig.start({ offload: { policy: 'always', waitMs: 50 } });
    const run = (runMs: number): void => {
      rig.cloud.runMs = runMs;
      rig.call('once');
      rig.cloudEnds(OK);
    };
    run(21_000);
    rig.call('once');
    expect([rig.sent, rig.slot.calls.length]).toEqual([1, 1]);
  });

  it('drain waits for the cloud', async () => {
    rig.start();
    const made = rig.call('once', { backend: 'cloud' });
    let drained = false;
    const drain = rig.balancer.dispatcher.drain(5000).then(() => (drained = true));
    await Promise.resolve();
    expect(drained).toBe(false);
    rig.cloudEnds(OK);
    await drain;
    expect(fate(made)).toBe('ok "cloud"');
  });

  it('a stop gives up what the cloud hasn’t answered', () => {
    rig.start();
    const made = rig.call('once', { backend: 'cloud' });
    rig.balancer.dispatcher.close();
    expect(fate(made)).toBe('ShuttingDown');
    rig.cloudEnds(BROKEN);
    expect(made.outcomes).toHaveLength(1);
  });
});
