/** What the scaling decision wants to know of the calls: counters that only ever grow, and what is under way now. */
import type { RunTimes } from './estimates.ts';

/** A call under way, as far as its work counts. */
export interface WorkingCall {
  /** Whether it stands in the queue, or has just come and found no slot. */
  readonly waiting: boolean;
  readonly unplaced: boolean;
  /** Whether a slot holds it. */
  readonly leased: boolean;
  readonly concurrency: number;
  /** performance.now() when it joined the queue, if it stands there, in milliseconds. */
  readonly waitingSince: number;
  /** The work it is expected to be, in slot-milliseconds; undefined while its function isn't known. */
  readonly expectedMs: number | undefined;
  /** What is left of it at `now` (performance.now()), in slot-milliseconds. */
  leftMs(now: number): number;
}

/** Times in milliseconds, work in slot-milliseconds; the counters are `arrivedWorkMs`, `offloaded` and `cpuMs`. */
export interface Workload {
  readonly arrivedWorkMs: number;
  readonly offloaded: { readonly calls: number; readonly workMs: number };
  /** CPU time that calls have used in slots. */
  readonly cpuMs: number;
  /** What is left of the calls that slots hold. */
  readonly runningMs: number;
  readonly waiting: { readonly slots: number; readonly workMs: number; readonly oldestMs: number };
}

/** The counters of one dispatcher. */
export class Demand {
  #arrived = 0;
  #arrivedWorkMs = 0;
  #offloaded = { calls: 0, workMs: 0 };
  #cpuMs = 0;

  /** A call has come, wherever it will run. */
  arrived(local: RunTimes, concurrency: number): void {
    this.#arrived += 1;
    this.#arrivedWorkMs += workOf(local, concurrency);
  }

  /** The calls that have come so far, and their expected work, in slot-milliseconds. */
  get total(): { readonly calls: number; readonly workMs: number } {
    return { calls: this.#arrived, workMs: this.#arrivedWorkMs };
  }

  /** A call was sent to the cloud: it is demand all the same, or the pool would never grow to take it back. */
  offload(local: RunTimes, concurrency: number): void {
    const { calls, workMs } = this.#offloaded;
    this.#offloaded = { calls: calls + 1, workMs: workMs + workOf(local, concurrency) };
  }

  /** A call has used CPU time in a slot, in milliseconds. */
  ran(cpuMs: number): void {
    this.#cpuMs += cpuMs;
  }

  /** All of it, with the calls under way. */
  workload(calls: Iterable<WorkingCall>, now: number): Workload {
    let runningMs = 0;
    const waiting = { slots: 0, workMs: 0, oldestMs: 0 };
    for (const call of calls) {
      if (call.waiting || call.unplaced) {
        waiting.slots += 1 / call.concurrency;
        waiting.workMs += call.expectedMs ?? 0;
        // What it waited in its batch before says nothing of the slots; one that has just been placed hasn't waited yet.
        if (call.waiting) waiting.oldestMs = Math.max(waiting.oldestMs, now - call.waitingSince);
      } else if (call.leased) runningMs += call.leftMs(now);
    }
    return {
      arrivedWorkMs: this.#arrivedWorkMs,
      offloaded: this.#offloaded,
      cpuMs: this.#cpuMs,
      runningMs,
      waiting,
    };
  }
}

/** Slot-milliseconds; 0 while the function isn't known. */
function workOf(local: RunTimes, concurrency: number): number {
  return local.known ? local.wallMs.mean / concurrency : 0;
}
