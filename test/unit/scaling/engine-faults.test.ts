/** The autoscaler and the crew together, on an engine that fails. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Autoscaler } from '../../../src/scaling/autoscaler.ts';
import { CrewRig } from './crew-rig.ts';
import { observed, queueing } from './pool-on-paper.ts';

describe('an engine that fails', () => {
  let rig: CrewRig;
  let autoscaler: Autoscaler;

  beforeEach(async () => {
    rig = new CrewRig(2);
    await rig.start();
    autoscaler = new Autoscaler(rig.crew, rig.crew.limits);
    autoscaler.start();
  });
  afterEach(async () => {
    const stopped = autoscaler.stop();
    await rig.pass(60_000);
    await stopped;
    await rig.end();
  });

  const down = new Error('connect ECONNREFUSED /var/run/docker.sock');
  const said = (part: string): number => rig.logged.filter(({ msg }) => msg.includes(part)).length;

  /** The engine refuses everything until the function returned is called. */
  function breakEngine(): () => void {
    const spies = (['launch', 'stop', 'pause', 'resume'] as const).map((verb) =>
      vi.spyOn(rig.launcher, verb).mockRejectedValue(down),
    );
    return () => {
      for (const spy of spies) spy.mockRestore();
    };
  }

  it('is down while workers die: their places are filled once it is back, without a restart', async () => {
    const mend = breakEngine();
    for (const id of [...rig.ids]) rig.cut(id);
    await rig.pass(60_000);
    expect(said('could not be started; trying again')).toBeGreaterThan(10);
    expect(said('could not be started; trying again')).toBeLessThan(40);
    mend();
    await rig.pass(15_000);
    expect(rig.crew.observe().workers).toMatchObject({ ready: 2, starting: 0 });
    // The dead were removed as well, once that could be done.
    expect(rig.ids).toHaveLength(2);
  });

  it('has no room for more: the pool stays as it is, says so ever more rarely, and grows later', async () => {
    rig.load = observed(queueing(4, 2));
    const mend = breakEngine();
    await rig.pass(60_000);
    expect(said('no worker can be started')).toBeGreaterThan(3);
    expect(said('no worker can be started')).toBeLessThan(10);
    expect(rig.in('ready')).toHaveLength(2);
    mend();
    await rig.pass(61_000);
    expect(rig.in('ready').length).toBeGreaterThan(2);
    expect(said('can be changed again')).toBe(1);
  });

  it('hangs: a launch that never answers doesn’t stop the pool from being looked at', async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    vi.spyOn(rig.launcher, 'launch').mockReturnValue(promise);
    rig.load = observed(queueing(1, 2));
    await rig.pass(120_000);
    expect(said('no worker can be started')).toBeGreaterThan(0);
    expect(rig.in('ready')).toHaveLength(2);
    reject(down);
  });

  it('can’t resume a standby: another worker is started instead', async () => {
    await rig.crew.act({ target: 2, readmit: 0, resume: 0, start: 1, drain: 0, discard: 0 });
    await rig.pass(10);
    await rig.crew.act({ target: 2, readmit: 0, resume: 0, start: 0, drain: 1, discard: 0 });
    await rig.pass(10);
    vi.spyOn(rig.launcher, 'resume').mockRejectedValue(new Error('500'));
    rig.load = observed(queueing(1, 2));
    await rig.pass(2000);
    expect(rig.in('ready').length).toBeGreaterThanOrEqual(3);
    expect(said('could not be resumed; replacing it')).toBe(1);
  });
});
