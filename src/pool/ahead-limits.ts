/** How much is handed ahead to a slot. */

/** A slot is handed calls ahead only after this many, so that a cold one isn't flooded (its code isn't compiled yet). */
export const WARM_AFTER_CALLS = 20;
/** A call that is known to take less than this at the most is short, in milliseconds: only such are handed ahead. */
export const SHORT_MS = 1;
/**
 * At most this many calls wait inside a slot behind the one that runs. Calls of some microseconds come and go in groups of this size,
 * and each group costs the same: with 16 the pool answered a third fewer of them (decision 0078).
 */
export const MAX_AHEAD = 128;
/** What runs and waits in a slot must be expected to take less than this together, in milliseconds (decision 0077). */
export const MAX_AHEAD_MS = 2;

/** One of the short calls that for once took long must not look like a sudden load, in milliseconds. */
export const MOST_COUNTED_MS = 50;
