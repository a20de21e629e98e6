/** Workers of another balancer in this one's pool. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeLauncher } from '../../fakes/launcher.ts';
import { PoolTaken } from '../../../src/scaling/pool-taken.ts';
import { CrewRig } from './crew-rig.ts';

describe('a crew whose pool has workers of another balancer', () => {
  let rig: CrewRig;
  let other: FakeLauncher;

  beforeEach(() => {
    rig = new CrewRig();
    other = new FakeLauncher({ machine: rig.machine, owner: 'another' });
  });
  // Checks that nothing is left.
  afterEach(async () => {
    for (const id of rig.ids) await other.stop(id);
    await rig.end();
  });

  it.each(['running', 'paused'])('doesn’t start beside one that is %s, and touches none', async (state) => {
    await new FakeLauncher({ machine: rig.machine }).launch({ id: 'ours', token: 't' });
    await other.launch({ id: 'theirs', token: 't' });
    await other.launch({ id: 'ended', token: 't' });
    rig.machine.workers.get('ended')?.end();
    if (state === 'paused') await other.pause('theirs');
    const error = await rig.start(5000);
    expect(error).toBeInstanceOf(PoolTaken);
    expect((error as Error).message).toMatch(/SPILLWAY_POOL to another name; .*: docker rm -f theirs$/);
    expect(rig.ids).toEqual(['ours', 'theirs', 'ended']);
    await rig.crew.stop();
    expect(rig.machine.workers.get('theirs')?.state).toBe(state);
    await new FakeLauncher({ machine: rig.machine }).stop('ours');
  });

  it('removes those that have exited, and starts', async () => {
    await other.launch({ id: 'ended', token: 't' });
    rig.machine.workers.get('ended')?.end();
    expect(await rig.start()).toBe('ready');
    expect(rig.ids).toHaveLength(2);
    expect(rig.ids).not.toContain('ended');
    await rig.crew.stop();
  });
});
