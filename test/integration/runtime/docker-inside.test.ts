/** The balancer as a container itself, as with docker compose: how its workers, its siblings, get to its socket. */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { linesOfLog } from '../../../src/runtime/docker-exit.ts';
import { ownContainerId } from '../../../src/runtime/docker-host.ts';
import { findEngine, removePool } from '../../contract/docker-engine.ts';
import { standInProgram } from '../../contract/stand-in-worker.ts';

const engine = await findEngine('the balancer in a container');
/** The engine must see this project's files, which it doesn't if the tests themselves run in a container. */
const nested = ownContainerId(readFileSync('/proc/self/mountinfo', 'utf8')) !== undefined;
const ROOT = join(import.meta.dirname, '../../..');
const VARIANT = randomBytes(4).toString('hex');

/** What the balancer does: listens, launches a worker, and prints its hello, or why there is none. */
const SCRIPT = `
  const { openDockerLauncher } = await import('/project/src/runtime/docker.ts');
  const { standInProgram } = await import('/project/test/contract/stand-in-worker.ts');
  const { listen } = await import('/project/test/contract/balancer.ts');
  const { pino } = await import('pino');
  const { POOL: pool, VARIANT: variant } = process.env;
  const balancer = await listen('/sockets/balancer.sock');
  try {
    const launcher = await openDockerLauncher({
      pool, owner: 'this one', socketDir: '/sockets/', program: standInProgram(variant), memoryBytes: 2 ** 27, cpus: 1,
      network: 'none', slots: 1, log: pino({ level: 'silent' }), onProgress() {},
    });
    await launcher.launch({ id: 'looks-1', token: 'secret' });
    const hello = await balancer.hello('looks-1');
    console.log('hello ' + JSON.parse(hello.slice(8)).writeSocketFolder);
    await launcher.stop('looks-1');
  } catch (error) {
    console.log(error.name + ': ' + error.message);
  }
  process.exit();
`;

describe.skipIf(engine.missing !== undefined || nested)(
  'Docker launcher in a container',
  { timeout: 60_000 },
  () => {
    const docker = engine.missing === undefined ? engine.docker : (undefined as unknown as Docker);
    const pool = `test-${randomBytes(4).toString('hex')}`;
    const volume = `spillway-${pool}`;

    afterEach(async () => {
      await removePool(docker, pool);
      const own = await docker.listContainers({ all: true, filters: { label: [`spillway.test=${pool}`] } });
      await Promise.all(own.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
      await docker
        .getVolume(volume)
        .remove()
        .catch(() => undefined);
    });

    afterAll(async () => {
      await docker
        .getImage(`spillway-worker:${standInProgram(VARIANT).version}`)
        .remove({ force: true })
        .catch(() => undefined);
    });

    async function runBalancer(mount: Docker.MountSettings): Promise<string> {
      const container = await docker.createContainer({
        Image: 'node:24-bookworm-slim',
        Labels: { 'spillway.test': pool },
        Cmd: ['node', '--input-type=module', '-e', SCRIPT],
        Env: [`POOL=${pool}`, `VARIANT=${VARIANT}`],
        WorkingDir: '/project',
        HostConfig: {
          Mounts: [
            { Type: 'bind', Source: ROOT, Target: '/project', ReadOnly: true },
            { Type: 'bind', Source: '/var/run/docker.sock', Target: '/var/run/docker.sock' },
            mount,
          ],
        },
      });
      await container.start();
      await container.wait();
      return linesOfLog(await container.logs({ stdout: true, stderr: true })).join('\n');
    }

    it('shares a named volume with its workers', async () => {
      const printed = await runBalancer({ Type: 'volume', Source: volume, Target: '/sockets' });
      expect(printed).toBe('hello EROFS');
    });

    it('says what to do if there is nothing to share', async () => {
      const printed = await runBalancer({ Type: 'tmpfs', Target: '/sockets' } as Docker.MountSettings);
      expect(printed).toMatch(
        /^RuntimeUnavailable: the balancer runs in a container, and \/sockets is not a mount .* mount a named volume/,
      );
    });
  },
);
