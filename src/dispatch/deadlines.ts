/** The deadlines of all calls under way, on one timer. */
import { Line, type Place } from './line.ts';

/** Deadlines are kept in steps of this many milliseconds: that much later at the most is a call told. */
const STEP_MS = 10;
/** The longest delay a Node timer can hold, in milliseconds; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Something with a deadline. */
export interface Expiring {
  /** performance.now() of the deadline, in milliseconds. */
  readonly deadlineAt: number;
  /** Where it stands in the calendar; the calendar's to say. */
  due?: Place<unknown> | undefined;
  expire(): void;
}

/**
 * A calendar: one line of calls a step, since nearly all calls end long before their deadline and a timer each would
 * cost more than the rest of their administration.
 */
export class Deadlines<E extends Expiring> {
  readonly #steps = new Map<number, Line<E>>();
  #timer: NodeJS.Timeout | undefined;
  #timerStep = Infinity;

  /** Everything that has a deadline yet to come. */
  *all(): Generator<E> {
    for (const step of this.#steps.values()) yield* step.walk(false);
  }

  add(item: E): void {
    const step = Math.ceil(item.deadlineAt / STEP_MS);
    const items = this.#steps.get(step);
    if (items !== undefined) {
      item.due = items.push(item, 0);
      return;
    }
    const first = new Line<E>();
    item.due = first.push(item, 0);
    this.#steps.set(step, first);
    if (step < this.#timerStep) this.#arm(step);
  }

  delete(item: E): void {
    const place = item.due as Place<E> | undefined;
    item.due = undefined;
    if (place !== undefined) place.line.remove(place);
  }

  /** Stops the timer; nothing expires any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timerStep = Infinity;
    this.#steps.clear();
  }

  #arm(step: number): void {
    clearTimeout(this.#timer);
    this.#timerStep = step;
    this.#timer = setTimeout(
      () => {
        this.#sweep();
      },
      Math.min(MAX_TIMER_MS, Math.max(0, step * STEP_MS - performance.now())),
    );
  }

  #sweep(): void {
    const now = performance.now();
    this.#timerStep = Infinity;
    let next = Infinity;
    const due: E[] = [];
    for (const [step, items] of this.#steps) {
      if (step * STEP_MS <= now) {
        this.#steps.delete(step);
        for (const item of items.walk(false)) due.push(item);
      } else if (items.size === 0) this.#steps.delete(step);
      else if (step < next) next = step;
    }
    if (next !== Infinity) this.#arm(next);
    for (const item of due) {
      item.due = undefined;
      item.expire();
    }
  }
}
