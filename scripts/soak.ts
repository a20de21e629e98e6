/**
 * Runs the real daemon under mixed load and faults: npm run soak -- --minutes M [--runtime process|docker] [--seed S]
 *
 * Clients keep a journal: every call is answered exactly once, with the right result, within its deadline. Prints a
 * report; exits 1 on any breach. The seed repeats what is asked and what goes wrong, not the timing.
 */
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { Home } from '../test/support/balancer.ts';
import { randomOf } from './fuzz/mutate.ts';
import { errandOf } from './soak/errands.ts';
import { faultsFor } from './soak/faults.ts';
import { Journal } from './soak/journal.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    runtime: { type: 'string', default: 'process' },
    seed: { type: 'string' },
  },
});

const CLIENTS = 6;
const TIMEOUT_MS = 20_000;
/** Between two faults, in milliseconds: half of it to one and a half. */
const FAULT_EVERY_MS = 3000;
/** A client's pause between two calls, in milliseconds at most. */
const PAUSE_MS = 20;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The balancer's resident memory in MB; NaN where there is no /proc. */
function residentMb(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return NaN;
  }
}

async function main(): Promise<number> {
  const runtime = values.runtime === 'docker' ? 'docker' : 'process';
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const endAt = performance.now() + Number(values.minutes) * 60_000;
  const home = new Home();
  try {
    const adminPort = await freePort();
    const balancer = await home.start({
      SPILLWAY_RUNTIME: runtime,
      SPILLWAY_WORKERS: '3',
      SPILLWAY_ADMIN_PORT: String(adminPort),
      SPILLWAY_CLOUD: 'off',
      SPILLWAY_FUNCTIONS: join(import.meta.dirname, '../handler/functions'),
    });
    const port = Number(new URL(balancer.url).port);
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
    const victim = { home, balancer, runtime, adminPort, random } as const;
    const faults = await faultsFor(victim);
    const done = new Map<string, number>();
    while (!over()) {
      await sleep(FAULT_EVERY_MS * (0.5 + random()));
      const what = await faults[Math.floor(random() * faults.length)]?.();
      if (what !== undefined) done.set(what, (done.get(what) ?? 0) + 1);
    }
    await Promise.all(clients);
    const memoryMb = residentMb(balancer.process.pid);
    const code = ended ?? (await balancer.kill('SIGTERM'));
    const left = runtime === 'docker' ? (await home.containers()).length : 0;
    return report(seed, journals, done, { code, left, memoryMb, output: balancer.output });
  } finally {
    await home.rm({ docker: runtime === 'docker' });
  }
}

function report(
  seed: number,
  journals: readonly Journal[],
  faults: ReadonlyMap<string, number>,
  end: { code: unknown; left: number; memoryMb: number; output: string },
): number {
  const sum = (of: (journal: Journal) => number): number =>
    journals.reduce((total, journal) => total + of(journal), 0);
  const refused = new Map<number, number>();
  for (const { tally } of journals) {
    for (const [code, count] of tally.refused) refused.set(code, (refused.get(code) ?? 0) + count);
  }
  const list = (map: ReadonlyMap<unknown, number>): string =>
    Array.from(map, ([what, count]) => `${String(what)} ${count}×`).join(', ') || 'none';
  const breaches = sum(({ breached }) => breached);
  const unclean = end.code !== 0 || end.left > 0;
  console.log(
    [
      `soak of ${values.minutes} minutes, ${values.runtime} runtime, seed ${seed}`,
      `faults: ${list(faults)}`,
      `calls: ${sum(({ tally }) => tally.asked)}, right: ${sum(({ tally }) => tally.right)}, allowed errors: ${list(refused)}`,
      `slowest answer: ${Math.round(Math.max(...journals.map(({ tally }) => tally.slowestMs)))} ms`,
      `never answered: ${sum(({ open }) => open)}, breaches: ${breaches}`,
      `balancer: ${Math.round(end.memoryMb)} MB resident at the end, exit code ${String(end.code)}, ${end.left} containers left`,
    ].join('\n'),
  );
  for (const { tally } of journals) for (const line of tally.breaches) console.log(`  breach: ${line}`);
  if (unclean) console.log(end.output.split('\n').slice(-20).join('\n'));
  return breaches > 0 || unclean ? 1 : 0;
}

process.exitCode = await main();
