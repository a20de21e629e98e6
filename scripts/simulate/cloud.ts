/** The cloud as the simulator sees it, and a plain one. */
import type { CloudReason } from '../../src/cloud/backend.ts';
import { MAX_RUN_MS } from '../../src/cloud/event.ts';

export interface SentToCloud {
  /** How long it takes there in all, in milliseconds. */
  readonly takesMs: number;
  readonly costUsd: number;
  /** It was throttled: nothing ran. */
  readonly refused?: boolean;
  /** The handler stopped it, since it ran too long: there is no result. */
  readonly stopped?: boolean;
  /** It started an instance. */
  readonly cold?: boolean;
  /** The function's own time there, in milliseconds. */
  readonly runMs?: number;
}

export interface SimulatedCloud {
  /** What it adds to a run time now, in milliseconds; undefined: not usable. */
  delayMs(nowMs: number): number | undefined;
  /** Why it isn't usable. */
  reason?(nowMs: number): CloudReason | undefined;
  /** What it adds where an instance is warm, in milliseconds. */
  readonly warmMs?: number;
  /** Run time there over run time here; absent: 1. */
  readonly slowdown?: number;
  /** Sends a call that runs for `durationMs` here. */
  send(durationMs: number, nowMs: number): SentToCloud;
  /** A call that was sent is over. */
  settled(nowMs: number, refused: boolean): void;
}

/** How much of a run happens there: the handler stops what takes longer than it may. */
export function runThere(wholeMs: number): { readonly runMs: number; readonly stopped: boolean } {
  return { runMs: Math.min(wholeMs, MAX_RUN_MS), stopped: wholeMs > MAX_RUN_MS };
}

/** Request to answer without the run, through API Gateway from one region's distance, in milliseconds. */
const ROUND_TRIP_MS = 60;
/** A Node function of a few hundred kilobytes, first call of an instance, in milliseconds. */
const COLD_START_MS = 400;
/** Prices in us-east-1: Lambda a gigabyte-second and a request, API Gateway (REST) a request. */
const USD_PER_GB_SECOND = 0.0000166667;
const USD_PER_REQUEST = 0.2e-6 + 3.5e-6;
const MEMORY_GB = 1769 / 1024;

/** A cloud that takes every call. Instances that once ran are kept warm to the end of the trace. */
export function plainCloud(): SimulatedCloud {
  let instances = 0;
  let busy = 0;
  const cold = (): boolean => busy >= instances;
  return {
    delayMs: () => ROUND_TRIP_MS + (cold() ? COLD_START_MS : 0),
    send(durationMs) {
      const startMs = cold() ? COLD_START_MS : 0;
      if (cold()) instances++;
      busy++;
      const { runMs, stopped } = runThere(durationMs);
      const costUsd = (runMs / 1000) * MEMORY_GB * USD_PER_GB_SECOND + USD_PER_REQUEST;
      return {
        takesMs: ROUND_TRIP_MS + startMs + runMs,
        costUsd,
        cold: startMs > 0,
        stopped,
        runMs,
      };
    },
    settled() {
      busy--;
    },
  };
}
