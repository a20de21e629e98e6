/** What goes wrong during a soak: workers killed, frozen and removed, restarts, reloads, resizes, a cloud that hangs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import type { WorkerStatus } from '../../src/admin/operations.ts';
import type { Balancer } from '../../test/support/balancer.ts';
import type { MiniStack } from '../../test/support/ministack.ts';
import type { Admin } from '../admin.ts';

/** A frozen worker comes back after one of these, in milliseconds; the longer is more than its heartbeats allow. */
const FREEZES_MS = [800, 6000];
/** The same for the cloud: calls that wait for it must still make their deadlines. */
const CLOUD_FREEZES_MS = [500, 4000];
/** How long every call goes to the cloud, in milliseconds. */
const ALWAYS_MS = 4000;
const RESTART_MS = 60_000;

/** One kind of fault; resolves with what was done once it is over, or undefined if there was nothing to do it to. */
export type Fault = () => Promise<string | undefined>;

/** What the faults are done to. */
export interface Victim {
  readonly balancer: Balancer;
  readonly admin: Admin;
  /** The folder of the functions, which is the soak's own. */
  readonly functionsDir: string;
  /** Absent: no cloud. */
  readonly cloud: MiniStack | undefined;
  readonly random: () => number;
}

/** The faults that this daemon can be given. */
export function faultsFor(victim: Victim): Fault[] {
  const { admin, random } = victim;
  const workers = (): number => 1 + Math.floor(random() * 3);
  return [
    () => kill(victim),
    () => freeze(victim),
    () => remove(victim),
    () => restart(victim),
    () => reload(victim),
    () => drain(victim),
    () => admin.order('pool.resize', { workers: workers() }).then(() => 'resize'),
    ...(victim.cloud === undefined ? [] : [() => offload(victim), () => freezeCloud(victim, victim.cloud)]),
  ];
}

function chosen<T>({ random }: Victim, all: readonly T[]): T | undefined {
  return all[Math.floor(random() * all.length)];
}

async function anyWorker(victim: Victim): Promise<WorkerStatus | undefined> {
  const { pool } = await victim.admin.status();
  return chosen(
    victim,
    pool.workers.filter(({ state }) => state === 'ready'),
  );
}

/** Whoever was replaced meanwhile can't be hit. */
async function hit(worker: WorkerStatus, name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  if (worker.containerId !== undefined) {
    const container = new Docker().getContainer(worker.containerId);
    const ways = {
      SIGSTOP: () => container.pause(),
      SIGCONT: () => container.unpause(),
      SIGKILL: () => container.kill({ signal: 'SIGKILL' }),
    };
    await ways[name]().catch(() => undefined);
  } else if (worker.pid !== undefined) {
    try {
      process.kill(-worker.pid, name);
    } catch {
      // Gone.
    }
  }
}

async function kill(victim: Victim): Promise<string | undefined> {
  const worker = await anyWorker(victim);
  if (worker === undefined) return undefined;
  await hit(worker, 'SIGKILL');
  return 'kill';
}

async function freeze(victim: Victim): Promise<string | undefined> {
  const worker = await anyWorker(victim);
  if (worker === undefined) return undefined;
  const ms = chosen(victim, FREEZES_MS) ?? 0;
  await hit(worker, 'SIGSTOP');
  await sleep(ms);
  await hit(worker, 'SIGCONT');
  return `freeze for ${ms} ms`;
}

/** A container removed by hand. */
async function remove(victim: Victim): Promise<string | undefined> {
  const worker = await anyWorker(victim);
  if (worker?.containerId === undefined) return undefined;
  const container = new Docker().getContainer(worker.containerId);
  await container.remove({ force: true }).catch(() => undefined);
  return 'remove';
}

async function drain(victim: Victim): Promise<string | undefined> {
  const worker = await anyWorker(victim);
  if (worker === undefined) return undefined;
  // It may have been scaled in meanwhile.
  const done = await victim.admin.order('workers.drain', { id: worker.id }).catch(() => undefined);
  return done === undefined ? undefined : 'drain';
}

/** The functions change each time, so that every worker is swapped. */
async function reload({ admin, functionsDir, random }: Victim): Promise<string> {
  writeFileSync(join(functionsDir, 'tick.ts'), `export default (): number => ${random()};\n`);
  await admin.order('functions.reload');
  return 'reload';
}

async function restart({ balancer }: Victim): Promise<string | undefined> {
  const ready = (): number => balancer.lines('"msg":"ready').length;
  const before = ready();
  balancer.process.kill('SIGUSR2');
  for (let waitedMs = 0; ready() === before; waitedMs += 50) {
    if (waitedMs > RESTART_MS) throw new Error('a restart did not come to an end');
    await sleep(50);
  }
  return 'restart';
}

async function offload({ admin }: Victim): Promise<string> {
  const { policy } = (await admin.status()).offload;
  await admin.order('offload.set', { policy: 'always' });
  await sleep(ALWAYS_MS);
  await admin.order('offload.set', { policy });
  return `all to the cloud for ${ALWAYS_MS} ms`;
}

/** In the middle of it, while calls go there. */
async function freezeCloud(victim: Victim, cloud: MiniStack | undefined): Promise<string> {
  const ms = chosen(victim, CLOUD_FREEZES_MS) ?? 0;
  await victim.admin.order('offload.set', { policy: 'always' });
  await sleep(ms);
  cloud?.freeze(true);
  await sleep(ms);
  cloud?.freeze(false);
  await victim.admin.order('offload.set', { policy: 'threshold' });
  return `cloud hangs for ${ms} ms`;
}
