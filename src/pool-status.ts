/** The pool as its status shows it. A part of the composition root. */
import type { Status, WorkerStatus } from './admin/operations.ts';
import type { Config } from './config.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { PoolControl } from './pool-control.ts';
import type { Pool } from './pool/pool.ts';
import type { Slot } from './pool/slot.ts';
import type { Worker } from './pool/worker.ts';
import type { WorkerLoad } from './worker-usage.ts';

/** The parts of the balancer that it is read from, as they come to be during the start. */
export interface PoolParts {
  pool?: Pool;
  dispatcher?: Dispatcher;
  /** The pool's name. */
  poolId: string;
  runtime: Status['pool']['runtime'];
  runtimeReason?: string;
  /** Workers and functions; once the pool is there. */
  poolControl?: PoolControl;
}

/** What a worker uses, by its id. */
export type Loads = (id: string) => WorkerLoad | undefined;

/** With no slot at all a call would wait for ever, which JSON can't say: an hour stands for it. */
const FOR_EVER_MS = 3_600_000;

/** The pool's part of the status; `loads` is left out where nobody wants to know them. */
export function poolStatus(config: Config, parts: PoolParts, loads: Loads | undefined): Status['pool'] {
  const { pool, dispatcher, poolControl, poolId, runtime, runtimeReason } = parts;
  const n = poolControl?.n ?? config.workers;
  const scaling = poolControl?.scaling;
  const scaled = poolControl?.scaled;
  const count = (state: Worker['state']): number => pool?.count(state) ?? 0;
  const slots = pool?.slots ?? [];
  return {
    id: poolId,
    runtime,
    ...(runtimeReason !== undefined && { runtimeReason }),
    n,
    min: n,
    max: 2 * n,
    starting: count('starting'),
    ready: count('ready'),
    ejected: count('ejected'),
    draining: count('draining'),
    standby: count('standby'),
    slotsPerWorker: config.workerSlots,
    slots: slots.length,
    busySlots: busySlots(slots),
    running: slots.reduce((sum, slot) => sum + slot.running, 0),
    ahead: slots.reduce((sum, slot) => sum + Math.max(0, slot.running - slot.mode), 0),
    queued: dispatcher?.queued ?? 0,
    expectedWaitMs: Math.min(FOR_EVER_MS, dispatcher?.expectedWaitMs() ?? FOR_EVER_MS),
    workers: pool?.workers.map((worker) => ({ ...workerStatus(worker), ...loads?.(worker.id) })) ?? [],
    ...(scaling !== undefined && { scaling }),
    ...(scaled !== undefined && { scaled }),
  };
}

/**
 * How many slots calls occupy. A call that shares its slot occupies a part of it; one that waits behind another in a slot none.
 * Pool.busySlots is for the scaling, and leaves short calls out, so that a pool full of them would be shown as idle.
 */
function busySlots(slots: readonly Slot[]): number {
  return slots.reduce((sum, { running, mode }) => sum + (mode === 0 ? 0 : Math.min(1, running / mode)), 0);
}

function workerStatus(worker: Worker): WorkerStatus {
  const { id, state, reason, slots, running, calls, failures, startedAt, containerId, pid } = worker;
  return {
    id,
    state,
    ...(reason !== undefined && { reason }),
    slots: slots.length,
    busySlots: busySlots(slots),
    running,
    calls,
    failures,
    startedAt,
    ...(containerId !== undefined && { containerId }),
    ...(pid !== undefined && { pid }),
  };
}
