import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll } from 'vitest';
import { openDockerLauncher } from '../../src/runtime/docker.ts';
import { openProcessLauncher } from '../../src/runtime/process.ts';
import { FakeLauncher, FakeMachine, type FakeWorker } from '../fakes/launcher.ts';
import { findEngine, removePool } from './docker-engine.ts';
import { testLauncher, type LauncherSetup } from './launcher.ts';
import { standInProgram } from './stand-in-worker.ts';

const engine = await findEngine('contract of the Docker launcher');
const log = pino({ level: 'silent' });
const program = standInProgram(randomBytes(4).toString('hex'));
const MORE_BYTES = 256 * 2 ** 20;
const limits = { memoryBytes: 128 * 2 ** 20, slots: 1, log };

/** A folder for the socket, which uid 1000 may enter. */
async function socketFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spillway-launcher-'));
  await chmod(folder, 0o755);
  return folder;
}

/** Launches fail if the folder with the socket is gone: nothing could dial in. */
async function hide(folder: string): Promise<void> {
  await rename(folder, `${folder}-hidden`);
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await rm(`${folder}-hidden`, { recursive: true, force: true });
}

testLauncher('fake', async (): Promise<LauncherSetup> => {
  const folder = await socketFolder();
  const socketPath = join(folder, 'balancer.sock');
  const machine = new FakeMachine();
  const play = ({ order, end }: FakeWorker): void => {
    if (order.id.startsWith('exits')) {
      end({ reason: 'exit code 3', lastLines: ['this went wrong', 'and so it ends'] });
    }
    if (!order.id.startsWith('dials')) return;
    const link = connect(socketPath, () => link.write(`${order.id} ${order.token}\n`));
    link.on('data', (data) => link.write(`echo ${String(data)}`));
    link.on('error', () => {});
  };
  return {
    socketPath,
    open: () => Promise.resolve(new FakeLauncher({ machine, onLaunch: play })),
    openOther: () => Promise.resolve(new FakeLauncher({ machine, onLaunch: play, recipe: 'more memory' })),
    openForeign: () => Promise.resolve(new FakeLauncher({ machine, onLaunch: play, owner: 'another' })),
    breakLaunches(launcher) {
      if (!(launcher instanceof FakeLauncher)) throw new Error('not a fake');
      launcher.failNextLaunch(new Error("worker dials-1 can't be started: told to fail"));
      return Promise.resolve();
    },
    traces: () => Promise.resolve([...machine.workers.keys()]),
    cleanUp: () => removeFolder(folder),
  };
});

testLauncher('process', async (): Promise<LauncherSetup> => {
  const socketDir = await socketFolder();
  const dir = await mkdtemp(join(tmpdir(), 'spillway-workers-'));
  /** The pids of everything that has the path of the workers' folder in its environment. */
  const processes = async (): Promise<string[]> => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const texts = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
    );
    return pids.filter((_, index) => texts[index]?.includes(`=${dir}/`));
  };
  return {
    socketPath: join(socketDir, 'balancer.sock'),
    open: () => openProcessLauncher({ program, dir, socketDir, ...limits }),
    openOther: () => openProcessLauncher({ program, dir, socketDir, ...limits, memoryBytes: MORE_BYTES }),
    breakLaunches: () => hide(socketDir),
    traces: async () => [...(await processes()), ...(await readdir(dir, { recursive: true }))].sort(),
    async cleanUp() {
      for (const pid of await processes()) process.kill(Number(pid), 'SIGKILL');
      await removeFolder(dir);
      await removeFolder(socketDir);
    },
  };
});

testLauncher(
  'docker',
  async (): Promise<LauncherSetup> => {
    if (engine.missing !== undefined) throw new Error(engine.missing);
    const { docker } = engine;
    const socketDir = await socketFolder();
    const pool = `test-${randomBytes(4).toString('hex')}`;
    const containers = async (): Promise<string[]> => {
      const all = await docker.listContainers({ all: true });
      return all
        .flatMap(({ Names }) => Names)
        .filter((name) => name.includes(pool))
        .sort();
    };
    const made = { program, pool, owner: 'this one', socketDir, cpus: 1, network: 'none', ...limits };
    const options = { ...made, onProgress: () => {} };
    return {
      socketPath: join(socketDir, 'balancer.sock'),
      open: () => openDockerLauncher(options),
      openOther: () => openDockerLauncher({ ...options, memoryBytes: MORE_BYTES }),
      openForeign: () => openDockerLauncher({ ...options, owner: 'another' }),
      breakLaunches: () => hide(socketDir),
      traces: containers,
      async cleanUp() {
        await removePool(docker, pool);
        await removeFolder(socketDir);
      },
    };
  },
  engine.missing !== undefined,
);

afterAll(async () => {
  if (engine.missing !== undefined) return;
  await engine.docker
    .getImage(`spillway-worker:${program.version}`)
    .remove({ force: true })
    .catch(() => {});
});
