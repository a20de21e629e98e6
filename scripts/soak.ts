/**
 * Runs the real daemon under mixed load and faults:
 *
 *     npm run soak -- --minutes M [--runtime process|docker] [--cloud auto|off] [--seed S]
 *
 * Clients keep a journal: every call is answered exactly once, with the right result, within its deadline. Prints a
 * report; exits 1 on any breach. The seed repeats what is asked and what goes wrong, not the timing. The cloud is an
 * emulated one, where it is installed (scripts/ministack.sh install).
 */
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Home } from '../test/support/balancer.ts';
import { cloudEnv } from '../test/support/cloud-env.ts';
import { freePort } from '../test/support/free-port.ts';
import { findMiniStack, startMiniStack } from '../test/support/ministack.ts';
import { randomOf } from './fuzz/mutate.ts';
import { Admin } from './admin.ts';
import { readOptions } from './options.ts';
import { errandOf } from './soak/errands.ts';
import { faultsFor, type Fault } from './soak/faults.ts';
import { Journal } from './soak/journal.ts';
import { stillAlive, report, residentMb } from './soak/report.ts';

const values = readOptions(
  'npm run soak -- [--minutes M] [--runtime process|docker] [--cloud auto|off] [--seed S]',
  {
    minutes: 'number',
    runtime: { choice: ['process', 'docker'] },
    cloud: { choice: ['auto', 'off'] },
    seed: 'number',
  },
);
const { minutes = 1, runtime = 'process' } = values;

const ROOT = join(import.meta.dirname, '..');
const CLIENTS = 6;
const TIMEOUT_MS = 20_000;
/** Between two faults, in milliseconds: half of it to one and a half. */
const FAULT_EVERY_MS = 3000;
/** A client's pause between two calls, in milliseconds at most. */
const PAUSE_MS = 20;

/** The functions in a folder of their own, where reloads may change them. Their packages are looked for beside it. */
function copyFunctions(home: Home): string {
  const functionsDir = join(home.dir, 'functions');
  cpSync(join(ROOT, 'handler/functions'), functionsDir, { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(home.dir, 'node_modules'));
  return functionsDir;
}

async function main(): Promise<number> {
  const seed = values.seed ?? Math.floor(Math.random() * 2 ** 31);
  const policy = seed % 2 === 0 ? 'predictive' : 'threshold';
  const home = new Home();
  const found = values.cloud === 'off' ? undefined : findMiniStack('the faults of the cloud');
  const cloud = found?.missing === undefined && found ? await startMiniStack(found.program) : undefined;
  try {
    const adminPort = await freePort();
    const functionsDir = copyFunctions(home);
    const balancer = await home.start({
      ...(cloud !== undefined && cloudEnv(home, cloud.url)),
      SPILLWAY_OFFLOAD: policy,
      SPILLWAY_RUNTIME: runtime,
      SPILLWAY_WORKERS: '3',
      SPILLWAY_ADMIN_PORT: String(adminPort),
      SPILLWAY_FUNCTIONS: functionsDir,
      SPILLWAY_CLOUD_BUDGET_USD: '1000',
    });
    const admin = new Admin(join(home.dir, 'state'), adminPort);
    const port = Number(new URL(balancer.url).port);
    const { pid } = balancer.process;
    const memoryAtStartMb = residentMb(pid);
    const endAt = performance.now() + minutes * 60_000;
    let ended: unknown;
    void balancer.exited.then((how) => (ended = how));
    const over = (): boolean => performance.now() > endAt || ended !== undefined;
    const journals: Journal[] = [];
    const clients = Array.from({ length: CLIENTS }, async (_, i) => {
      const random = randomOf(seed + i);
      const journal = new Journal(`c${i}`, port, TIMEOUT_MS, i % 3 !== 0);
      journals.push(journal);
      while (!over()) {
        await journal.call(errandOf(random));
        await sleep(random() * PAUSE_MS);
      }
      journal.close();
    });
    const random = randomOf(seed + CLIENTS);
    const faults = faultsFor({ balancer, admin, functionsDir, cloud, random });
    const { done, troubles } = await goWrong(faults, random, over);
    await Promise.all(clients);
    const memoryMb = residentMb(pid);
    const status = ended === undefined ? await admin.status() : undefined;
    const code = ended ?? (await balancer.kill('SIGTERM'));
    const left =
      runtime === 'docker' ? (await home.containers()).length : stillAlive(status?.pool.workers ?? []);
    const { output } = balancer;
    return report(
      { minutes, runtime, cloud: cloud === undefined ? undefined : policy, seed, memoryAtStartMb },
      { journals, faults: done, troubles, status, code, left, memoryMb, output },
    );
  } finally {
    await home.rm({ docker: runtime === 'docker' });
    await cloud?.stop();
  }
}

/** One fault after another, until it is over. */
async function goWrong(
  faults: readonly Fault[],
  random: () => number,
  over: () => boolean,
): Promise<{ done: Map<string, number>; troubles: string[] }> {
  const done = new Map<string, number>();
  const troubles: string[] = [];
  while (!over()) {
    await sleep(FAULT_EVERY_MS * (0.5 + random()));
    try {
      const what = await faults[Math.floor(random() * faults.length)]?.();
      if (what !== undefined) done.set(what, (done.get(what) ?? 0) + 1);
    } catch (error) {
      if (!over()) troubles.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { done, troubles };
}

process.exitCode = await main();
