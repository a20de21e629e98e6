/** Calls in the order of their arrival, of which any may leave. Pure. */

/** One call's place. */
interface Place<C> {
  readonly call: C;
  readonly work: number;
  older: Place<C> | undefined;
  newer: Place<C> | undefined;
}

/** A doubly linked list: both ends and any one in between are reached at once, whatever leaves in which order. */
export class Line<C> {
  readonly #places = new Map<C, Place<C>>();
  #oldest: Place<C> | undefined;
  #newest: Place<C> | undefined;

  get size(): number {
    return this.#places.size;
  }

  get oldest(): C | undefined {
    return this.#oldest?.call;
  }

  get newest(): C | undefined {
    return this.#newest?.call;
  }

  /** From the oldest to the newest, or the other way round. */
  *walk(newestFirst: boolean): Generator<C> {
    let place = newestFirst ? this.#newest : this.#oldest;
    while (place !== undefined) {
      yield place.call;
      place = newestFirst ? place.older : place.newer;
    }
  }

  /** Lets a call in behind all others, and remembers the `work` it stands for. */
  push(call: C, work: number): void {
    const place: Place<C> = { call, work, older: this.#newest, newer: undefined };
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
    this.#places.set(call, place);
  }

  /** Lets a call out. @returns the work it stood for; undefined if it isn't in here. */
  remove(call: C): number | undefined {
    const place = this.#places.get(call);
    if (place === undefined) return undefined;
    this.#places.delete(call);
    const { older, newer } = place;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    return place.work;
  }
}
