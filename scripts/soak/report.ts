/** What came of a soak. */
import { environmentOf } from '../../src/runtime/processes.ts';
import { readFileSync } from 'node:fs';
import type { Status, WorkerStatus } from '../../src/admin/operations.ts';
import type { Journal } from './journal.ts';

/** How it was begun. */
interface Beginning {
  readonly minutes: number;
  readonly runtime: string;
  /** The policy by which calls leave for it; undefined without one. */
  readonly cloud: string | undefined;
  readonly seed: number;
  readonly memoryAtStartMb: number;
}

/** How it ended. */
interface End {
  readonly journals: readonly Journal[];
  /** How often each was done. */
  readonly faults: ReadonlyMap<string, number>;
  /** Orders that weren't obeyed. */
  readonly troubles: readonly string[];
  /** At the end, while it still ran. */
  readonly status: Status | undefined;
  /** The daemon's exit. */
  readonly code: unknown;
  /** Workers that outlived it. */
  readonly left: number;
  readonly memoryMb: number;
  /** What the daemon logged. */
  readonly output: string;
}

/** Prints it; returns the exit code. */
export function report(beginning: Beginning, end: End): number {
  const { minutes, runtime, cloud, seed, memoryAtStartMb } = beginning;
  const { journals, faults, troubles, status, code, left, memoryMb, output } = end;
  const sum = (of: (journal: Journal) => number): number =>
    journals.reduce((total, journal) => total + of(journal), 0);
  const refused = new Map<number, number>();
  for (const { tally } of journals) {
    for (const [error, count] of tally.refused) refused.set(error, (refused.get(error) ?? 0) + count);
  }
  const breaches = sum(({ breached }) => breached) + troubles.length;
  const unclean = code !== 0 || left > 0 || sum(({ open }) => open) > 0;
  const calls = sum(({ tally }) => tally.asked);
  const slowest = Math.round(Math.max(...journals.map(({ tally }) => tally.slowestMs)));
  const lines = [
    `soak of ${minutes} minutes, ${runtime} runtime, ${cloud === undefined ? 'no cloud' : `emulated cloud, ${cloud}`}, seed ${seed}`,
    `faults: ${list(faults)}`,
    `calls: ${calls}, right: ${sum(({ tally }) => tally.right)}, allowed errors: ${list(refused)}`,
    `since the last restart: ${status?.calls.offloaded ?? 0} calls in the cloud, ${status?.calls.retried ?? 0} placed again`,
    `slowest answer: ${slowest} ms; never answered: ${sum(({ open }) => open)}; breaches: ${breaches}`,
    `balancer: ${Math.round(memoryAtStartMb)} MB resident at the start, ${Math.round(memoryMb)} MB at the end; ` +
      `exit code ${String(code)}, ${left} workers left behind`,
    ...troubles.map((line) => `  breach: ${line}`),
    ...journals.flatMap(({ tally }) => tally.breaches.map((line) => `  breach: ${line}`)),
  ];
  console.log(lines.join('\n'));
  // The whole log: what a breach is about may be long past.
  if (breaches > 0 || unclean) console.log(output);
  return breaches > 0 || unclean ? 1 : 0;
}

/** The balancer's resident memory in MB; NaN where there is no /proc. */
export function residentMb(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return NaN;
  }
}

/**
 * How many of these workers run still. One that has ended may still have a pid, if its parent hasn't asked how it ended;
 * but it has no environment any more, by which workers are known.
 */
export function stillAlive(workers: readonly WorkerStatus[]): number {
  const isWorker = (entry: string): boolean => entry.startsWith('SPILLWAY_TMP=');
  return workers.filter(({ pid }) => pid !== undefined && environmentOf(pid).some(isWorker)).length;
}

function list(map: ReadonlyMap<unknown, number>): string {
  return Array.from(map, ([what, count]) => `${String(what)} ${count}×`).join(', ') || 'none';
}
