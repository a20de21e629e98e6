/** Which calls the cloud can have at all: those of functions that its bundle has, with params that fit. */
import { describe, expect, it, vi } from 'vitest';
import { errorOf, fate } from '../../fakes/balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';
import { OK, OffloadRig } from './offload-rig.ts';

describe('while the cloud has another bundle than the pool', () => {
  const rig = new OffloadRig();

  const start = async (policy: 'threshold' | 'predictive' | 'always', functions: string[]): Promise<void> => {
    rig.start({ offload: { policy, waitMs: 50 } });
    await rig.cloud.deploy({ hash: 'another', code: '', functions });
  };

  it.each(['threshold', 'predictive', 'always'] as const)(
    '%s keeps calls of functions that only the pool has',
    async (policy) => {
      await start(policy, ['once']);
      rig.call('home');
      const waiting = rig.call('again');
      pass(5000);
      expect(rig.sent).toBe(0);
      rig.slot.answer();
      settle();
      rig.slot.answer(undefined, '"pool"');
      settle();
      expect(fate(waiting)).toBe('ok "pool"');
    },
  );

  it('a call waits no longer once the cloud has its function', async () => {
    await start('threshold', ['once']);
    rig.call('home');
    const waiting = rig.call('again');
    pass(1000);
    expect(rig.sent).toBe(0);
    await rig.cloud.deploy({ hash: 'the same', code: '', functions: ['once', 'again'] });
    pass(300);
    rig.cloudEnds(OK);
    expect(fate(waiting)).toBe('ok "cloud"');
  });

  it('a call that is forced there is told why not', async () => {
    await start('threshold', ['once']);
    expect(errorOf(rig.call('again', { backend: 'cloud' }))).toMatchObject({
      name: 'CloudFailed',
      data: { reason: 'wrong bundle', mayHaveRun: false },
    });
  });
});

describe('a call with a megabyte of params', () => {
  const rig = new OffloadRig();

  it('is measured once, however often it is looked at', () => {
    rig.start({ offload: { policy: 'predictive', waitMs: 50 } });
    const params = Buffer.from(`["${'x'.repeat(1_000_000)}"]`);
    const read = vi.spyOn(params, 'toString');
    rig.learn('again', 100);
    // A cloud so far away that the call stays, and is looked at all the while.
    rig.cloud.degrade('throttled');
    rig.call('home');
    rig.call('again', { params });
    rig.cloud.degrade(undefined);
    pass(2000);
    expect(read).toHaveBeenCalledTimes(1);
  });
});
