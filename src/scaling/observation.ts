/** What the autoscaler sees of the pool, and within which limits it acts. Plain data; nothing here does I/O. */

/** Workers by state. Workers that leave for another reason than scaling (an old bundle) are not counted. */
export interface WorkerCounts {
  /** Taking calls. */
  readonly ready: number;
  /** Started or resumed, not ready yet. */
  readonly starting: number;
  /** Ejected: alive, but given no calls. */
  readonly ejected: number;
  /** Drained by an earlier plan and still running a call: can be readmitted at once. */
  readonly draining: number;
}

/**
 * One look at the pool. Counters only ever grow, so an observer keeps no window and may be asked at any moment; a
 * counter that falls back is taken for a new start. `slots` may be fractions: a call occupies 1/concurrency of a slot.
 */
export interface Observation {
  readonly workers: WorkerCounts;
  /** The age of each paused standby, in milliseconds, in any order. */
  readonly standbyAgesMs: readonly number[];
  readonly slotsPerWorker: number;
  /** How long it would take to have another worker ready, as measured lately: a resume, or else a start. */
  readonly newWorkerMs: number;
  /** Counter: slot-milliseconds that calls have occupied since the start (the integral of busy slots over time). */
  readonly busyMs: number;
  /** Counter: expected local slot-milliseconds of every call that arrived, the offloaded ones included. */
  readonly arrivedWorkMs: number;
  /** Counters of what was sent to the cloud: how many calls, and their expected local slot-milliseconds. */
  readonly offloaded: { readonly calls: number; readonly workMs: number };
  /** Calls on slots now: the slots they occupy and the slot-milliseconds they are expected to need still. */
  readonly running: { readonly slots: number; readonly remainingMs: number };
  /** Calls waiting now: the slots they would occupy, their expected slot-milliseconds, the longest wait so far. */
  readonly waiting: { readonly slots: number; readonly workMs: number; readonly oldestMs: number };
  /** Absent where CPU time can't be measured: then the cores limit nothing. */
  readonly cpu?: {
    /** Cores the workers may use: the host's, or fewer where a quota says so. */
    readonly cores: number;
    /** Cores of the host. */
    readonly hostCores: number;
    /** Counter: CPU milliseconds the workers have used. */
    readonly workersMs: number;
    /** Counter: CPU milliseconds the whole host has used, the workers included. */
    readonly hostMs: number;
  };
}

/** What the operator allows. */
export interface Limits {
  /** N, the least workers. */
  readonly min: number;
  /** 2N, the most workers, standbys not counted. */
  readonly max: number;
  /** The most paused standbys to keep. */
  readonly standbys: number;
  /** The age at which a standby is removed, in milliseconds. */
  readonly standbyMs: number;
  /** The expected wait at which a call is offloaded, in milliseconds: the pool grows before that. */
  readonly waitMs: number;
}

/** Nothing observed exceeds this; it keeps sums finite, and is 31 years in milliseconds. */
const MOST = 1e12;

/** `value` as a finite number from 0 to MOST. What isn't a number counts as nothing observed. */
function quantity(value: number | undefined): number {
  if (typeof value !== 'number' || Number.isNaN(value)) return 0;
  return Math.min(Math.max(value, 0), MOST);
}

function count(value: number | undefined): number {
  return Math.floor(quantity(value));
}

/** The observation with every figure finite and not negative, so that no reading can make a decision throw. */
export function sanitizeObservation(seen: Observation): Observation {
  const { workers, offloaded, running, waiting, cpu } = seen;
  const clean = {
    workers: {
      ready: count(workers.ready),
      starting: count(workers.starting),
      ejected: count(workers.ejected),
      draining: count(workers.draining),
    },
    standbyAgesMs: seen.standbyAgesMs.map(quantity),
    slotsPerWorker: Math.max(1, count(seen.slotsPerWorker)),
    newWorkerMs: quantity(seen.newWorkerMs),
    busyMs: quantity(seen.busyMs),
    arrivedWorkMs: quantity(seen.arrivedWorkMs),
    offloaded: { calls: quantity(offloaded.calls), workMs: quantity(offloaded.workMs) },
    running: { slots: quantity(running.slots), remainingMs: quantity(running.remainingMs) },
    waiting: {
      slots: quantity(waiting.slots),
      workMs: quantity(waiting.workMs),
      oldestMs: quantity(waiting.oldestMs),
    },
  };
  if (cpu === undefined) return clean;
  return {
    ...clean,
    cpu: {
      cores: quantity(cpu.cores),
      hostCores: quantity(cpu.hostCores),
      workersMs: quantity(cpu.workersMs),
      hostMs: quantity(cpu.hostMs),
    },
  };
}

/** The limits as whole numbers with 1 ≤ min ≤ max. */
export function sanitizeLimits(limits: Limits): Limits {
  const min = Math.max(1, count(limits.min));
  return {
    min,
    max: Math.max(min, count(limits.max)),
    standbys: count(limits.standbys),
    standbyMs: quantity(limits.standbyMs),
    waitMs: quantity(limits.waitMs),
  };
}
