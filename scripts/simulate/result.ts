/** The figures of a run. */
import { FATE } from './outcomes.ts';
import type { Run } from './simulation-settings.ts';

export interface Figures {
  readonly calls: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Calls sent to the cloud, whatever came of them. */
  readonly offloaded: number;
  readonly rejected: number;
  /** Calls whose deadline passed, or that the cloud stopped since they ran too long for it. */
  readonly late: number;
  /** Of workers that were starting, ready or draining. */
  readonly containerSeconds: number;
  /** Of paused standbys, which use memory but no CPU; not part of containerSeconds. */
  readonly standbySeconds: number;
  /** How often the number of containers changed. */
  readonly changes: number;
  readonly costUsd: number;
}

/** Sums a run up. Every call counts, one rejected or late as its deadline. */
export function figuresOf(run: Run): Figures {
  const { outcomes, fleet } = run;
  const calls = outcomes.fate.length;
  const sorted = outcomes.latencyMs.toSorted();
  const seconds = fleet.seconds(outcomes.endMs);
  return {
    calls,
    meanMs: calls === 0 ? 0 : sorted.reduce((sum, ms) => sum + ms, 0) / calls,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    maxMs: sorted.at(-1) ?? 0,
    offloaded: outcomes.offloaded.reduce((sum, sent) => sum + sent, 0),
    rejected: countOf(outcomes.fate, FATE.rejected),
    late: countOf(outcomes.fate, FATE.late),
    containerSeconds: seconds.container,
    standbySeconds: seconds.standby,
    changes: fleet.samples.length - 1,
    costUsd: outcomes.costUsd,
  };
}

/** The least value that at least this part of the values doesn't exceed (nearest rank); 0 of none. */
export function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
}

function countOf(fates: Uint8Array, fate: number): number {
  return fates.reduce((sum, one) => sum + (one === fate ? 1 : 0), 0);
}
