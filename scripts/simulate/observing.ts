/** What a scaling rule sees of a simulated pool. */
import type { Observation } from '../../src/scaling/observation.ts';
import { RESUME_MS, START_MS, type Fleet } from './fleet.ts';
import type { CallQueue } from './queue.ts';
import type { Slots } from './slots.ts';
import type { Trace } from './trace.ts';

export interface Pool {
  readonly trace: Trace;
  readonly fleet: Fleet;
  readonly slots: Slots;
  readonly queue: CallQueue;
  readonly nowMs: number;
  readonly cores: number;
  readonly arrivedWorkMs: number;
  readonly offloaded: Observation['offloaded'];
}

export function observationOf(pool: Pool): Observation {
  const { trace, fleet, slots, queue, nowMs, cores, arrivedWorkMs, offloaded } = pool;
  const oldest = queue.first();
  const standbyAgesMs = fleet.standbyAgesMs(nowMs);
  const remainingMs = slots.remainingMs();
  const { busyMs, usedMs } = slots;
  return {
    workers: fleet.counts(),
    standbyAgesMs,
    slotsPerWorker: 1,
    newWorkerMs: standbyAgesMs.length > 0 ? RESUME_MS : START_MS,
    busyMs,
    arrivedWorkMs,
    offloaded,
    running: { slots: remainingMs.length, remainingMs: remainingMs.reduce((sum, ms) => sum + ms, 0) },
    waiting: {
      slots: queue.size,
      workMs: queue.workMs,
      oldestMs: oldest === -1 ? 0 : nowMs - trace.arrivalMs[oldest]!,
    },
    cpu: { cores, hostCores: cores, workersMs: usedMs, hostMs: usedMs },
  };
}
