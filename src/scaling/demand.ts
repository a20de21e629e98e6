/**
 * Demand: the slots that calls would keep busy if all of them ran here. Local calls are measured (the time they
 * occupied slots). Offloaded calls count as well, or the pool would never grow to take back what it sends away, so
 * growing and offloading can't chase each other.
 */
import type { Observation } from './observation.ts';

/** What is left of the offloaded calls' local work. */
interface OffloadedWork {
  readonly calls: number;
  readonly workMs: number;
}

/** Immutable: the counters at the last look, and the offloaded work still to be spread over time. */
export interface DemandMemory {
  readonly busyMs: number;
  readonly arrivedWorkMs: number;
  readonly offloaded: OffloadedWork;
  readonly inCloud: OffloadedWork;
}

/** What happened between two looks, in slot-milliseconds. */
export interface DemandStep {
  readonly memory: DemandMemory;
  /** Slot-milliseconds that were, or would have been, occupied. */
  readonly demandMs: number;
  /** Slot-milliseconds that were occupied. */
  readonly busyMs: number;
  /** Expected slot-milliseconds that arrived. */
  readonly arrivedMs: number;
}

/** Less than a thousandth of a call left is none, and what it would still have done is forgotten. */
const NO_CALLS = 1e-3;

/** The growth of a counter; one that fell back was started again, and all of it is new. */
export function grown(before: number, after: number): number {
  return after >= before ? after - before : after;
}

/** The first look: counters only, nothing has happened yet. */
export function startDemand(seen: Observation): DemandMemory {
  const { busyMs, arrivedWorkMs, offloaded } = seen;
  return { busyMs, arrivedWorkMs, offloaded, inCloud: { calls: 0, workMs: 0 } };
}

/**
 * What was wanted since the last look, `elapsedMs` ago.
 *
 * An offloaded call of 10 s isn't ten slots for a second but one slot for ten. k calls of together w slot-milliseconds
 * would occupy k slots now, so w shrinks at rate k, with mean length m = w/k: w(t) = w·exp(−t/m).
 */
export function stepDemand(memory: DemandMemory, seen: Observation, elapsedMs: number): DemandStep {
  const busyMs = grown(memory.busyMs, seen.busyMs);
  const calls = memory.inCloud.calls + grown(memory.offloaded.calls, seen.offloaded.calls);
  const workMs = memory.inCloud.workMs + grown(memory.offloaded.workMs, seen.offloaded.workMs);
  const left = workMs > 0 ? Math.exp((-elapsedMs * calls) / workMs) : 0;
  const inCloud =
    calls * left < NO_CALLS ? { calls: 0, workMs: 0 } : { calls: calls * left, workMs: workMs * left };
  return {
    memory: { busyMs: seen.busyMs, arrivedWorkMs: seen.arrivedWorkMs, offloaded: seen.offloaded, inCloud },
    demandMs: busyMs + workMs * (1 - left),
    busyMs,
    arrivedMs: grown(memory.arrivedWorkMs, seen.arrivedWorkMs),
  };
}
