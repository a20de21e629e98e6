/** The one bounded queue of calls that wait for a slot. Pure: `now` is an argument. */
import type { Place } from './line.ts';
import { Lines, type Sized } from './lines.ts';
import { QueueDelay, type Oldest } from './queue-delay.ts';

/** So many characters of params, or bytes of large ones, may wait together: a thousand calls of six megabytes each would be the end. */
const MAX_CHARACTERS = 128 * 1024 * 1024;

/** A call is in a hurry if it has less than this share of the time that the oldest one had. */
const HURRY = 0.5;

/** Why a call may not wait: for want of places, or because too much is to be done before it. */
export type NoRoom = 'queue full' | 'queue too long';

/** What the queue needs to know of a call. */
export interface Waiting extends Sized {
  /** When it joined the queue, on the clock of `arrivedAt`; the queue's to say. */
  waitingSince: number;
  /** Milliseconds of any steady clock. */
  readonly arrivedAt: number;
  /** How many of its function's calls a slot may run at once: only calls of one concurrency share a slot. */
  readonly concurrency: number;
  /** On the clock of `arrivedAt`. */
  readonly deadlineAt: number;
  /** How long it will run at the very least, in milliseconds; 0 where that isn't known well. */
  readonly leastMs: number;
  /** Where it stands; the queue's to say. */
  place?: Place<unknown> | undefined;
}

/**
 * First come, first served among the calls of one concurrency (but see Lines), as long as no more come than can be
 * served. While it is overloaded the newest comes first: when most can't be served in time anyway, those with all of their
 * time before them can.
 */
export class Queue<C extends Waiting> {
  readonly #limit: number;
  readonly #lines = new Map<number, Lines<C>>();
  readonly #retries = new Set<C>();
  readonly #delay = new QueueDelay();
  #size = 0;
  #characters = 0;
  /** Of all lines, in slot-milliseconds. */
  #workMs = 0;

  /** @param limit the most calls that may wait; retries come on top, since they were admitted before. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many calls wait, retries included. */
  get size(): number {
    return this.#size + this.#retries.size;
  }

  /** Whether calls have waited too long for a while; as of the last next(). */
  get overloaded(): boolean {
    return this.#size > 0 && this.#delay.overloaded;
  }

  /**
   * Why a call may not wait: the queue is full, or holds more work already than `slots` slots can do in the call's time, since
   * whoever can't be served is told on arrival, not at his deadline. undefined: it may.
   */
  noRoomFor(call: C, now: number, slots: number): NoRoom | undefined {
    if (this.#size >= this.#limit) return 'queue full';
    if (this.#characters > 0 && this.#characters + call.characters > MAX_CHARACTERS) return 'queue full';
    const leftMs = call.deadlineAt - now;
    // One whose time is over is told that, and nothing else; the first in line is given its chance.
    if (slots === 0 || leftMs <= 0 || this.#workMs === 0) return undefined;
    return this.#workMs / slots + (runMs(call) ?? 0) <= leftMs ? undefined : 'queue too long';
  }

  /** Lets a call wait. @returns why it may not, if so */
  push(call: C, now: number, slots: number): NoRoom | undefined {
    const noRoom = this.noRoomFor(call, now, slots);
    if (noRoom !== undefined) return noRoom;
    const { concurrency, characters } = call;
    let line = this.#lines.get(concurrency);
    if (line === undefined) {
      line = new Lines();
      this.#lines.set(concurrency, line);
    }
    // As it is seen now: what is taken away later must be what was added.
    const workMs = call.expectedMs ?? 0;
    call.waitingSince = now;
    call.place = line.push(call, workMs);
    this.#workMs += workMs;
    this.#characters += characters;
    this.#size += 1;
    this.#delay.came();
    return undefined;
  }

  /** Lets a call wait that was placed before. */
  pushRetry(call: C): void {
    this.#retries.add(call);
  }

  /** Takes a call out, wherever it waits. */
  remove(call: C): void {
    if (this.#retries.delete(call)) return;
    const { place } = call;
    const line = this.#lines.get(call.concurrency);
    if (place === undefined || line?.remove(place) !== true) return;
    call.place = undefined;
    this.#size -= 1;
    this.#characters -= call.characters;
    // Sums of fractions drift: nothing waits, nothing is to be done.
    this.#workMs = this.#size === 0 ? 0 : this.#workMs - place.work;
    if (line.size === 0) this.#lines.delete(call.concurrency);
  }

  /** Takes a call out that is being run. */
  serve(call: C): void {
    if (!this.#retries.has(call)) this.#delay.served();
    this.remove(call);
  }

  /** Takes a call out that goes elsewhere. */
  sendAway(call: C): void {
    if (!this.#retries.has(call)) this.#delay.left();
    this.remove(call);
  }

  /** A call has come that may not wait, or has waited in vain. One that is in more of a hurry than others says nothing of them. */
  failed(call: C): void {
    if (this.#retries.has(call)) return;
    const { deadlineAt, arrivedAt } = call;
    const oldest = this.#oldest();
    if (oldest === undefined || deadlineAt - arrivedAt >= HURRY * oldest.timeMs) this.#delay.failed();
  }

  /** Whether a call of this concurrency waits. */
  hasWaiting(concurrency: number): boolean {
    if (this.#lines.has(concurrency)) return true;
    for (const call of this.#retries) if (call.concurrency === concurrency) return true;
    return false;
  }

  /** Whether a call is the first of those of its concurrency that were never placed. */
  isFirst(call: C): boolean {
    return this.#lines.get(call.concurrency)?.first === call;
  }

  /** Whether a call of this concurrency waits that was never placed. */
  hasLine(concurrency: number): boolean {
    return this.#lines.has(concurrency);
  }

  /**
   * Whether a call that has waited can't be done any more: less is left of its time than it takes at the very least. It
   * would only keep a slot busy that another call can use. One that has run before is given the chance.
   */
  tooLate(call: C, now: number): boolean {
    return call.deadlineAt - now <= (this.#retries.has(call) ? 0 : call.leastMs);
  }

  /**
   * The calls to be tried next: those that were placed before, oldest first, then one of each concurrency: the first of
   * each, in the order in which they joined, or under overload the last of each, the newest first.
   */
  next(now: number): C[] {
    const heads: C[] = [];
    const overloaded = this.#delay.look(this.#oldest(), now);
    for (const line of this.#lines.values()) {
      const head = overloaded ? line.newest : line.first;
      if (head !== undefined) heads.push(head);
    }
    const order = overloaded ? -1 : 1;
    if (heads.length > 1) heads.sort((a, b) => order * (a.waitingSince - b.waitingSince));
    return this.#retries.size === 0 ? heads : [...this.#retries, ...heads];
  }

  /** The first `limit` calls in the order in which they will be tried, as things stand. */
  first(limit: number): C[] {
    const { overloaded } = this;
    const order = overloaded ? -1 : 1;
    const calls = [...this.#retries].slice(0, limit);
    // Each line keeps its own order; of their heads the first comes first. Reversed: the head is taken off the end.
    const lines = Array.from(this.#lines.values(), (line) => line.ahead(limit, overloaded).reverse());
    while (calls.length < limit) {
      let first: C[] | undefined;
      for (const line of lines) {
        const [head, other] = [line.at(-1), first?.at(-1)];
        if (head === undefined) continue;
        if (other === undefined || order * (head.waitingSince - other.waitingSince) < 0) first = line;
      }
      const call = first?.pop();
      if (call === undefined) break;
      calls.push(call);
    }
    return calls;
  }

  /** The call that has waited longest, of those that were never placed. */
  #oldest(): Oldest | undefined {
    let oldest: C | undefined;
    for (const line of this.#lines.values()) {
      const call = line.oldest;
      if (call !== undefined && (oldest === undefined || call.arrivedAt < oldest.arrivedAt)) oldest = call;
    }
    if (oldest === undefined) return undefined;
    const { arrivedAt, deadlineAt } = oldest;
    return { arrivedAt, runMs: runMs(oldest), timeMs: deadlineAt - arrivedAt };
  }
}

/** How long a call is expected to run, in milliseconds; undefined while its function isn't known. */
function runMs({ expectedMs, concurrency }: Waiting): number | undefined {
  return expectedMs === undefined ? undefined : expectedMs * concurrency;
}
