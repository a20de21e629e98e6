/** What the operator learns of a worker that died. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeLauncher } from '../../fakes/launcher.ts';
import { CrewRig } from './crew-rig.ts';

describe('a worker whose socket closes', () => {
  let rig: CrewRig;

  beforeEach(() => {
    rig = new CrewRig(1);
  });
  // Checks that nothing is left.
  afterEach(() => rig.end());

  const exit = { reason: 'out of memory', lastLines: ['so much', 'too much'] };
  const told = (): unknown[] => rig.logged.filter(({ msg }) => msg.startsWith('worker ended'));

  async function dies(id: string): Promise<void> {
    const { launches } = rig;
    rig.cut(id);
    await rig.pass(100);
    // The other one doesn't wait for last words.
    expect(rig.launches).toBe(launches + 1);
    expect(rig.ids).toContain(id);
    rig.machine.workers.get(id)!.end(exit);
    await rig.pass(0);
  }

  it('is replaced at once, and the log says how it ended before its container is removed', async () => {
    await rig.start();
    const [id] = rig.ids;
    await dies(id!);
    expect(told()).toMatchObject([
      { worker: id, msg: 'worker ended: out of memory', lastLines: exit.lastLines },
    ]);
    expect(rig.ids).not.toContain(id);
    const replaced = { worker: rig.ids[0], msg: 'the worker in place of the lost one is ready' };
    expect(rig.logged).toContainEqual(expect.objectContaining(replaced));
  });

  it('the same where an earlier balancer started it', async () => {
    await new FakeLauncher({ machine: rig.machine }).launch({ id: 'old', token: 't' });
    await rig.start(0);
    rig.ready('old');
    expect(await rig.start()).toBe('ready');
    await dies('old');
    expect(told()).toMatchObject([{ worker: 'old', lastLines: exit.lastLines }]);
  });

  it('is removed after half a second where nobody knows how it ended', async () => {
    await rig.start();
    const [id] = rig.ids;
    rig.cut(id);
    await rig.pass(499);
    expect(rig.ids).toContain(id);
    await rig.pass(1);
    expect(rig.ids).not.toContain(id);
    expect(told()).toEqual([]);
  });

  it('is removed at once by a stop', async () => {
    await rig.start();
    rig.cut(rig.ids[0]);
    await rig.crew.stop();
    expect(rig.ids).toEqual([]);
  });
});
