/** What a call arriving now would wait for a slot, from what runs and what waits. */
import type { Pool } from '../pool/pool.ts';
import { waitBehind } from './expected-wait.ts';
import type { RunTimes } from './estimates.ts';

/** A waiting call, as far as its work counts. */
export interface WaitingWork {
  /** What is known of its function: the same object for all its calls. */
  readonly local: RunTimes;
  /** How many of its function's calls a slot may run at once. */
  readonly concurrency: number;
}

/** How many calls of one function wait. */
interface Line {
  readonly concurrency: number;
  calls: number;
}

/** The work there is. Calls that wait are counted by function, so that a long queue costs no more to judge than a short one. */
export class Load {
  readonly #pool: Pool;
  readonly #lines = new Map<RunTimes, Line>();
  #waiting = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** A call has begun to wait. */
  joined({ local, concurrency }: WaitingWork): void {
    const line = this.#lines.get(local);
    if (line === undefined) this.#lines.set(local, { concurrency, calls: 1 });
    else line.calls += 1;
    this.#waiting += 1;
  }

  /** A call waits no more. */
  left({ local }: WaitingWork): void {
    const line = this.#lines.get(local);
    if (line === undefined) return;
    line.calls -= 1;
    this.#waiting -= 1;
    if (line.calls === 0) this.#lines.delete(local);
  }

  /** When each slot is likely to be free, in milliseconds from `now`. */
  freeInMs(now: number): number[] {
    const freeInMs: number[] = [];
    for (const slot of this.#pool.slots) if (slot.usable) freeInMs.push(slot.freeInMs(now, true));
    return freeInMs;
  }

  /**
   * The wait of a call that arrives at `now`, in milliseconds: 0 with an empty slot, Infinity where no slot takes calls
   * and none is coming. `comingMs`: when those will be ready that are, from now.
   * Waiting calls of functions that aren't known yet count as no work: they are judged by their real wait.
   */
  expectedWaitMs(now: number, comingMs: readonly number[] = []): number {
    const freeInMs = [...comingMs];
    for (const slot of this.#pool.slots) {
      if (!slot.usable) continue;
      if (slot.running === 0) return 0;
      freeInMs.push(slot.freeInMs(now));
    }
    let workMs = 0;
    for (const [local, { calls, concurrency }] of this.#lines) {
      if (local.known) workMs += (calls * local.wallMs.mean) / concurrency;
    }
    return waitBehind(freeInMs, this.#waiting, this.#waiting === 0 ? 0 : workMs / this.#waiting);
  }
}
