/** How the balancer's socket folder gets into the workers, also when the balancer is itself a container. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type Docker from 'dockerode';
import { answer, messageOf, statusOf } from './docker-client.ts';
import { RuntimeUnavailable } from './launcher.ts';

/** Where workers find the folder with the balancer's socket. */
export const SOCKET_FOLDER_IN_WORKER = '/run/spillway';

/**
 * The mount that shows the socket folder to a worker, read-only (connecting needs no more). The folder is mounted, not
 * the socket: a restarted balancer makes a new socket, and a mounted file would stay the old one.
 * @throws RuntimeUnavailable if the balancer is a container and the folder is not a mount that can be shared
 */
export async function socketMount(docker: Docker, socketDir: string): Promise<Docker.MountSettings> {
  const folder = resolve(socketDir);
  const own = await inspectOwnContainer(docker);
  // The type Mounts (unlike Binds) makes the engine refuse a folder that doesn't exist, in place of creating it.
  if (own === undefined) return mountOf('bind', folder);
  const mount = own.Mounts.find((candidate) => resolve(candidate.Destination) === folder);
  if (mount?.Type === 'volume' && mount.Name !== undefined) return mountOf('volume', mount.Name);
  if (mount?.Type === 'bind') return mountOf('bind', mount.Source);
  throw new RuntimeUnavailable(
    `the balancer runs in a container, and ${folder} is not a mount of its own there, so worker containers can't see ` +
      `its socket: mount a named volume or a host folder exactly at ${folder} (docker run -v spillway-run:${folder} …)`,
  );
}

function mountOf(kind: 'bind' | 'volume', source: string): Docker.MountSettings {
  const mount: Docker.MountSettings = {
    Type: kind,
    Source: source,
    Target: SOCKET_FOLDER_IN_WORKER,
    ReadOnly: true,
  };
  // NoCopy: an empty volume would otherwise be filled, and owned, as the image's folder is.
  return kind === 'volume' ? ({ ...mount, VolumeOptions: { NoCopy: true } } as Docker.MountSettings) : mount;
}

async function inspectOwnContainer(docker: Docker): Promise<Docker.ContainerInspectInfo | undefined> {
  const id = ownContainerId(await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''));
  if (id === undefined) return undefined;
  try {
    return await answer('inspect the balancer', (abortSignal) =>
      docker.getContainer(id).inspect({ abortSignal }),
    );
  } catch (error) {
    // Another engine's container, for example one that has an engine of its own inside: paths are that engine's.
    if (statusOf(error) === 404) return undefined;
    throw new RuntimeUnavailable(`the balancer's own container can't be inspected: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * The id of the Docker container in which this process runs; undefined outside of one. The engine mounts a file of the
 * container's folder at /etc/hostname, in every network mode.
 * @param mountinfo the text of /proc/self/mountinfo
 */
export function ownContainerId(mountinfo: string): string | undefined {
  return /^\S+ \S+ \S+ \S*\/containers\/([0-9a-f]{64})\/hostname \/etc\/hostname /m.exec(mountinfo)?.[1];
}
