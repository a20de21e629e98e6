/** How many calls are about to come that a full pool will make wait, from what has come lately. Pure. */

/** Time constant of the averages, in milliseconds: about what a new instance in the cloud, or a new worker, takes to be of use. */
const WINDOW_MS = 1000;
/** Below this load a queue is a matter of moments, and those to come hardly meet it. */
const LEAST_LOAD = 0.8;
/** By so many standard errors of a count the load is taken to be lower: by chance many come together. */
const DOUBT = 1.5;
/** Nobody knows what comes later than this, in milliseconds. */
const HORIZON_MS = 300;

/**
 * What a call that leaves the queue saves is saved by all who come until the queue would have been empty by itself: the
 * rest of the busy period, backlog / (1 − ρ) as in a queue of one server (Kleinrock, Queueing Systems I, 5.8), with
 *     ρ = work that comes a millisecond / slots · (1 − 1.5 / √calls)
 * and at most 300 ms; so
 *     calls to come = calls a millisecond · min(300 ms, backlog / slots / (1 − ρ)), none below ρ = 0.8
 * Both averages are exponential, over a second or so. Replayed in docs/placement.md.
 */
export class Inflow {
  #calls = 0;
  #workMs = 0;
  #seen = { calls: 0, workMs: 0, atMs: -Infinity };

  /**
   * Takes note of what has come, by counters that only ever grow; may be called as rarely as one likes.
   * @param calls how many, so far
   * @param workMs their expected work, in slot-milliseconds
   */
  observe(calls: number, workMs: number, nowMs: number): void {
    const { calls: callsBefore, workMs: workBefore, atMs } = this.#seen;
    const gapMs = nowMs - atMs;
    if (!(gapMs > 0)) return;
    const keep = Math.exp(-gapMs / WINDOW_MS);
    // The average of what came evenly over the gap, which may have been long.
    const share = gapMs === Infinity ? 0 : ((1 - keep) * WINDOW_MS) / gapMs;
    this.#calls = this.#calls * keep + (calls - callsBefore) * share;
    this.#workMs = this.#workMs * keep + (workMs - workBefore) * share;
    this.#seen = { calls, workMs, atMs: nowMs };
  }

  /**
   * How many calls are about to wait behind those that wait now.
   * @param slots those about to be ready included
   * @param backlogMs the work that waits, in slot-milliseconds
   */
  callsToCome(slots: number, backlogMs: number): number {
    if (slots === 0) return 0;
    const load =
      (this.#workMs / WINDOW_MS / slots) * Math.max(0, 1 - DOUBT / Math.sqrt(Math.max(1, this.#calls)));
    if (load < LEAST_LOAD) return 0;
    const emptyInMs = load < 1 ? backlogMs / slots / (1 - load) : Infinity;
    return (this.#calls / WINDOW_MS) * Math.min(HORIZON_MS, emptyInMs);
  }
}
