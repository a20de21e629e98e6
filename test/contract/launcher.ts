/** What every launcher must do: one suite, run on each implementation. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Launcher } from '../../src/runtime/launcher.ts';
import { eventually, listen, order, type Balancer } from './balancer.ts';

/** One pool on one machine, as the suite needs it. */
export interface LauncherSetup {
  /** Where the workers dial in. */
  readonly socketPath: string;
  /** Opens a launcher on the pool, whose program is the stand-in worker. */
  open(): Promise<Launcher>;
  /** Opens one that gives its workers more memory. */
  openOther(): Promise<Launcher>;
  /** Opens one of a balancer with another state folder; absent where such a one can't reach the pool's workers. */
  openForeign?(): Promise<Launcher>;
  /** Makes launches fail from now on. */
  breakLaunches(launcher: Launcher): Promise<void>;
  /** Everything on the machine that belongs to the pool: containers, processes, files. */
  traces(): Promise<string[]>;
  /** Ends and removes everything, also after a failed test. */
  cleanUp(): Promise<void>;
}

const LIMIT_MS = 30_000;

/** Runs the suite. */
export function testLauncher(name: string, setUp: () => Promise<LauncherSetup>, skip = false): void {
  describe.skipIf(skip)(`launcher: ${name}`, { timeout: LIMIT_MS }, () => {
    let setup: LauncherSetup;
    let balancer: Balancer;
    let launcher: Launcher;
    const opened: Launcher[] = [];

    async function open(opening = setup.open()): Promise<Launcher> {
      const one = await opening;
      opened.push(one);
      return one;
    }

    beforeEach(async () => {
      setup = await setUp();
      balancer = await listen(setup.socketPath);
      launcher = await open();
    }, LIMIT_MS);

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((one) => one.close()));
      await balancer.close();
      await setup.cleanUp();
    }, LIMIT_MS);

    it('launches a worker that dials in with its id and token', async () => {
      const worker = await launcher.launch(order('dials-1'));
      expect(await balancer.hello('dials-1')).toBe('dials-1 token-of-dials-1');
      expect(worker.containerId ?? worker.pid).toBeDefined();
    });

    it('launches several at once', async () => {
      const ids = ['dials-1', 'dials-2', 'dials-3'];
      await Promise.all(ids.map((id) => launcher.launch(order(id))));
      await Promise.all(ids.map((id) => balancer.hello(id)));
      expect((await launcher.list()).map(({ id }) => id).sort()).toEqual(ids);
    });

    it('lists its workers with where they run', async () => {
      const worker = await launcher.launch(order('dials-1'));
      const { containerId, pid } = worker;
      const where = {
        ...(containerId === undefined ? {} : { containerId }),
        ...(pid === undefined ? {} : { pid }),
      };
      const [listed, ...others] = await launcher.list();
      expect(listed).toMatchObject({ id: 'dials-1', state: 'running' });
      if (name !== 'fake') expect(listed).toMatchObject(where);
      expect(others).toEqual([]);
    });

    it('stops a worker, and leaves nothing of it', async () => {
      const before = await setup.traces();
      const worker = await launcher.launch(order('dials-1'));
      await balancer.hello('dials-1');
      expect(await setup.traces()).not.toEqual(before);
      await launcher.stop('dials-1');
      expect((await worker.exited).reason).toBe('killed by SIGKILL');
      expect(await launcher.list()).toEqual([]);
      expect(await setup.traces()).toEqual(before);
    });

    it('takes a second, a simultaneous and an unknown stop for no error', async () => {
      await launcher.launch(order('hangs-1'));
      await Promise.all([launcher.stop('hangs-1'), launcher.stop('hangs-1')]);
      expect(await launcher.list()).toEqual([]);
      await launcher.stop('hangs-1');
      await launcher.stop('never-was');
    });

    it('says how a worker ended, with its last lines, and lists it until it is stopped', async () => {
      const worker = await launcher.launch(order('exits-1'));
      const exit = await worker.exited;
      expect(exit.reason).toBe('exit code 3');
      expect([...exit.lastLines].sort()).toEqual(['and so it ends', 'this went wrong']);
      expect(await launcher.list()).toMatchObject([{ id: 'exits-1', state: 'exited' }]);
      await launcher.stop('exits-1');
      expect(await launcher.list()).toEqual([]);
    });

    it('pauses and resumes a worker without losing its connection', async () => {
      await launcher.launch(order('dials-1'));
      await balancer.hello('dials-1');
      await launcher.pause('dials-1');
      await launcher.pause('dials-1');
      const state = launcher.runtime === 'docker' ? 'paused' : 'running';
      expect(await launcher.list()).toMatchObject([{ id: 'dials-1', state }]);
      await launcher.resume('dials-1');
      await launcher.resume('dials-1');
      expect(await launcher.list()).toMatchObject([{ id: 'dials-1', state: 'running' }]);
      expect(await balancer.ask('dials-1', 'still there?')).toBe('echo still there?');
    });

    it('tells what its workers use: never less CPU time than before, and only of those that run', async () => {
      await launcher.launch(order('dials-1'));
      const exits = await launcher.launch(order('exits-1'));
      await Promise.all([balancer.hello('dials-1'), exits.exited]);
      const first = (await launcher.usage()).get('dials-1');
      expect(first?.cpuMs).toBeGreaterThan(0);
      expect(first?.memoryBytes).toBeGreaterThan(100_000);
      expect(first?.memoryBytes).toBeLessThan(2 ** 30);
      const later = await launcher.usage();
      expect([...later.keys()]).toEqual(['dials-1']);
      expect(later.get('dials-1')?.cpuMs).toBeGreaterThanOrEqual(first?.cpuMs ?? Infinity);
      await launcher.pause('dials-1');
      expect([...(await launcher.usage()).keys()]).toEqual(['dials-1']);
    });

    it('stops a paused worker', async () => {
      const worker = await launcher.launch(order('dials-1'));
      await launcher.pause('dials-1');
      await launcher.stop('dials-1');
      await worker.exited;
      expect(await launcher.list()).toEqual([]);
    });

    it('refuses to pause or resume what does not run', async () => {
      await expect(launcher.pause('never-was')).rejects.toThrow(/never-was/);
      await expect(launcher.resume('never-was')).rejects.toThrow(/never-was/);
    });

    it('refuses a second worker of the same id, and leaves the first alone', async () => {
      await launcher.launch(order('dials-1'));
      await balancer.hello('dials-1');
      await expect(launcher.launch(order('dials-1'))).rejects.toThrow(/dials-1/);
      expect(await launcher.list()).toMatchObject([{ id: 'dials-1', state: 'running' }]);
      expect(await balancer.ask('dials-1', 'still there?')).toBe('echo still there?');
    });

    it('refuses an id that could mean something to a file system or an engine', async () => {
      for (const id of ['../w1', '', 'a b', '-a', 'a/b', 'a'.repeat(65)].slice(0, name === 'fake' ? 5 : 6)) {
        await expect(launcher.launch(order(id))).rejects.toThrow(/is no worker id/);
      }
      expect(await launcher.list()).toEqual([]);
    });

    it('leaves nothing behind when a launch fails', async () => {
      const before = await setup.traces();
      await setup.breakLaunches(launcher);
      await expect(launcher.launch(order('dials-1'))).rejects.toThrow(/dials-1/);
      expect(await launcher.list()).toEqual([]);
      expect(await setup.traces()).toEqual(before);
    });

    it('finds, pauses, resumes and stops what an earlier balancer started', async () => {
      await launcher.launch(order('dials-1'));
      await launcher.launch(order('dials-2'));
      await launcher.launch(order('exits-1'));
      await Promise.all([balancer.hello('dials-1'), balancer.hello('dials-2')]);
      await launcher.pause('dials-2');
      await launcher.close();

      const successor = await open();
      const found = await eventually(async () => {
        const all = await successor.list();
        return all.some(({ id, state }) => id === 'exits-1' && state === 'exited') ? all : undefined;
      });
      const state = launcher.runtime === 'docker' ? 'paused' : 'running';
      expect(found.sort((a, b) => a.id.localeCompare(b.id))).toMatchObject([
        { id: 'dials-1', state: 'running' },
        { id: 'dials-2', state },
        { id: 'exits-1', state: 'exited' },
      ]);
      await successor.resume('dials-2');
      expect(await balancer.ask('dials-2', 'still there?')).toBe('echo still there?');
      await Promise.all(found.map(({ id }) => successor.stop(id)));
      expect(await successor.list()).toEqual([]);
    });

    it('says how a worker of an earlier balancer ended, where it can', async () => {
      await launcher.launch(order('hangs-1'));
      await launcher.close();
      const successor = await open();
      const [found] = await successor.list();
      const exited = successor.watch(found!);
      await successor.stop('hangs-1');
      const reason = launcher.runtime === 'docker' ? 'killed by SIGKILL' : undefined;
      expect((await exited)?.reason).toBe(reason);
    });

    it('tells which workers were made in another way than its own', async () => {
      await launcher.launch(order('dials-1'));
      const other = await open(setup.openOther());
      await other.launch(order('dials-2'));
      const outdated = async (one: Launcher): Promise<string[]> =>
        (await one.list()).flatMap(({ id, outdated: is }) => (is ? [id] : []));
      expect(await outdated(launcher)).toEqual(['dials-2']);
      expect(await outdated(other)).toEqual(['dials-1']);
      expect(await outdated(await open())).toEqual(['dials-2']);
    });

    it('tells which workers another balancer made, and leaves those alone until they have exited', async () => {
      await launcher.launch(order('dials-1'));
      await launcher.launch(order('dials-2'));
      const exits = await launcher.launch(order('exits-1'));
      await Promise.all([balancer.hello('dials-1'), exits.exited]);
      await launcher.pause('dials-2');
      expect((await launcher.list()).map(({ foreign }) => foreign)).toEqual([false, false, false]);
      expect((await (await open()).list()).map(({ foreign }) => foreign)).toEqual([false, false, false]);
      if (setup.openForeign === undefined) return;
      const other = await open(setup.openForeign());
      expect((await other.list()).map(({ foreign }) => foreign)).toEqual([true, true, true]);
      expect([...(await other.usage()).keys()]).toEqual([]);
      for (const id of ['dials-1', 'dials-2', 'exits-1']) await other.stop(id);
      await expect(other.pause('dials-1')).rejects.toThrow(/dials-1/);
      await expect(other.resume('dials-2')).rejects.toThrow(/dials-2/);
      const left = (await launcher.list()).sort((a, b) => a.id.localeCompare(b.id));
      const state = launcher.runtime === 'docker' ? 'paused' : 'running';
      expect(left).toMatchObject([
        { id: 'dials-1', state: 'running' },
        { id: 'dials-2', state },
      ]);
      expect(await balancer.ask('dials-1', 'still there?')).toBe('echo still there?');
    });

    it('ends no worker on close', async () => {
      await launcher.launch(order('dials-1'));
      await balancer.hello('dials-1');
      await launcher.close();
      expect(await balancer.ask('dials-1', 'still there?')).toBe('echo still there?');
    });
  });
}
