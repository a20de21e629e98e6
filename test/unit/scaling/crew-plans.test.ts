import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../../src/scaling/plan.ts';
import { CrewRig } from './crew-rig.ts';

const NOTHING: Plan = { target: 2, readmit: 0, resume: 0, start: 0, drain: 0, discard: 0 };

describe('a crew', () => {
  let rig: CrewRig;

  beforeEach(async () => {
    rig = new CrewRig();
    await rig.start();
  });
  // Checks that nothing is left.
  afterEach(() => rig.end());

  /** Carries a plan out; tells how that ended. */
  async function act(plan: Partial<Plan>): Promise<string> {
    let outcome = 'under way';
    void rig.crew.act({ ...NOTHING, ...plan }).then(
      () => (outcome = 'done'),
      (error: unknown) => (outcome = String(error)),
    );
    await rig.pass(5);
    return outcome;
  }

  describe('draining', () => {
    it('pauses an idle worker at once, and keeps it as a standby', async () => {
      const [id] = rig.ids;
      expect(await act({ drain: 1 })).toBe('done');
      expect(rig.in('standby')).toEqual([id]);
      expect(rig.machine.workers.get(id!)?.state).toBe('paused');
      expect(rig.crew.observe()).toMatchObject({
        workers: { ready: 1, starting: 0, draining: 0 },
        standbyAgesMs: [expect.any(Number)],
      });
    });

    it('takes the idlest worker, and waits for its last call', async () => {
      const [busy, idler] = rig.ids;
      rig.pool.members.get(busy!)!.running = 3;
      rig.pool.members.get(idler!)!.running = 1;
      await act({ drain: 1 });
      expect(rig.in('draining')).toEqual([idler]);
      expect(rig.launcher.calls).not.toContain(`pause ${idler}`);
      rig.pool.empty(idler!);
      await rig.pass(1);
      expect(rig.machine.workers.get(idler!)?.state).toBe('paused');
    });

    it('keeps no more standbys than it may', async () => {
      rig.crew.limits = { ...rig.crew.limits, standbys: 1 };
      await act({ drain: 2 });
      expect([rig.in('standby').length, rig.ids.length]).toEqual([1, 1]);
    });

    it('removes a worker that can’t be paused', async () => {
      rig.launcher.pause = () => Promise.reject(new Error('no freezer'));
      const [id] = rig.ids;
      await act({ drain: 1 });
      await rig.pass(10);
      expect(rig.ids).not.toContain(id);
      expect(rig.logged.some(({ msg }) => msg.includes('could not be paused'))).toBe(true);
    });

    it('gives calls again to one that still drains, rather than start another', async () => {
      const [id] = rig.ids;
      for (const worker of rig.pool.members.values()) worker.running = 1;
      await act({ drain: 1 });
      expect(await act({ readmit: 1 })).toBe('done');
      expect(rig.in('ready')).toContain(id);
      expect([rig.launches, rig.in('draining')]).toEqual([2, []]);
    });
  });

  describe('resuming', () => {
    async function withStandbys(): Promise<string[]> {
      const ids = [...rig.ids];
      await act({ drain: 1 });
      await rig.pass(1000);
      await act({ drain: 1 });
      return ids;
    }

    it('takes the youngest standby, and it is ready when the runtime says so', async () => {
      const [older, younger] = await withStandbys();
      await act({ resume: 1 });
      expect([rig.in('ready'), rig.in('standby')]).toEqual([[younger], [older]]);
      expect(rig.machine.workers.get(younger!)?.state).toBe('running');
    });

    it('waits for a pause that is still under way', async () => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const pause = rig.launcher.pause.bind(rig.launcher);
      rig.launcher.pause = async (id) => {
        await promise;
        await pause(id);
      };
      await act({ drain: 1 });
      expect(await act({ resume: 1 })).toBe('under way');
      expect(rig.crew.observe().workers).toMatchObject({ ready: 1, starting: 1 });
      resolve(undefined);
      await rig.pass(1);
      expect(rig.in('ready')).toHaveLength(2);
      expect(rig.launcher.calls.slice(-2).map((call) => call.split(' ')[0])).toEqual(['pause', 'resume']);
    });

    it('replaces a standby that can’t be resumed', async () => {
      const [, younger] = await withStandbys();
      rig.launcher.resume = () => Promise.reject(new Error('500'));
      expect(await act({ resume: 1 })).toBe('done');
      expect(rig.ids).not.toContain(younger);
      expect([rig.launches, rig.in('ready').length]).toEqual([3, 1]);
    });

    it('loses a standby without replacing it, and has it no longer', async () => {
      const [id] = rig.ids;
      await act({ drain: 1, start: 1 });
      rig.cut(id);
      await rig.pass(1000);
      expect(rig.crew.observe().standbyAgesMs).toEqual([]);
      expect([rig.launches, rig.ids.length]).toEqual([3, 2]);
    });

    it('discards the oldest', async () => {
      const [older, younger] = await withStandbys();
      await act({ discard: 1 });
      expect([rig.ids.includes(older!), rig.ids.includes(younger!)]).toEqual([false, true]);
    });
  });

  describe('starting', () => {
    it('is done when the runtime has started the workers, and counts them as starting', async () => {
      rig.onLaunch = () => undefined;
      expect(await act({ start: 2 })).toBe('done');
      expect(rig.crew.observe().workers).toMatchObject({ ready: 2, starting: 2 });
    });

    it('tells of a worker that can’t be started, and starts the others', async () => {
      rig.launcher.failNextLaunch(new Error('no space left on device'));
      expect(await act({ start: 2 })).toMatch(/no space left/);
      expect(rig.in('ready')).toHaveLength(3);
    });

    it('says when workers will be ready, from what starts have taken', async () => {
      expect(rig.crew.workersReadyInMs()).toEqual([]);
      rig.onLaunch = () => undefined;
      await act({ start: 1 });
      const soon = rig.crew.workersReadyInMs()[0]!;
      expect(soon).toBeGreaterThan(0);
      await rig.pass(10);
      expect(rig.crew.workersReadyInMs()[0]).toBeCloseTo(soon - 10);
      await rig.pass(1000);
      // Overdue: as long again as it has taken.
      expect(rig.crew.workersReadyInMs()[0]).toBeGreaterThan(1000);
    });

    it('holds the place of one that died young, so that a crash loop isn’t a busy one', async () => {
      rig.onLaunch = (worker) => {
        rig.ready(worker.order.id);
        rig.cut(worker.order.id);
      };
      for (let tick = 0; tick < 1000; tick += 1) {
        const { ready, starting } = rig.crew.observe().workers;
        if (ready + starting < 3) await act({ start: 1 });
        else await rig.pass(5);
      }
      // 5 s: without the growing wait it would be hundreds.
      expect(rig.launches).toBeLessThan(60);
    });
  });

  describe('an operator', () => {
    it('drains a worker once another has taken its place', async () => {
      const [id] = rig.ids;
      rig.pool.members.get(id!)!.running = 1;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const launch = rig.launcher.launch.bind(rig.launcher);
      rig.launcher.launch = async (order) => {
        await promise;
        return await launch(order);
      };
      const drained = rig.crew.drainWorker(id!);
      await rig.pass(10);
      expect(rig.in('ready')).toHaveLength(2);
      expect(rig.crew.observe().workers).toMatchObject({ ready: 2, starting: 0 });
      resolve(undefined);
      await rig.pass(10);
      await drained;
      expect(rig.crew.observe().workers).toMatchObject({ ready: 2, draining: 0 });
      expect(rig.in('draining')).toEqual([id]);
      rig.pool.empty(id!);
      await rig.pass(10);
      expect(rig.ids).not.toContain(id);
    });

    it('leaves a worker where it is if no other can be started', async () => {
      rig.launcher.failNextLaunch(new Error('no memory'));
      await expect(rig.crew.drainWorker(rig.ids[0]!)).rejects.toThrow('no memory');
      expect(rig.in('ready')).toHaveLength(2);
    });

    it('starts one other however often it is asked', async () => {
      const [id] = rig.ids;
      const drains = [rig.crew.drainWorker(id!), rig.crew.drainWorker(id!)];
      await rig.pass(10);
      await Promise.all(drains);
      expect([rig.in('ready').length, rig.launches]).toEqual([2, 3]);
      await expect(rig.crew.drainWorker(id!)).rejects.toThrow('there is no worker');
    });

    it('needs no other worker above N', async () => {
      await act({ start: 1 });
      await rig.crew.drainWorker(rig.ids[0]!);
      await rig.pass(10);
      expect([rig.ids.length, rig.launches]).toEqual([2, 3]);
    });

    it('knows no stranger', async () => {
      await expect(rig.crew.drainWorker('w0')).rejects.toThrow('there is no worker "w0"');
    });
  });
});
