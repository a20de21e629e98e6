/** The calls leased to one slot, in the order in which they were handed over, which is the order in which it runs them. */

/** A call leased to a slot. */
export interface Leased<C> {
  readonly callId: number;
  readonly call: C;
  /** performance.now() when it was handed over. */
  readonly at: number;
  /** The call's shortMs at that time: what is known of its function changes while it is here. */
  readonly shortMs: number;
  /** Nobody waits for it here any more: overdue, or placed again elsewhere. */
  abandoned: boolean;
  before: Leased<C> | undefined;
  after: Leased<C> | undefined;
}

/** Among so many one is looked up in a table: a slot may run thousands of calls at once, which end in any order. */
const MANY = 32;

/**
 * A doubly linked list. The one that is answered nearly always stands in front. A table is made once another one of many is
 * looked for, and kept while there are many.
 *
 * In place of a Map from the first: whenever a Map has seen some dozen keys come and go it moves to a new table, to which the old one points.
 * So the garbage collector found every call alive from an old table that had outlived its use, and kept it: each
 * collection of young objects took 2 to 5 ms in place of 0.5.
 */
export class LeasedCalls<C> {
  size = 0;
  #first: Leased<C> | undefined;
  #last: Leased<C> | undefined;
  #byId: Map<number, Leased<C>> | undefined;
  /** No id since it was empty was higher. */
  #highestId = 0;

  /** The one that was handed over first. */
  get first(): Leased<C> | undefined {
    return this.#first;
  }

  /** Adds a call behind all others. None here has its id. */
  add(callId: number, call: C, at: number, shortMs: number): void {
    const before = this.#last;
    const leased: Leased<C> = { callId, call, at, shortMs, abandoned: false, before, after: undefined };
    if (before === undefined) this.#first = leased;
    else before.after = leased;
    this.#last = leased;
    this.#highestId = Math.max(this.#highestId, callId);
    this.size += 1;
    this.#byId?.set(callId, leased);
  }

  /** Whether one has that id. Ids rise, so that it nearly always suffices to know the highest. */
  has(callId: number): boolean {
    return callId <= this.#highestId && this.find(callId) !== undefined;
  }

  /** The call of that id; undefined if there is none. */
  find(callId: number): Leased<C> | undefined {
    let leased = this.#first;
    if (leased === undefined || leased.callId === callId) return leased;
    if (this.size >= MANY) this.#byId ??= new Map(this.all().map((one) => [one.callId, one]));
    if (this.#byId !== undefined) return this.#byId.get(callId);
    while (leased !== undefined && leased.callId !== callId) leased = leased.after;
    return leased;
  }

  /** Takes a call out that is here. It forgets its neighbours, lest an old one keep them for the garbage collector. */
  remove(leased: Leased<C>): void {
    const { before, after } = leased;
    leased.before = leased.after = undefined;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    this.size -= 1;
    if (this.size < MANY / 2) this.#byId = undefined;
    else this.#byId?.delete(leased.callId);
    if (this.size === 0) this.#highestId = 0;
  }

  /** Takes all out. */
  clear(): void {
    this.#first = this.#last = this.#byId = undefined;
    this.#highestId = this.size = 0;
  }

  /** A copy: what is done with them may change them. */
  all(): Leased<C>[] {
    const all: Leased<C>[] = [];
    for (let leased = this.#first; leased !== undefined; leased = leased.after) all.push(leased);
    return all;
  }
}
