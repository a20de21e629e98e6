/** The calls of one concurrency that wait. Pure. */
import { Line, type Place } from './line.ts';

/** A call with so many characters of params, or bytes of large ones, is large: a slot is gone for milliseconds with it. */
const LARGE_CHARACTERS = 256 * 1024;
/** A large call lets those pass that came so much later, in milliseconds, and as much work of theirs together, in slot-milliseconds. */
const YIELDS_MS = 20;

/** What the lines need to know of a call. */
export interface Sized {
  /** When it joined the queue, in milliseconds of any steady clock. */
  readonly waitingSince: number;
  /** The length of its params. */
  readonly characters: number;
  /** The work it is expected to be, in slot-milliseconds; undefined while its function isn't known. */
  readonly expectedMs: number | undefined;
}

/**
 * Two lines, each first come, first served: large calls stand in one of their own. A small call that comes soon after a
 * large one goes first, if it is known to be little work.
 */
export class Lines<C extends Sized> {
  readonly #small = new Line<C>();
  readonly #large = new Line<C>();
  /** The work that has passed the first large call, in slot-milliseconds. */
  #passedMs = 0;

  get size(): number {
    return this.#small.size + this.#large.size;
  }

  /** The call that is to be tried first. */
  get first(): C | undefined {
    return firstOf(this.#small.oldest, this.#large.oldest, this.#passedMs);
  }

  /** The call that has waited longest. */
  get oldest(): C | undefined {
    const [small, large] = [this.#small.oldest, this.#large.oldest];
    if (small === undefined || large === undefined) return small ?? large;
    return small.waitingSince <= large.waitingSince ? small : large;
  }

  /** The call that came last. */
  get newest(): C | undefined {
    return newerOf(this.#small.newest, this.#large.newest);
  }

  /** Lets a call in, and remembers the `work` it stands for. */
  push(call: C, work: number): Place<C> {
    return (isLarge(call) ? this.#large : this.#small).push(call, work);
  }

  /** Lets a call out whose place is in here. False: it isn't. */
  remove(place: Place<unknown>): place is Place<C> {
    const first = this.#large.oldest;
    if (place.line === this.#large) {
      if (place.call === first) this.#passedMs = 0;
    } else if (place.line !== this.#small) return false;
    // Whether it has run or has left in vain, and wherever it stood: to tell those apart isn't worth the trouble.
    else if (first !== undefined) this.#passedMs += passing(place.call as C, first);
    place.line.remove(place);
    return true;
  }

  /** The first `limit` calls in the order in which they are to be tried, or from the newest on. */
  ahead(limit: number, newestFirst: boolean): C[] {
    const [smalls, larges] = [this.#small.walk(newestFirst), this.#large.walk(newestFirst)];
    let [small, large] = [next(smalls), next(larges)];
    let passedMs = this.#passedMs;
    const calls: C[] = [];
    while (calls.length < limit) {
      const call = newestFirst ? newerOf(small, large) : firstOf(small, large, passedMs);
      if (call === undefined) break;
      calls.push(call);
      if (call === large) {
        large = next(larges);
        passedMs = 0;
      } else {
        if (large !== undefined) passedMs += passing(call, large);
        small = next(smalls);
      }
    }
    return calls;
  }
}

function isLarge({ characters }: Sized): boolean {
  return characters >= LARGE_CHARACTERS;
}

/** The work that passes a large call with this small one, in slot-milliseconds; 0 if that came before. */
function passing(small: Sized, large: Sized): number {
  return large.waitingSince < small.waitingSince ? (small.expectedMs ?? 0) : 0;
}

/** The small call if it came first, or may pass the large one, which work of `passedMs` has passed already. */
function firstOf<C extends Sized>(
  small: C | undefined,
  large: C | undefined,
  passedMs: number,
): C | undefined {
  if (small === undefined || large === undefined) return small ?? large;
  if (small.waitingSince <= large.waitingSince) return small;
  const isSoon = small.waitingSince <= large.waitingSince + YIELDS_MS;
  return isSoon && passedMs + (small.expectedMs ?? Infinity) <= YIELDS_MS ? small : large;
}

function newerOf<C extends Sized>(a: C | undefined, b: C | undefined): C | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.waitingSince >= b.waitingSince ? a : b;
}

function next<C>(calls: Generator<C, void>): C | undefined {
  const { done, value } = calls.next();
  return done === true ? undefined : value;
}
