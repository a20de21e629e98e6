/** What only containers have: hardening, images, other pools, a lost engine. Needs a Docker engine. */

import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { pino } from 'pino';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDockerLauncher, type DockerLauncherOptions } from '../../../src/runtime/docker.ts';
import { RuntimeUnavailable, type Launcher } from '../../../src/runtime/launcher.ts';
import type { WorkerProgram } from '../../../src/runtime/program.ts';
import { findEngine, removePool } from '../../contract/docker-engine.ts';
import { listen, order, type Balancer } from '../../contract/balancer.ts';
import { standInProgram } from '../../contract/stand-in-worker.ts';

const engine = await findEngine('integration of the Docker launcher');
const variant = randomBytes(4).toString('hex');
const programs: WorkerProgram[] = [];

/** A program whose image will be removed at the end. */
function program(suffix = '', dockerfile?: string): WorkerProgram {
  const made = standInProgram(variant + suffix, dockerfile);
  programs.push(made);
  return made;
}

interface Seen {
  readonly uid: number;
  readonly gid: number;
  readonly env: Record<string, string>;
  readonly execArgv: string[];
  readonly status: Record<string, string>;
  readonly mounts: string[];
  readonly tmpUid: number;
  readonly interfaces: string[];
  readonly [attempt: string]: unknown;
}

describe.skipIf(engine.missing !== undefined)('Docker launcher', { timeout: 60_000 }, () => {
  const docker = engine.missing === undefined ? engine.docker : (undefined as unknown as Docker);
  let pool: string;
  let socketDir: string;
  let balancer: Balancer;
  let steps: string[];
  const opened: Launcher[] = [];
  const made: Docker.Container[] = [];

  beforeEach(async () => {
    pool = `test-${randomBytes(4).toString('hex')}`;
    socketDir = await mkdtemp(join(tmpdir(), 'spillway-docker-'));
    await chmod(socketDir, 0o755);
    balancer = await listen(join(socketDir, 'balancer.sock'));
    steps = [];
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((launcher) => launcher.close()));
    await balancer.close();
    await removePool(docker, pool);
    await Promise.all(made.splice(0).map((container) => container.remove({ force: true }).catch(() => {})));
    await rm(socketDir, { recursive: true, force: true });
  });

  afterAll(async () => {
    for (const { version } of programs) {
      await docker
        .getImage(`spillway-worker:${version}`)
        .remove({ force: true })
        .catch(() => {});
    }
  });

  async function open(changes: Partial<DockerLauncherOptions> = {}): Promise<Launcher> {
    const launcher = await openDockerLauncher({
      pool,
      owner: 'this one',
      socketDir,
      program: program(),
      memoryBytes: 128 * 2 ** 20,
      cpus: 0.5,
      network: 'none',
      slots: 2,
      log: pino({ level: 'silent' }),
      onProgress: (step) => steps.push(step),
      ...changes,
    });
    opened.push(launcher);
    return launcher;
  }

  async function names(): Promise<string[]> {
    return (await docker.listContainers({ all: true })).flatMap((container) => container.Names);
  }

  /** A container of the test's own that runs the stand-in, or only exists. */
  async function plant(name: string, labels: Record<string, string>, run = false): Promise<Docker.Container> {
    const container = await docker.createContainer({
      name,
      Image: `spillway-worker:${program().version}`,
      Labels: labels,
      Env: ['SPILLWAY_WORKER=hangs-1'],
    });
    made.push(container);
    if (run) await container.start();
    return container;
  }

  it('starts containers with every limit set', async () => {
    const launcher = await open({ cpus: 10_000 });
    const { containerId = '' } = await launcher.launch(order('dials-1'));
    const { Name, Config, HostConfig, Mounts } = await docker.getContainer(containerId).inspect();
    const { NCPU } = (await docker.info()) as { NCPU: number };
    expect(Name).toBe(`/spillway-${pool}-dials-1`);
    expect(Config.User).toBe('1000:1000');
    expect(Config.Labels).toMatchObject({
      'spillway.pool': pool,
      'spillway.worker': 'dials-1',
      'spillway.role': 'worker',
      'spillway.owner': 'this one',
    });
    expect(Config.Cmd).toBeNull();
    expect(HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      Privileged: false,
      CapAdd: null,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: 128 * 2 ** 20,
      MemorySwap: 128 * 2 ** 20,
      NanoCpus: NCPU * 1e9,
      CpuShares: 512,
      PidsLimit: 96,
      IpcMode: 'none',
      NetworkMode: 'none',
      Init: false,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      Tmpfs: { '/tmp': expect.stringMatching(/noexec.*nosuid.*mode=0700/) as string },
    });
    expect(Mounts).toMatchObject([
      { Type: 'bind', Source: socketDir, Destination: '/run/spillway', RW: false },
    ]);
  });

  it('gives a worker what it needs, and nothing else', async () => {
    const launcher = await open();
    await launcher.launch(order('looks-1'));
    const hello = await balancer.hello('looks-1');
    const seen = JSON.parse(hello.slice('looks-1 '.length)) as Seen;

    expect(seen).toMatchObject({ uid: 1000, gid: 1000, groups: [1000], execArgv: ['--disable-sigusr1'] });
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      expect([set, seen.status[set]]).toEqual([set, '0000000000000000']);
    }
    expect(seen.status).toMatchObject({ NoNewPrivs: '1', Seccomp: '2' });

    expect(seen).toMatchObject({
      writeRoot: 'EROFS',
      writeApp: 'EROFS',
      writeSocketFolder: 'EROFS',
      runFromTmp: 'EACCES',
      tmpUid: 1000,
      interfaces: ['lo'],
    });
    expect(seen['writeTmp']).toBeUndefined();
    expect(['ENOENT', 'EROFS', 'EACCES']).toContain(seen['writeShm']);
    const tmp = seen.mounts.find((line) => line.includes(' /tmp '));
    expect(tmp).toMatch(/^tmpfs .*\bnosuid\b.*\bnoexec\b.*\bsize=65536k\b/);

    const given = Object.fromEntries(
      Object.entries(seen.env).filter(([name]) => name.startsWith('SPILLWAY_')),
    );
    expect(given).toEqual({
      SPILLWAY_SOCKET: '/run/spillway/balancer.sock',
      SPILLWAY_WORKER: 'looks-1',
      SPILLWAY_TOKEN: 'token-of-looks-1',
      SPILLWAY_SLOTS: '2',
      SPILLWAY_SLOT_MEMORY_MB: '32',
      SPILLWAY_ORPHAN_MS: '600000',
      SPILLWAY_TMP: '/tmp',
    });
  });

  it('builds the image once, and says so', async () => {
    const own = program('-once');
    await open({ program: own });
    expect(steps[0]).toBe(`building the worker image spillway-worker:${own.version}`);
    expect(steps.join('\n')).toContain('COPY main.js slot.js /app/');
    const first = await docker.getImage(`spillway-worker:${own.version}`).inspect();
    steps = [];
    await open({ program: own });
    expect(steps).toEqual([]);
    expect((await docker.getImage(`spillway-worker:${own.version}`).inspect()).Id).toBe(first.Id);
  });

  it('builds the image again if someone removed it meanwhile', async () => {
    const own = program('-pruned');
    const launcher = await open({ program: own });
    await docker.getImage(`spillway-worker:${own.version}`).remove({ force: true });
    await launcher.launch(order('dials-1'));
    await balancer.hello('dials-1');
  });

  it.each([
    ['an unknown instruction', 'FROM node:24-bookworm-slim\nBREW coffee', /unknown instruction: BREW/i],
    [
      'a step that fails',
      'FROM node:24-bookworm-slim\nRUN echo the last words; exit 7',
      /code: 7[^]*the last words/,
    ],
    // Port 9 on loopback: refused at once, where a missing name would ask a registry on the network.
    ['a missing base image', 'FROM 127.0.0.1:9/no/such:1', /127\.0\.0\.1:9/],
  ])('says why the image cannot be built: %s', async (_, dockerfile, reason) => {
    const before = await names();
    const opening = open({ program: program('-broken', dockerfile) });
    await expect(opening).rejects.toBeInstanceOf(RuntimeUnavailable);
    await expect(opening).rejects.toThrow(/the worker image can't be built: /);
    await expect(opening).rejects.toThrow(reason);
    expect(
      (await names()).filter((name) => !before.includes(name) && !name.startsWith('/spillway-')),
    ).toEqual([]);
  });

  it("uses the operator's own image as it is, and says if it can't be had", async () => {
    await open();
    steps = [];
    const own = await open({ image: `spillway-worker:${program().version}`, program: program('-unused') });
    expect(steps).toEqual([]);
    await own.launch(order('dials-1'));
    await balancer.hello('dials-1');

    const missing = open({ image: '127.0.0.1:9/no/such' });
    await expect(missing).rejects.toBeInstanceOf(RuntimeUnavailable);
    await expect(missing).rejects.toThrow(/127\.0\.0\.1:9\/no\/such:latest is missing and can't be pulled/);
  });

  it('removes a container that cannot be started', async () => {
    const launcher = await open({
      program: program('-nothing', 'FROM node:24-bookworm-slim\nENTRYPOINT ["/no/such/program"]'),
    });
    await expect(launcher.launch(order('dials-1'))).rejects.toThrow(
      /dials-1 can't be started: .*no such file/,
    );
    expect((await names()).filter((name) => name.includes(pool))).toEqual([]);
  });

  it("replaces a leftover of its own, but never another's container", async () => {
    const launcher = await open();
    const ours = { 'spillway.pool': pool, 'spillway.role': 'worker', 'spillway.worker': 'dials-1' };
    const leftover = await plant(`spillway-${pool}-dials-1`, ours);
    const worker = await launcher.launch(order('dials-1'));
    expect(worker.containerId).not.toBe(leftover.id);
    await balancer.hello('dials-1');

    // Pool "a" with worker "b-c" and pool "a-b" with worker "c" want the same name.
    const foreign = { 'spillway.pool': 'another', 'spillway.role': 'worker', 'spillway.worker': 'dials-2' };
    const taken = await plant(`spillway-${pool}-dials-2`, foreign, true);
    await expect(launcher.launch(order('dials-2'))).rejects.toThrow(
      /is taken by a container that is not this pool's/,
    );
    await launcher.stop('dials-2');
    await expect(launcher.pause('dials-2')).rejects.toThrow(/dials-2/);
    expect(await launcher.list()).toMatchObject([{ id: 'dials-1' }]);
    expect((await taken.inspect()).State).toMatchObject({ Running: true, Paused: false });
  });

  it('leaves out of the list what is just being started', async () => {
    const launcher = await open();
    const launching = launcher.launch(order('dials-1'));
    const states = new Set<string>();
    const watch = async (): Promise<void> => {
      for (let n = 0; n < 30; n++) for (const { state } of await launcher.list()) states.add(state);
    };
    await Promise.all([launching, watch()]);
    await watch();
    expect([...states]).toEqual(['running']);
  });

  it.each(['hogs', 'piles'])('says that a worker ran out of memory: %s', async (kind) => {
    const launcher = await open();
    const worker = await launcher.launch(order(`${kind}-1`));
    expect((await worker.exited).reason).toBe('out of memory');
  });

  it('says that a container was killed, or removed, by someone else', async () => {
    const launcher = await open();
    const [killed, removed] = await Promise.all([
      launcher.launch(order('hangs-1')),
      launcher.launch(order('hangs-2')),
    ]);
    await docker.getContainer(killed.containerId ?? '').kill();
    await docker.getContainer(removed.containerId ?? '').remove({ force: true });
    expect((await killed.exited).reason).toBe('killed by SIGKILL');
    expect((await removed.exited).reason).toBe('killed by SIGKILL');
  });
});
