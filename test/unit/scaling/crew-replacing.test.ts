import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeLauncher, type FakeWorker } from '../../fakes/launcher.ts';
import { CrewRig } from './crew-rig.ts';

describe('a crew', () => {
  let rig: CrewRig;

  beforeEach(() => {
    rig = new CrewRig();
  });
  // Checks that nothing is left.
  afterEach(() => rig.end());

  describe('adopting', () => {
    /** What an earlier balancer left. */
    async function left(...states: FakeWorker['state'][]): Promise<string[]> {
      return await leftBy(new FakeLauncher({ machine: rig.machine }), ...states);
    }

    async function leftBy(earlier: FakeLauncher, ...states: FakeWorker['state'][]): Promise<string[]> {
      for (const [i, state] of states.entries()) {
        await earlier.launch({ id: `old-${i}`, token: 't' });
        if (state === 'paused') await earlier.pause(`old-${i}`);
        if (state === 'exited') earlier.worker(`old-${i}`).end();
      }
      return [...rig.machine.workers.keys()];
    }

    it('takes over what runs, and starts only what is missing', async () => {
      const [old] = await left('running');
      expect(await rig.start(500)).toBe('still starting');
      rig.ready(old!);
      await rig.pass(10);
      expect(await rig.start(0)).toBe('ready');
      expect(rig.launches).toBe(1);
      expect(rig.ids).toHaveLength(2);
      expect(rig.steps).toEqual(['1 running workers taken over']);
      expect(rig.launcher.calls).not.toContain(`stop ${old}`);
    });

    it('replaces what was made with other settings one by one, and has N all the time', async () => {
      const earlier = new FakeLauncher({ machine: rig.machine, recipe: 'less memory' });
      const old = await leftBy(earlier, 'running', 'running');
      let least = Infinity;
      const retire = rig.crew.retire.bind(rig.crew);
      rig.crew.retire = (member) => {
        retire(member);
        least = Math.min(least, rig.in('ready').length);
      };
      await rig.start(100);
      for (const id of old) rig.ready(id);
      expect(await rig.start(0)).toBe('ready');
      await rig.pass(100);
      expect([least, rig.launches]).toEqual([2, 2]);
      expect(rig.in('ready')).toHaveLength(2);
      expect(rig.ids).not.toEqual(expect.arrayContaining([old[0]]));
      expect(rig.ids).not.toEqual(expect.arrayContaining([old[1]]));
    });

    it('replaces those above N as well, and says nothing of one that the load has had removed', async () => {
      const earlier = new FakeLauncher({ machine: rig.machine, recipe: 'less memory' });
      const old = await leftBy(earlier, 'running', 'running', 'running');
      await rig.start(100);
      for (const id of old) rig.ready(id);
      rig.crew.retire(rig.crew.recruiter.members.get(old[2]!)!);
      await rig.pass(100);
      expect([rig.in('ready').length, rig.launches]).toEqual([2, 2]);
      expect(rig.logged.filter(({ level }) => level > 30)).toEqual([]);
    });

    it('has as many as there were, though they are more than N', async () => {
      const earlier = new FakeLauncher({ machine: rig.machine, recipe: 'less memory' });
      const old = await leftBy(earlier, 'running', 'running', 'running');
      await rig.start(100);
      for (const id of old) rig.ready(id);
      await rig.pass(100);
      expect([rig.in('ready').length, rig.launches]).toEqual([3, 3]);
    });

    it('keeps what was made with other settings where no other can be started', async () => {
      const [old] = await leftBy(
        new FakeLauncher({ machine: rig.machine, recipe: 'less memory' }),
        'running',
      );
      rig.onLaunch = () => undefined;
      await rig.start(100);
      rig.ready(old!);
      await rig.pass(10);
      const started = rig.ids.find((id) => id !== old);
      rig.launcher.failNextLaunch(new Error('no memory'));
      rig.ready(started!);
      await rig.pass(100);
      expect(rig.in('ready').sort()).toEqual([old, started].sort());
      expect(rig.logged.map(({ msg }) => msg)).toContain(`worker ${old} could not be replaced; trying again`);
      rig.onLaunch = (worker) => rig.ready(worker.order.id);
      await rig.pass(11_000);
      expect(rig.in('ready')).toHaveLength(2);
      expect(rig.ids).not.toContain(old);
    });

    it('resumes what is paused', async () => {
      const [old] = await left('paused');
      await rig.start();
      expect(rig.launcher.calls).toContain(`resume ${old}`);
      rig.ready(old!);
      await rig.pass(10);
      expect(rig.launches).toBe(1);
    });

    it('removes what has ended, at once', async () => {
      const [old] = await left('exited');
      expect(await rig.start(10)).toBe('ready');
      expect(rig.launcher.calls[0]).toBe(`stop ${old}`);
      expect(rig.pool.ejected).toEqual([]);
    });

    it('removes what doesn’t dial in within 2 s, and replaces it', async () => {
      const [silent, fine] = await left('running', 'running');
      await rig.start(100);
      rig.ready(fine!);
      await rig.pass(1890);
      expect(rig.ids).toEqual([silent, fine]);
      await rig.pass(20);
      expect(rig.machine.workers.has(silent!)).toBe(false);
      await rig.pass(10);
      expect(await rig.start(0)).toBe('ready');
      expect(rig.ids).toHaveLength(2);
    });

    it('removes what can’t be resumed', async () => {
      const [old] = await left('paused');
      rig.launcher.resume = () => Promise.reject(new Error('500 not paused'));
      expect(await rig.start(10)).toBe('ready');
      expect(rig.machine.workers.has(old!)).toBe(false);
      expect(rig.ids).toHaveLength(2);
    });

    it('takes over more than it needs', async () => {
      const old = await left('running', 'running', 'running');
      await rig.start();
      for (const id of old) rig.ready(id);
      expect(await rig.start(0)).toBe('ready');
      expect(rig.launches).toBe(0);
    });

    it('replaces one that is lost while the others are still awaited', async () => {
      const [lost] = await left('running', 'running');
      await rig.start();
      rig.ready(lost!);
      rig.die(lost);
      await rig.pass(2100);
      expect(rig.ids).toHaveLength(2);
      expect(rig.machine.workers.has(lost!)).toBe(false);
    });
  });

  describe('replacing', () => {
    /** When workers were launched from now on, in milliseconds from now. */
    function watchLaunches(): number[] {
      const from = performance.now();
      const times: number[] = [];
      const launch = rig.launcher.launch.bind(rig.launcher);
      rig.launcher.launch = (order) => {
        times.push(performance.now() - from);
        return launch(order);
      };
      return times;
    }

    it('removes a lost worker, and starts another at once', async () => {
      await rig.start();
      const [lost, other] = rig.ids;
      rig.die(lost);
      await rig.pass(5);
      expect(rig.ids).toHaveLength(2);
      expect(rig.ids).toContain(other);
      expect(rig.ids).not.toContain(lost);
    });

    it('replaces one whose process ends, also where its socket stays open', async () => {
      await rig.start();
      const [lost] = rig.ids;
      rig.machine.workers.get(lost!)!.end();
      await rig.pass(5);
      expect(rig.pool.ejected).toEqual([`${lost}: its process ended: killed by SIGKILL`]);
      expect(rig.ids).toHaveLength(2);
    });

    it('waits twice as long for each that dies young, up to 10 s', async () => {
      rig = new CrewRig(1);
      await rig.start();
      const times = watchLaunches();
      rig.onLaunch = (worker) => {
        rig.ready(worker.order.id);
        rig.die(worker.order.id);
      };
      rig.die(rig.ids[0]);
      await rig.pass(60_000);
      const waits = times.map((at, i) => Math.round(at - (times[i - 1] ?? 0)) - (i === 0 ? 0 : 1));
      expect(waits.slice(0, 10)).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    });

    it('waits as long between starts that fail', async () => {
      rig = new CrewRig(1);
      await rig.start();
      const times = watchLaunches();
      for (let i = 0; i < 4; i += 1) rig.launcher.failNextLaunch(new Error(`no ${i}`));
      rig.die(rig.ids[0]);
      await rig.pass(10_000);
      expect(times.map(Math.round)).toEqual([0, 100, 300, 700, 1500]);
      expect(rig.logged.filter(({ level }) => level === 50).map(({ err }) => err?.message)).toEqual([
        'no 0',
        'no 1',
        'no 2',
        'no 3',
      ]);
      expect(rig.ids).toHaveLength(1);
    });

    it('forgets earlier deaths once a worker has been ready for 10 s', async () => {
      rig = new CrewRig(1);
      await rig.start();
      for (const [livedMs, waitMs] of [
        [100, 0],
        [100, 100],
        [100, 200],
        [10_100, 0],
        [100, 100],
      ]) {
        await rig.pass(livedMs!);
        const times = watchLaunches();
        rig.die(rig.ids[0]);
        await rig.pass(waitMs! + 20);
        expect(times.map(Math.round)).toEqual([waitMs]);
      }
    });

    it('doesn’t make one worker wait for the deaths of others', async () => {
      rig = new CrewRig(4);
      await rig.start();
      await rig.pass(20_000);
      const times = watchLaunches();
      for (const id of rig.ids) rig.pool.eject(id, 'the engine was restarted');
      await rig.pass(50);
      expect(times).toEqual([0, 0, 0, 0]);
      // As long as the old ones may take to tell how they ended.
      await rig.pass(500);
      expect(rig.ids).toHaveLength(4);
    });

    it('isn’t held up by a worker that can’t be removed', async () => {
      await rig.start();
      const [lost] = rig.ids;
      const stop = rig.launcher.stop.bind(rig.launcher);
      let refuse = true;
      rig.launcher.stop = (id) => (refuse && id === lost ? Promise.reject(new Error('busy')) : stop(id));
      rig.die(lost);
      await rig.pass(10);
      expect(rig.ids).toHaveLength(3);
      expect(rig.logged.some(({ msg }) => msg === 'a worker could not be removed')).toBe(true);
      refuse = false;
    });

    it('leaves alone what it doesn’t know', async () => {
      await rig.start();
      rig.crew.workerLost('stranger', 'x');
      rig.ready('stranger');
      await rig.pass(100);
      expect(rig.launches).toBe(2);
    });
  });
});
