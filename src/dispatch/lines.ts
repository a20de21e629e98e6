/** The calls of one concurrency that wait. Pure. */
import { Line, type Place } from './line.ts';

/** From so many characters of params on, or bytes of large ones, a call lets others pass. */
const LARGE_CHARACTERS = 32 * 1024;
/** It lets those pass that came in the time in which so many a millisecond are those of its params: what they take to be read, about. */
const CHARACTERS_PER_MS = 50_000;

/** What the lines need to know of a call. */
export interface Sized {
  /** Milliseconds of any steady clock. */
  readonly arrivedAt: number;
  /** The length of its params. */
  readonly characters: number;
}

/**
 * Two lines: calls with large params stand in one of their own. A slot that runs one of a megabyte is gone for 10 ms, so a
 * small call that comes soon after it goes first; nobody waits for longer, for the sake of those, than his own size takes.
 */
export class Lines<C extends Sized> {
  readonly #small = new Line<C>();
  readonly #large = new Line<C>();

  get size(): number {
    return this.#small.size + this.#large.size;
  }

  /** The call that is to be tried first. */
  get first(): C | undefined {
    return firstOf(this.#small.oldest, this.#large.oldest, turnByTurn);
  }

  /** The call that has waited longest. */
  get oldest(): C | undefined {
    return firstOf(this.#small.oldest, this.#large.oldest, olderFirst);
  }

  /** The call that came last. */
  get newest(): C | undefined {
    return firstOf(this.#small.newest, this.#large.newest, newerFirst);
  }

  /** Lets a call in, and remembers the `work` it stands for. */
  push(call: C, work: number): Place<C> {
    return (call.characters < LARGE_CHARACTERS ? this.#small : this.#large).push(call, work);
  }

  /** Whether this place is in here. */
  has({ line }: Place<unknown>): boolean {
    return line === this.#small || line === this.#large;
  }

  /** The first `limit` calls in the order in which they are to be tried, or from the newest on. */
  ahead(limit: number, newestFirst: boolean): C[] {
    const calls = [...this.#small.walk(newestFirst, limit)];
    if (this.#large.size === 0) return calls;
    calls.push(...this.#large.walk(newestFirst, limit));
    calls.sort(newestFirst ? newerFirst : turnByTurn);
    return calls.slice(0, limit);
  }
}

/** Compares calls by their turns, for a sort: one with large params comes as if it had come so much later. */
export function turnByTurn(a: Sized, b: Sized): number {
  return turn(a) - turn(b);
}

/** Compares calls by their arrival, for a sort: the last one first. */
export function newerFirst(a: Sized, b: Sized): number {
  return b.arrivedAt - a.arrivedAt;
}

function turn({ arrivedAt, characters }: Sized): number {
  return characters < LARGE_CHARACTERS ? arrivedAt : arrivedAt + characters / CHARACTERS_PER_MS;
}

function olderFirst(a: Sized, b: Sized): number {
  return a.arrivedAt - b.arrivedAt;
}

/** The one of the two that comes first, if there is any. */
function firstOf<C>(a: C | undefined, b: C | undefined, compare: (a: C, b: C) => number): C | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compare(a, b) <= 0 ? a : b;
}
