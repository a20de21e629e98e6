/** What goes wrong during a soak: workers killed and frozen, restarts, and what the admin API can do. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import type { Balancer, Home } from '../../test/support/balancer.ts';

/** A frozen worker comes back after one of these, in milliseconds; the longer is more than its heartbeats allow. */
const FREEZES_MS = [800, 6000];
/** An order to the admin API may take so long, in milliseconds. */
const ADMIN_MS = 60_000;
const RESTART_MS = 60_000;

/** One kind of fault; resolves with what was done once it is over, or undefined if there was nothing to do it to. */
export type Fault = () => Promise<string | undefined>;

/** What the faults are done to. */
export interface Victim {
  readonly home: Home;
  readonly balancer: Balancer;
  readonly runtime: 'process' | 'docker';
  readonly adminPort: number;
  readonly random: () => number;
}

/** The faults that this daemon can be given; those of the admin API only where it answers. */
export async function faultsFor(victim: Victim): Promise<Fault[]> {
  const faults: Fault[] = [() => kill(victim), () => freeze(victim), () => restart(victim)];
  if (!(await orders(victim, 'status', {}).then(Boolean, () => false))) return faults;
  return [
    ...faults,
    () => orders(victim, 'functions.reload', {}).then(() => 'reload'),
    () =>
      orders(victim, 'pool.resize', { workers: 1 + Math.floor(victim.random() * 3) }).then(() => 'resize'),
  ];
}

async function kill(victim: Victim): Promise<string | undefined> {
  return await toSomeWorker(victim, 'kill', async (signal) => signal('SIGKILL'));
}

async function freeze(victim: Victim): Promise<string | undefined> {
  const ms = FREEZES_MS[Math.floor(victim.random() * FREEZES_MS.length)] ?? 0;
  return await toSomeWorker(victim, `freeze for ${ms} ms`, async (signal) => {
    await signal('SIGSTOP');
    await sleep(ms);
    await signal('SIGCONT');
  });
}

async function toSomeWorker(
  { home, runtime, random }: Victim,
  what: string,
  act: (signal: (name: NodeJS.Signals) => Promise<void>) => Promise<void>,
): Promise<string | undefined> {
  const chosen = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)];
  if (runtime === 'process') {
    const pid = chosen(workerPids(join(home.dir, 'state')));
    if (pid === undefined) return undefined;
    await act((name) => {
      try {
        process.kill(-pid, name);
      } catch {
        // It was replaced meanwhile.
      }
      return Promise.resolve();
    });
  } else {
    const found = chosen((await home.containers()).filter(({ State }) => State === 'running'));
    if (found === undefined) return undefined;
    const container = new Docker().getContainer(found.Id);
    const ways: Record<string, () => Promise<unknown>> = {
      SIGSTOP: () => container.pause(),
      SIGCONT: () => container.unpause(),
      SIGKILL: () => container.kill({ signal: 'SIGKILL' }),
    };
    // Whoever was removed meanwhile can't be unfrozen.
    await act(async (name) => {
      await ways[name]?.().catch(() => undefined);
    });
  }
  return what;
}

/** The control processes of the workers, from the records in the state folder. */
function workerPids(stateDir: string): number[] {
  const folder = join(stateDir, 'workers/workers');
  return readdirSync(folder).flatMap((name) => {
    try {
      return [(JSON.parse(readFileSync(join(folder, name), 'utf8')) as { pid: number }).pid];
    } catch {
      return [];
    }
  });
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

async function orders({ home, adminPort }: Victim, method: string, params: object): Promise<boolean> {
  const token = readFileSync(join(home.dir, 'state/admin-token'), 'utf8').trim();
  const response = await fetch(`http://127.0.0.1:${adminPort}/rpc`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(ADMIN_MS),
  });
  const answer = (await response.json()) as { error?: unknown };
  return answer.error === undefined;
}
