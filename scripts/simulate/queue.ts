/** The waiting calls, first come, first served. Calls may leave from the middle; time spent is constant a call. */

export class CallQueue {
  #calls: number[] = [];
  #head = 0;
  readonly #expectedMs: Float64Array;
  readonly #waits: Uint8Array;
  #size = 0;
  #workMs = 0;

  /** @param calls how many calls there are: their numbers are below that */
  constructor(calls: number) {
    this.#expectedMs = new Float64Array(calls);
    this.#waits = new Uint8Array(calls);
  }

  get size(): number {
    return this.#size;
  }

  /** What the waiting calls were expected to need when they queued, in milliseconds. */
  get workMs(): number {
    return this.#size === 0 ? 0 : Math.max(0, this.#workMs);
  }

  has(call: number): boolean {
    return this.#waits[call] === 1;
  }

  push(call: number, expectedMs: number): void {
    this.#calls.push(call);
    this.#waits[call] = 1;
    this.#expectedMs[call] = expectedMs;
    this.#size++;
    this.#workMs += expectedMs;
  }

  /** Puts a call before all others: it has waited already. */
  pushFirst(call: number, expectedMs: number): void {
    this.first();
    // Where it stood before, it would now seem to wait a second time.
    const stale = this.#calls.indexOf(call, this.#head);
    if (stale !== -1) this.#calls.splice(stale, 1);
    if (this.#head > 0) this.#calls[--this.#head] = call;
    else this.#calls.unshift(call);
    this.#waits[call] = 1;
    this.#expectedMs[call] = expectedMs;
    this.#size++;
    this.#workMs += expectedMs;
  }

  /** The waiting calls, in order. */
  all(): number[] {
    this.first();
    const calls: number[] = [];
    for (let at = this.#head; calls.length < this.#size; at++) {
      const call = this.#calls[at]!;
      if (this.#waits[call] === 1) calls.push(call);
    }
    return calls;
  }

  /** The call that waits longest; -1 when none waits. */
  first(): number {
    while (this.#head < this.#calls.length && this.#waits[this.#calls[this.#head]!] === 0) this.#head++;
    if (this.#head > 4096 && this.#head * 2 > this.#calls.length) {
      this.#calls = this.#calls.slice(this.#head);
      this.#head = 0;
    }
    return this.#calls[this.#head] ?? -1;
  }

  remove(call: number): void {
    this.#waits[call] = 0;
    this.#size--;
    this.#workMs = this.#size === 0 ? 0 : this.#workMs - this.#expectedMs[call]!;
  }

  /** How many calls are before this one, counted up to `most`. */
  ahead(call: number, most: number): number {
    let ahead = 0;
    for (let at = this.#head; ahead < most && this.#calls[at] !== call; at++) {
      ahead += this.#waits[this.#calls[at]!]!;
    }
    return ahead;
  }
}
