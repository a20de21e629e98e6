/** Observations to decide on, and a pool on paper whose minutes pass in microseconds. */
import { decide, type Decision } from '../../../src/scaling/decide.ts';
import type { ScalingMemory } from '../../../src/scaling/memory.ts';
import type { Limits, Observation, WorkerCounts } from '../../../src/scaling/observation.ts';

export const LIMITS: Limits = { min: 4, max: 8, standbys: 4, standbyMs: 600_000, waitMs: 50 };

/** An idle pool of four ready workers, with changes. */
export function observed(
  changes: Partial<Omit<Observation, 'workers'>> & { readonly workers?: Partial<WorkerCounts> } = {},
): Observation {
  return {
    standbyAgesMs: [],
    slotsPerWorker: 1,
    newWorkerMs: 300,
    busyMs: 0,
    arrivedWorkMs: 0,
    offloaded: { calls: 0, workMs: 0 },
    running: { slots: 0, remainingMs: 0 },
    waiting: { slots: 0, workMs: 0, oldestMs: 0 },
    ...changes,
    workers: { ready: 4, starting: 0, ejected: 0, draining: 0, ...changes.workers },
  };
}

/** Calls of 100 ms that all slots run, and `waiting` more. */
export function queueing(waiting: number, busySlots = 4): Partial<Observation> {
  return {
    running: { slots: busySlots, remainingMs: busySlots * 50 },
    waiting: { slots: waiting, workMs: waiting * 100, oldestMs: 0 },
  };
}

/** What the pool on paper did in a second. */
export interface Second {
  readonly second: number;
  readonly decision: Decision;
  /** Ready workers after it. */
  readonly ready: number;
}

/**
 * A pool under a smooth load: no chance, no calls, only work that flows in at `load(second)` slots, of which the ready
 * workers do what they can and the rest is offloaded. Started workers are ready a second later, drained ones are standbys
 * at once.
 */
export function walk(seconds: number, load: (second: number) => number, cores?: number): Second[] {
  const walked: Second[] = [];
  let memory: ScalingMemory | undefined;
  let [ready, starting, standbys] = [LIMITS.min, 0, 0];
  let [busyMs, arrivedWorkMs, offloadedMs] = [0, 0, 0];
  for (let second = 0; second <= seconds; second++) {
    const cpu =
      cores === undefined ? {} : { cpu: { cores, hostCores: cores, workersMs: busyMs, hostMs: busyMs } };
    const seen = observed({
      workers: { ready, starting },
      standbyAgesMs: Array.from({ length: standbys }, () => 1000),
      busyMs,
      arrivedWorkMs,
      offloaded: { calls: offloadedMs / 100, workMs: offloadedMs },
      ...cpu,
    });
    const decision = decide(seen, memory, LIMITS, second * 1000);
    memory = decision.memory;
    const { resume, start, drain } = decision.plan;
    ready += starting + resume - drain;
    starting = start;
    standbys += drain - resume;
    walked.push({ second, decision, ready });
    const wanted = load(second);
    const done = Math.min(wanted, ready, cores ?? Infinity);
    busyMs += done * 1000;
    offloadedMs += (wanted - done) * 1000;
    arrivedWorkMs += wanted * 1000;
  }
  return walked;
}
