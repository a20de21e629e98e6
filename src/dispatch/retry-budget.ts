/** How many calls may be placed a second time, so that failure can't double the load. Pure: `now` is an argument. */

import { MAX_AHEAD } from '../pool/ahead-limits.ts';

/** What each call adds (Finagle's default: 20% of calls). */
const PER_CALL = 0.2;
/** What each second adds, so that a quiet balancer can retry too. */
const PER_SECOND = 10;
/** The most that is saved up: as many as two slots may have in line, so that one that hangs holds none of them up. */
const MOST = 2 * MAX_AHEAD;

/** A token bucket, filled by calls and by time. */
export class RetryBudget {
  #tokens = PER_SECOND;
  #at: number;

  /** @param now milliseconds of any steady clock. */
  constructor(now: number) {
    this.#at = now;
  }

  /** A call has come in. */
  deposit(): void {
    this.#tokens = Math.min(MOST, this.#tokens + PER_CALL);
  }

  /** Takes a retry's worth; false: there is none left. */
  take(now: number): boolean {
    this.#tokens = this.left(now);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** How many retries are left. */
  left(now: number): number {
    return Math.min(MOST, this.#tokens + (Math.max(0, now - this.#at) / 1000) * PER_SECOND);
  }
}
