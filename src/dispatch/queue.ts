/** The one bounded queue of calls that wait for a slot. Pure. */

/** What the queue needs to know of a call. */
export interface Waiting {
  /** How many of its function's calls a slot may run at once: only calls of one concurrency share a slot. */
  readonly concurrency: number;
  /** Milliseconds of any steady clock. */
  readonly arrivedAt: number;
}

/** First come, first served among the calls of one concurrency. */
export class Queue<C extends Waiting> {
  readonly #limit: number;
  readonly #lines = new Map<number, Set<C>>();
  readonly #retries = new Set<C>();
  #size = 0;

  /** @param limit the most calls that may wait; retries come on top, since they were admitted before. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many calls wait, retries included. */
  get size(): number {
    return this.#size + this.#retries.size;
  }

  /** Whether no call may wait but retries. */
  get full(): boolean {
    return this.#size >= this.#limit;
  }

  /** Lets a call wait. False: the queue is full. */
  push(call: C): boolean {
    if (this.full) return false;
    let line = this.#lines.get(call.concurrency);
    if (line === undefined) {
      line = new Set();
      this.#lines.set(call.concurrency, line);
    }
    line.add(call);
    this.#size += 1;
    return true;
  }

  /** Lets a call wait that was placed before. */
  pushRetry(call: C): void {
    this.#retries.add(call);
  }

  /** Takes a call out, wherever it waits. */
  remove(call: C): void {
    if (this.#retries.delete(call)) return;
    const line = this.#lines.get(call.concurrency);
    if (line?.delete(call) !== true) return;
    this.#size -= 1;
    if (line.size === 0) this.#lines.delete(call.concurrency);
  }

  /** Whether a call of this concurrency waits. */
  hasWaiting(concurrency: number): boolean {
    if (this.#lines.has(concurrency)) return true;
    for (const call of this.#retries) if (call.concurrency === concurrency) return true;
    return false;
  }

  /** Whether a call of this concurrency waits that was never placed. */
  hasLine(concurrency: number): boolean {
    return this.#lines.has(concurrency);
  }

  /**
   * The calls to be tried next: those that were placed before, oldest first, then the first one of each concurrency in
   * the order of their arrival.
   */
  next(): C[] {
    const heads: C[] = [];
    for (const line of this.#lines.values()) {
      for (const call of line) {
        heads.push(call);
        break;
      }
    }
    if (heads.length > 1) heads.sort((a, b) => a.arrivedAt - b.arrivedAt);
    return this.#retries.size === 0 ? heads : [...this.#retries, ...heads];
  }
}
