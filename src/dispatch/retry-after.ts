/** What a rejected client is told: when to come back. */

/** At the least, in milliseconds. */
const MIN_MS = 50;
/** And at the most, in milliseconds. */
const MAX_MS = 10_000;
/** How long one figure serves, in milliseconds: it is told to every rejected client. */
const KEPT_MS = 50;

/** The figure, worked out at most once in KEPT_MS. */
export class RetryAfter {
  readonly #expectedWaitMs: () => number;
  #at = -Infinity;
  #ms = 0;

  constructor(expectedWaitMs: () => number) {
    this.#expectedWaitMs = expectedWaitMs;
  }

  /** In milliseconds, at `now` (performance.now()). */
  ms(now: number): number {
    if (now - this.#at > KEPT_MS) {
      this.#at = now;
      this.#ms = Math.ceil(Math.min(MAX_MS, Math.max(MIN_MS, this.#expectedWaitMs())));
    }
    return this.#ms;
  }
}
