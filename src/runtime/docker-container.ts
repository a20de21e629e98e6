/** The recipe of a worker container: pure, so that every limit can be read, and tested, in one place. */

import { createHash } from 'node:crypto';
import type Docker from 'dockerode';
import { SOCKET_FOLDER_IN_WORKER } from './docker-host.ts';
import type { WorkerOrder } from './launcher.ts';
import { SOCKET_NAME, workerEnvironment } from './worker-environment.ts';

/** What all worker containers of a pool have in common. */
export interface ContainerSpec {
  readonly pool: string;
  /** Tells the balancers apart that use the same pool's name. */
  readonly owner: string;
  readonly image: string;
  readonly memoryBytes: number;
  /** Cores a worker may use; may be a fraction. */
  readonly cpus: number;
  /** Cores of the machine. */
  readonly cores: number;
  /** A Docker network mode: bridge, none, or a network's name. */
  readonly network: string;
  readonly slots: number;
  /** The mount of the folder with the balancer's socket. */
  readonly socketMount: Docker.MountSettings;
}

/** Half of a container's default weight: when cores are short, the balancer and the rest of the machine come first. */
const CPU_WEIGHT = 512;

/** A Node process has 11 threads and grows some under load; 32 for each slot and for the control process. */
const PIDS_PER_PROCESS = 32;

/** A container redials a lost balancer for ten minutes: an upgrade or a restart of it must not cost the pool. */
const ORPHAN_MS = 600_000;

const TMP_FOLDER = '/tmp';

/**
 * In memory (so within the memory limit), gone with the container, and the worker's user is alone in there. The mode is
 * for engines that heed it: runc before 1.2 keeps the mode that the image's folder has.
 */
const TMP_OPTIONS = 'rw,noexec,nosuid,nodev,size=64m,mode=0700,uid=1000,gid=1000';

/** The labels by which a pool's containers are found: Docker is the source of truth, also after a crash. */
export function poolLabels(pool: string, worker?: string): Record<string, string> {
  const labels = { 'spillway.pool': pool, 'spillway.role': 'worker' };
  return worker === undefined ? labels : { ...labels, 'spillway.worker': worker };
}

/** The name of a worker's container. */
export function containerName(pool: string, worker: string): string {
  return `spillway-${pool}-${worker}`;
}

/** The label that tells how a worker was made: two with the same value differ in nothing but their id and token. */
export const RECIPE_LABEL = 'spillway.recipe';

/** The label that tells which balancer made a worker; no part of the recipe, since it says nothing of how. */
export const OWNER_LABEL = 'spillway.owner';

/** The value of the recipe's label for new workers. */
export function recipeOf(spec: ContainerSpec): string {
  return createHash('sha256')
    .update(JSON.stringify(recipe({ id: '', token: '' }, spec)))
    .digest('hex')
    .slice(0, 16);
}

/** What the engine is asked to create for a worker. */
export function workerContainer(order: WorkerOrder, spec: ContainerSpec): Docker.ContainerCreateOptions {
  const made = recipe(order, spec);
  return { ...made, Labels: { ...made.Labels, [RECIPE_LABEL]: recipeOf(spec), [OWNER_LABEL]: spec.owner } };
}

function recipe(order: WorkerOrder, spec: ContainerSpec): Docker.ContainerCreateOptions {
  const environment = workerEnvironment(order, {
    socketPath: `${SOCKET_FOLDER_IN_WORKER}/${SOCKET_NAME}`,
    slots: spec.slots,
    memoryBytes: spec.memoryBytes,
    orphanMs: ORPHAN_MS,
    tmp: TMP_FOLDER,
  });
  return {
    name: containerName(spec.pool, order.id),
    Image: spec.image,
    Labels: poolLabels(spec.pool, order.id),
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    User: '1000:1000',
    HostConfig: {
      Mounts: [spec.socketMount],
      NetworkMode: spec.network,
      ReadonlyRootfs: true,
      Tmpfs: { [TMP_FOLDER]: TMP_OPTIONS },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      // Takes away /dev/shm, which would be a second writable folder.
      IpcMode: 'none',
      Memory: spec.memoryBytes,
      // Equal to Memory: no swap, so that a worker out of memory ends at once and doesn't slow down the machine.
      MemorySwap: spec.memoryBytes,
      // More cores than there are is an error to the engine.
      NanoCpus: Math.round(Math.min(spec.cpus, spec.cores) * 1e9),
      CpuShares: CPU_WEIGHT,
      PidsLimit: PIDS_PER_PROCESS * (spec.slots + 1),
      // An init process adds 50 ms to a start, and slots can't leave children for it to reap.
      Init: false,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
      // The balancer replaces workers; the engine must not, and what is left after a crash is for list() to find.
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
    },
  };
}
