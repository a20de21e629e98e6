/** Whether the queue stands instead of moving, by how long its oldest call has waited. Pure: `now` is an argument. */

/** Nobody minds a wait below this, in milliseconds: the wait from which on calls are offloaded. */
const SHORT_WAIT_MS = 50;
/** Nor one that is short beside the call's own run. Two slots that are 85% busy with random work exceed it now and then. */
const LONG_WAIT_RUNS = 5;
/** But a call that has waited for this share of its time is in danger, however long it runs. */
const LONG_WAIT_SHARE = 0.25;
/** A burst that is worked off within this is no overload, in milliseconds. */
const INTERVAL_MS = 500;
/** Longer runs make for longer bursts: the interval is at least this many times the wait that is too long. */
const INTERVAL_WAITS = 2;

/** What is known of the oldest call in the queue. */
export interface Oldest {
  /** Milliseconds of the clock of `now`. */
  readonly arrivedAt: number;
  /** How long it is expected to run; undefined while its function isn't known. */
  readonly runMs: number | undefined;
  /** Its whole time, waiting included. */
  readonly timeMs: number;
}

/**
 * CoDel's idea: a good queue empties now and then, so its delay is low at least once in every interval. One whose delay
 * stays over the target for a whole interval is overloaded, however long or short it is.
 */
export class QueueDelay {
  #highSince: number | undefined;
  #overloaded = false;
  /** When the last overload was over. */
  #endedAt = -Infinity;

  /** What the last look saw. */
  get overloaded(): boolean {
    return this.#overloaded;
  }

  /**
   * Looks at the oldest call that waits; undefined if none does.
   * @returns whether it is overloaded now
   */
  look(oldest: Oldest | undefined, now: number): boolean {
    const targetMs = oldest === undefined ? Infinity : target(oldest);
    if (oldest === undefined || now - oldest.arrivedAt < targetMs) {
      this.#highSince = undefined;
      if (this.#overloaded) this.#endedAt = now;
      this.#overloaded = false;
    } else {
      this.#highSince ??= now;
      const intervalMs = Math.max(INTERVAL_MS, INTERVAL_WAITS * targetMs);
      // Soon after the last one it is the same one: those that waited in vain have only left together.
      if (now - this.#highSince >= intervalMs || now - this.#endedAt < intervalMs) this.#overloaded = true;
    }
    return this.#overloaded;
  }
}

/** The wait that is too long for it, in milliseconds. Nothing is, beside a run that isn't known, but for the deadline's sake. */
function target({ runMs, timeMs }: Oldest): number {
  const longMs = runMs === undefined ? Infinity : LONG_WAIT_RUNS * runMs;
  return Math.max(SHORT_WAIT_MS, Math.min(longMs, LONG_WAIT_SHARE * timeMs));
}
