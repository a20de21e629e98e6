/** Whether more comes than can be done, by how long the oldest call has waited and how many come and go. Pure: `now` is an argument. */

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
/** So many times as many must come as are served, and some more, or the line doesn't grow but by chance. */
const GROWTH = 1.25;
const BY_CHANCE = 2;
/** If fewer come than this share of those that are served, the line is being worked off. */
const SHRINKS = 0.9;
/** If this share of them fails, and more than one, that is no chance either. */
const FAILED = 0.02;

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
 * stays over the target for a whole interval is overloaded, however long or short it is, if calls fail for it, or more come
 * than are served for two of them.
 * A delay alone doesn't tell: clients that wait for one answer before they ask again keep a line standing as long as they
 * are many, and it never grows.
 */
export class QueueDelay {
  /** When the interval began in which the delay is too long; undefined while it isn't. */
  #since: number | undefined;
  #overloaded = false;
  /** When the last overload was over. */
  #endedAt = -Infinity;
  #came = 0;
  #failed = 0;
  #served = 0;
  /** Whether more came than were served in the interval before. */
  #grewBefore = false;

  /** What the last look saw. */
  get overloaded(): boolean {
    return this.#overloaded;
  }

  /** A call has come to wait. */
  came(): void {
    this.#came += 1;
  }

  /** One has been turned away on arrival, or has waited in vain. */
  failed(): void {
    this.#failed += 1;
  }

  /** One that waited has left for another place. */
  left(): void {
    this.#came -= 1;
  }

  /** One that waited is being run. */
  served(): void {
    this.#served += 1;
  }

  /**
   * Looks at the oldest call that waits; undefined if none does.
   * @returns whether it is overloaded now
   */
  look(oldest: Oldest | undefined, now: number): boolean {
    const targetMs = oldest === undefined ? Infinity : target(oldest);
    if (oldest === undefined || now - oldest.arrivedAt < targetMs) {
      this.#since = undefined;
      if (this.#overloaded) this.#endedAt = now;
      this.#overloaded = false;
      return false;
    }
    const intervalMs = Math.max(INTERVAL_MS, INTERVAL_WAITS * targetMs);
    if (this.#since === undefined) {
      this.#begin(now);
      this.#grewBefore = false;
      // Soon after the last one it is the same one: those that waited in vain have only left together.
      this.#overloaded = now - this.#endedAt < intervalMs;
    } else if (now - this.#since >= intervalMs) {
      // One that is being worked off goes on as it is: those that come now find what they would without those before them.
      this.#overloaded = this.#grows() || (this.#overloaded && this.#came < SHRINKS * this.#served);
      this.#begin(now);
    }
    return this.#overloaded;
  }

  #begin(now: number): void {
    this.#since = now;
    this.#came = this.#failed = this.#served = 0;
  }

  /** Whether more calls come than can be served. In one interval alone they may: those of a batch come together. */
  #grows(): boolean {
    const more = this.#came > GROWTH * this.#served + BY_CHANCE;
    const twice = more && this.#grewBefore;
    this.#grewBefore = more;
    return twice || this.#failed > Math.max(1, FAILED * this.#served);
  }
}

/** The wait that is too long for it, in milliseconds. Nothing is, beside a run that isn't known, but for the deadline's sake. */
function target({ runMs, timeMs }: Oldest): number {
  const longMs = runMs === undefined ? Infinity : LONG_WAIT_RUNS * runMs;
  return Math.max(SHORT_WAIT_MS, Math.min(longMs, LONG_WAIT_SHARE * timeMs));
}
