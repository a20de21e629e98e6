/** Engines that are missing, closed, silent or lost. Only the last needs a real one. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDockerLauncher } from '../../../src/runtime/docker.ts';
import { RuntimeUnavailable, type Launcher } from '../../../src/runtime/launcher.ts';
import { findEngine, removePool } from '../../contract/docker-engine.ts';
import { order } from '../../contract/balancer.ts';
import { standInProgram } from '../../contract/stand-in-worker.ts';

const engine = await findEngine('loss of the Docker engine');
const program = standInProgram(randomBytes(4).toString('hex'));

describe('Docker engine', { timeout: 60_000 }, () => {
  let folder: string;
  let pool: string;
  const servers: { server: Server; sockets: Set<Socket> }[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spillway-engine-'));
    await chmod(folder, 0o755);
    pool = `test-${randomBytes(4).toString('hex')}`;
    vi.stubEnv('DOCKER_HOST', `unix://${folder}/docker.sock`);
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const served of servers.splice(0)) await lose(served);
    if (engine.missing === undefined) {
      await removePool(engine.docker, pool);
      await engine.docker
        .getImage(`spillway-worker:${program.version}`)
        .remove({ force: true })
        .catch(() => {});
    }
    await rm(folder, { recursive: true, force: true });
  });

  function open(): Promise<Launcher> {
    return openDockerLauncher({
      pool,
      owner: 'this one',
      socketDir: folder,
      program,
      memoryBytes: 128 * 2 ** 20,
      cpus: 1,
      network: 'none',
      slots: 1,
      log: pino({ level: 'silent' }),
      onProgress: () => {},
    });
  }

  async function serve(accept: (socket: Socket) => void): Promise<(typeof servers)[number]> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      accept(socket);
    });
    server.listen(join(folder, 'docker.sock'));
    await once(server, 'listening');
    servers.push({ server, sockets });
    return { server, sockets };
  }

  async function lose({ server, sockets }: (typeof servers)[number]): Promise<void> {
    if (!server.listening) return;
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }

  async function expectUnavailable(reason: RegExp): Promise<void> {
    const opening = open();
    await expect(opening).rejects.toBeInstanceOf(RuntimeUnavailable);
    await expect(opening).rejects.toThrow(reason);
  }

  it('is missing', () => expectUnavailable(/no Docker engine was found: \S+docker\.sock doesn't exist/));

  it('is asked for over SSH', async () => {
    vi.stubEnv('DOCKER_HOST', 'ssh://elsewhere');
    await expectUnavailable(/workers dial a unix socket of this machine: unset it/);
  });

  it('has left its socket behind', async () => {
    await rm(join(folder, 'docker.sock'), { force: true });
    const left = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    const { spawnSync } = await import('node:child_process');
    spawnSync(process.execPath, ['-e', left, join(folder, 'docker.sock')]);
    await expectUnavailable(/nothing listens on \S+docker\.sock: start the Docker engine/);
  });

  it('is closed to this user', async () => {
    await serve(() => undefined);
    await chmod(join(folder, 'docker.sock'), 0);
    const isRoot = process.geteuid?.() === 0;
    // Root may connect to everything, so for this one it is somebody else.
    if (isRoot) process.seteuid?.(65_534);
    try {
      await expectUnavailable(/permission denied on \S+docker\.sock: add this user to the group/);
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it('does not answer', async () => {
    await serve(() => {});
    const start = performance.now();
    await expectUnavailable(/the Docker engine didn't answer a ping within 3 s/);
    // Less than two pings would take.
    expect(performance.now() - start).toBeLessThan(6_000);
  });

  it('is something else', async () => {
    await serve((socket) => socket.end('220 mail.example.org ESMTP\r\n'));
    await expectUnavailable(/the Docker engine at \S+docker\.sock can't be used: /);
  });

  it('is named wrongly', async () => {
    vi.stubEnv('DOCKER_HOST', 'tcp://[');
    await expectUnavailable(/DOCKER_HOST/);
  });

  it.skipIf(engine.missing !== undefined)(
    'is lost and comes back: the end of a worker is still learned',
    async () => {
      const relay = (socket: Socket): void => {
        const upstream = connect('/var/run/docker.sock');
        upstream.on('error', () => {});
        socket.pipe(upstream).pipe(socket);
        socket.on('close', () => upstream.destroy());
      };
      const first = await serve(relay);
      const launcher = await open();
      const [ends, stays] = await Promise.all([
        launcher.launch(order('hangs-1')),
        launcher.launch(order('hangs-2')),
      ]);
      let settled = '';
      void ends.exited.then(() => (settled += 'ends'));
      void stays.exited.then(() => (settled += 'stays'));

      await lose(first);
      await expect(launcher.launch(order('hangs-3'))).rejects.toThrow(/hangs-3 can't be started/);
      if (engine.missing === undefined) await engine.docker.getContainer(ends.containerId ?? '').kill();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(settled).toBe('');

      await serve(relay);
      expect((await ends.exited).reason).toBe('killed by SIGKILL');
      expect(settled).toBe('ends');
      await launcher.stop('hangs-2');
      expect((await stays.exited).reason).toBe('killed by SIGKILL');
      await launcher.close();
    },
  );
});
