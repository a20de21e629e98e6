/** One work on every contender, in turn and repeated in alternation, so that a slow minute of the machine hits all. */
import type { Contender } from './contenders.ts';
import { check, load, type Measured } from './load.ts';
import { cpuMicroseconds, memoryBytes } from './processes.ts';
import type { Work } from './work.ts';

/** How long every answer is looked at, which isn't timed. */
const CHECK_SECONDS = 1;

/** How much is measured. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

/** Medians of all rounds. Times in milliseconds, CPU in microseconds a call. */
export interface Figures {
  readonly work: string;
  readonly connections: number;
  readonly contender: string;
  readonly callsPerSecond: number;
  /** Calls a second of each round, in their order: those of one round belong together, since all had the same minute. */
  readonly rates: readonly number[];
  /** Half of the distance between the slowest and the fastest round, over the median. */
  readonly spread: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Of the front, without workers. */
  readonly frontCpuUs: number;
  /** Of all processes. */
  readonly cpuUs: number;
  /** The most memory that the front ever had, in bytes. */
  readonly peakBytes: number;
  readonly errors: number;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

type Run = Measured & { readonly cpuUs: number; readonly frontCpuUs: number };

/** A contender with the work it gets, which for most is the same. */
export interface Entry {
  readonly contender: Contender;
  readonly work: Work;
  /** How long each connection pauses after an answer, in milliseconds. */
  readonly pauseMs?: number;
}

/** Figures of each entry over `connections` kept-alive connections. */
export async function compare(
  dir: string,
  entries: readonly Entry[],
  connections: number,
  { rounds, seconds }: Effort,
): Promise<Figures[]> {
  const runs = new Map<Entry, Run[]>(entries.map((entry) => [entry, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [entry, list] of runs) list.push(await one(dir, entry, connections, seconds));
  }
  const figures: Figures[] = [];
  for (const [entry, list] of runs) {
    const { contender, work } = entry;
    const { url, says } = contender;
    const wrong = await check(dir, work, { url, connections, seconds: CHECK_SECONDS, ...says });
    const rates = list.map((run) => run.callsPerSecond);
    const middle = (pick: (run: Run) => number): number => median(list.map(pick));
    figures.push({
      work: work.name,
      connections,
      contender: contender.name,
      callsPerSecond: median(rates),
      rates,
      spread: (Math.max(...rates) - Math.min(...rates)) / median(rates) / 2,
      p50Ms: middle((run) => run.p50Ms),
      p99Ms: middle((run) => run.p99Ms),
      p999Ms: middle((run) => run.p999Ms),
      frontCpuUs: middle((run) => run.frontCpuUs),
      cpuUs: middle((run) => run.cpuUs),
      peakBytes: memoryBytes(contender.pid, 'VmHWM'),
      errors: list.reduce((sum, run) => sum + run.errors, wrong.errors),
    });
  }
  return figures;
}

async function one(
  dir: string,
  { contender, work, pauseMs }: Entry,
  connections: number,
  seconds: number,
): Promise<Run> {
  const { url, pid, pids, forks, says } = contender;
  const used = (): { own: number; tree: number } => ({
    own: cpuMicroseconds(pid)[forks === true ? 'tree' : 'own'],
    tree: pids.reduce((sum, id) => sum + cpuMicroseconds(id).tree, 0),
  });
  const before = used();
  const measured = await load(dir, work, {
    url,
    connections,
    seconds,
    ...(pauseMs === undefined ? {} : { pauseMs }),
    ...says,
  });
  const after = used();
  return {
    ...measured,
    frontCpuUs: (after.own - before.own) / measured.calls,
    cpuUs: (after.tree - before.tree) / measured.calls,
  };
}
