/** The trade between the two places, from the same calls made in both: latency, billed time, dollars. Pure. */
import type { Backend } from '../dispatch/call.ts';
import { mean, percentile } from './samples.ts';

/** One call that was made for the comparison. */
export interface Sample {
  readonly backend: Backend;
  readonly ok: boolean;
  /** As its client saw it, in milliseconds. */
  readonly latencyMs: number;
  /** The function's own time, in milliseconds; absent where it isn't known. */
  readonly runMs?: number | undefined;
  /** What is paid for, in milliseconds; absent for the pool, which costs the same whether it works or not. */
  readonly billedMs?: number | undefined;
  readonly costUsd?: number | undefined;
  readonly coldStart?: boolean | undefined;
}

/** What the calls in one place came to. Times in milliseconds; undefined where no call succeeded. */
export interface PlaceFigures {
  readonly backend: Backend;
  readonly calls: number;
  readonly failed: number;
  readonly coldStarts: number;
  readonly meanMs: number | undefined;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly meanRunMs: number | undefined;
  readonly billedMs: number;
  readonly costUsd: number;
  /** US dollars for a million such calls. */
  readonly millionCallsUsd: number;
}

/** The pool's side of the bill: what the machine costs while it serves the calls. */
export interface PoolPrice {
  /** US dollars an hour for the whole machine; 0: it is there anyway. */
  readonly machineHourUsd: number;
  /** Calls it serves at a time. */
  readonly slots: number;
}

/** Both places side by side. The pool's dollars are its slots' share of the machine for the time the calls ran. */
export function compareFigures(
  samples: readonly Sample[],
  poolPrice: PoolPrice,
): Record<Backend, PlaceFigures> {
  return { pool: figuresOf('pool', samples, poolPrice), cloud: figuresOf('cloud', samples, poolPrice) };
}

const HOUR_MS = 3_600_000;
const MILLION = 1e6;

function figuresOf(
  backend: Backend,
  samples: readonly Sample[],
  { machineHourUsd, slots }: PoolPrice,
): PlaceFigures {
  const here = samples.filter((sample) => sample.backend === backend);
  const good = here.filter(({ ok }) => ok);
  const latencies = good.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
  const runs = good.flatMap(({ runMs }) => (runMs === undefined ? [] : [runMs]));
  const slotMs = sum(runs);
  const costUsd =
    backend === 'cloud'
      ? sum(here.map((sample) => sample.costUsd ?? 0))
      : (slotMs / HOUR_MS / slots) * machineHourUsd;
  return {
    backend,
    calls: here.length,
    failed: here.length - good.length,
    coldStarts: here.filter(({ coldStart }) => coldStart === true).length,
    meanMs: mean(latencies),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    meanRunMs: mean(runs),
    billedMs: sum(here.map(({ billedMs }) => billedMs ?? 0)),
    costUsd,
    millionCallsUsd: here.length === 0 ? 0 : (costUsd / here.length) * MILLION,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
