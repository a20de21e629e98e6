import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeLauncher, type FakeWorker } from '../../fakes/launcher.ts';
import type { LaunchedWorker } from '../../../src/runtime/launcher.ts';
import { BundleFault } from '../../../src/scaling/starts.ts';
import { CrewRig } from './crew-rig.ts';

describe('a crew', () => {
  let rig: CrewRig;

  beforeEach(() => {
    rig = new CrewRig();
  });
  // Checks that nothing is left.
  afterEach(() => rig.end());

  const dies = (worker: FakeWorker): void => worker.end({ reason: 'exit code 1', lastLines: ['oh', 'no'] });

  describe('starting', () => {
    it('starts the workers at once, each with its own token, and is done when all are ready', async () => {
      rig.onLaunch = () => undefined;
      expect(await rig.start()).toBe('still starting');
      expect(rig.ids).toHaveLength(2);
      for (const [id, worker] of rig.machine.workers) expect(worker.order.token).toBe(`token of ${id}`);
      const [first, second] = rig.ids;
      rig.ready(first!);
      expect(await rig.start(0)).toBe('still starting');
      rig.ready(second!);
    });

    it('tells the pool where a worker runs', async () => {
      expect(await rig.start()).toBe('ready');
      for (const id of rig.ids) expect(rig.pool.members.get(id)?.containerId).toBe(`container-${id}`);
    });

    it('fails with the last words of a worker that ends before it is ready', async () => {
      rig.onLaunch = dies;
      const error = await rig.start();
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).message).toMatch(
        /ended before it was ready: exit code 1; its last words:\n {2}oh\n {2}no$/,
      );
    });

    it('has the last words though its socket closes before its end is known', async () => {
      rig.onLaunch = (worker) => {
        rig.cut(worker.order.id);
        setTimeout(() => dies(worker), 1500);
      };
      expect(await rig.start(100)).toBe('still starting');
      expect(((await rig.start(1500)) as Error).message).toMatch(/exit code 1; its last words/);
    });

    it('doesn’t wait for last words for ever', async () => {
      rig.onLaunch = (worker) => rig.cut(worker.order.id);
      const error = await rig.start(2100);
      expect((error as Error).message).toMatch(/did not become ready: the connection was closed$/);
    });

    it('fails as soon as one worker does, without waiting for the others', async () => {
      let launched = 0;
      rig.onLaunch = (worker) => {
        launched += 1;
        if (launched === 1) dies(worker);
      };
      expect(await rig.start()).toBeInstanceOf(Error);
    });

    it('fails when a worker isn’t ready within 30 s', async () => {
      rig.onLaunch = () => undefined;
      expect(await rig.start(29_900)).toBe('still starting');
      expect(((await rig.start(2300)) as Error).message).toMatch(/not ready within 30 s/);
    });

    it('says what kept a worker from being ready, where that is known', async () => {
      rig.onLaunch = ({ order: { id } }) => {
        rig.pool.members.get(id)!.reason = 'a slot of it ended: killed by SIGKILL';
      };
      const error = (await rig.start(32_300)) as Error;
      expect(error.message).toMatch(/within 30 s \(a slot of it ended: killed by SIGKILL\)$/);
    });

    it('fails when a worker can’t be launched, and leaves nothing', async () => {
      rig.launcher.failNextLaunch(new Error('no such image'));
      expect(((await rig.start()) as Error).message).toBe('no such image');
    });

    it('blames the functions where they are at fault', async () => {
      rig.onLaunch = (worker) => rig.pool.fault(worker.order.id, 'add.ts: it threw');
      const error = await rig.start();
      expect(error).toBeInstanceOf(BundleFault);
      expect((error as Error).message).toBe('add.ts: it threw');
    });

    it('starts no worker twice that is lost while it starts', async () => {
      rig.onLaunch = dies;
      await rig.start();
      await rig.pass(60_000);
      expect(rig.launches).toBe(2);
    });
  });

  describe('stopping', () => {
    it('removes every worker', async () => {
      await rig.start();
      const before = rig.ids;
      await rig.crew.stop();
      expect(rig.launcher.calls.filter((call) => call.startsWith('stop'))).toEqual(
        before.map((id) => `stop ${id}`),
      );
    });

    it('while workers start', async () => {
      rig.onLaunch = () => undefined;
      expect(await rig.start()).toBe('still starting');
    });

    it('while a worker is being launched', async () => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const launch = rig.launcher.launch.bind(rig.launcher);
      rig.launcher.launch = async (order): Promise<LaunchedWorker> => {
        await promise;
        return await launch(order);
      };
      await rig.start();
      let stopped = false;
      const stopping = rig.crew.stop().then(() => (stopped = true));
      await rig.pass(10);
      expect(stopped).toBe(false);
      resolve(undefined);
      await stopping;
      expect(rig.launches).toBe(2);
      expect(rig.ids).toEqual([]);
      expect(await rig.start(0)).toBeInstanceOf(Error);
    });

    it('while workers are adopted', async () => {
      await new FakeLauncher({ machine: rig.machine }).launch({ id: 'old', token: 't' });
      await rig.start();
      await rig.crew.stop();
      expect(rig.machine.workers.size).toBe(0);
      await rig.pass(10);
      expect(rig.launches).toBe(0);
      expect(await rig.start(0)).toBeInstanceOf(Error);
    });

    it('while it is told what to adopt', async () => {
      await new FakeLauncher({ machine: rig.machine }).launch({ id: 'old', token: 't' });
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const list = rig.launcher.list.bind(rig.launcher);
      rig.launcher.list = async () => {
        await promise;
        return await list();
      };
      await rig.start();
      const stoppedAt = performance.now();
      const stopping = rig.crew.stop();
      await rig.pass(10);
      resolve(undefined);
      await stopping;
      // It gives nobody time to dial in.
      expect(performance.now() - stoppedAt).toBe(10);
      expect([rig.ids, rig.launches]).toEqual([[], 0]);
      expect(await rig.start(0)).toBeInstanceOf(Error);
    });

    it('while it waits to replace a worker', async () => {
      rig = new CrewRig(1);
      await rig.start();
      rig.onLaunch = (worker) => {
        rig.ready(worker.order.id);
        rig.cut(worker.order.id);
      };
      rig.cut(rig.ids[0]);
      await rig.pass(1000);
      const before = rig.launches;
      const stoppedAt = performance.now();
      await rig.crew.stop();
      expect(performance.now() - stoppedAt).toBeLessThan(10);
      await rig.pass(60_000);
      expect(rig.launches).toBe(before);
    });

    it('while it waits for last words', async () => {
      rig.onLaunch = (worker) => rig.cut(worker.order.id);
      await rig.start(100);
      const stoppedAt = performance.now();
      await rig.crew.stop();
      expect(performance.now() - stoppedAt).toBe(0);
    });

    it('tries every worker, though one can’t be removed', async () => {
      await rig.start();
      const [stubborn, other] = rig.ids;
      const stop = rig.launcher.stop.bind(rig.launcher);
      rig.launcher.stop = (id) => (id === stubborn ? Promise.reject(new Error('busy')) : stop(id));
      await rig.crew.stop();
      expect(rig.ids).toEqual([stubborn]);
      expect(rig.machine.workers.has(other!)).toBe(false);
      expect(rig.pool.members.size).toBe(0);
      rig.launcher.stop = stop;
    });
  });
});
