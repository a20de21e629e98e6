/** How many slots a load needs. */
import type { Observation } from './observation.ts';

/**
 * Slots kept free for chance, in standard deviations of a Poisson load: square-root staffing (Halfin and Whitt 1981).
 * A load of a slots on a + β·√a slots makes few calls wait, however large a is; a fixed share of spare slots would be
 * too little for a small pool and too much for a large one.
 */
const HEADROOM = 1;

/** The pool grows once the expected wait is this part of the wait at which a call is offloaded: before money is spent. */
const EARLY = 0.5;
/** The shortest wait worth a worker, in milliseconds: a standby takes longer than that to resume. */
const SHORTEST_WAIT_MS = 10;

/** Slots for a mean load, with headroom: a + β·√a. */
export function slotsForLoad(load: number): number {
  return load + HEADROOM * Math.sqrt(load);
}

/**
 * Slots for the calls that are here now: as many as would bring the expected wait (remaining and queued work over the
 * slots) under the limit, but never more than there are calls, since a call runs on one slot. A thousand waiting calls
 * of 10 µs want one slot, three of a second want three. 0 when nothing waits.
 */
export function slotsForQueue({ running, waiting }: Observation, limitMs: number): number {
  if (waiting.slots === 0) return 0;
  return Math.min(running.slots + waiting.slots, (running.remainingMs + waiting.workMs) / limitMs);
}

/** The expected wait at which the pool grows, in milliseconds, where calls are offloaded at `waitMs`. */
export function growWaitMs(waitMs: number): number {
  return Math.max(SHORTEST_WAIT_MS, waitMs * EARLY);
}
