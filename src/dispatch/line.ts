/** Things in the order of their arrival, of which any may leave. Pure. */

/** One's place in a line. Whoever stands there keeps it: to look it up in a table would cost more than all the rest. */
export interface Place<C> {
  readonly call: C;
  readonly work: number;
  readonly line: Line<C>;
  older: Place<C> | undefined;
  newer: Place<C> | undefined;
}

/** A doubly linked list: both ends and any one in between are reached at once, whatever leaves in which order. */
export class Line<C> {
  size = 0;
  #oldest: Place<C> | undefined;
  #newest: Place<C> | undefined;

  get oldest(): C | undefined {
    return this.#oldest?.call;
  }

  get newest(): C | undefined {
    return this.#newest?.call;
  }

  /** From the oldest to the newest, or the other way round. None may leave meanwhile. */
  *walk(newestFirst: boolean): Generator<C, void> {
    let place = newestFirst ? this.#newest : this.#oldest;
    while (place !== undefined) {
      yield place.call;
      place = newestFirst ? place.older : place.newer;
    }
  }

  /** Lets a call in behind all others, and remembers the `work` it stands for. */
  push(call: C, work: number): Place<C> {
    const place: Place<C> = { call, work, line: this, older: this.#newest, newer: undefined };
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
    this.size += 1;
    return place;
  }

  /**
   * Lets a call out, once. Its place is in this line. It forgets its neighbours: one that has grown old before it left would
   * else keep the next one for the garbage collector, and that the next, so that every call grew old.
   */
  remove(place: Place<C>): void {
    const { older, newer } = place;
    place.older = place.newer = undefined;
    this.size -= 1;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
