/** The slots that hold one call. */
import type { Slot } from '../pool/slot.ts';

/** A slot that holds a call, and the id it knows it by. */
interface Lease {
  readonly slot: Slot;
  readonly callId: number;
}

const NONE: readonly Lease[] = [];

/** Nearly always one, or two after the call was held up in the first. Not an array: its first push takes room for 17. */
export class Leases {
  #first: Lease | undefined;
  #others = NONE;

  /** Whether a slot holds it. */
  get any(): boolean {
    return this.#first !== undefined;
  }

  /** Whether the first of them runs it, for all that is known: it doesn't wait there behind others. */
  get running(): boolean {
    return this.#first?.slot.runs(this.#first.callId) === true;
  }

  /** Whether this slot holds it. */
  has(slot: Slot): boolean {
    return this.#first?.slot === slot || this.#others.some((lease) => lease.slot === slot);
  }

  /** A slot has taken it. */
  add(slot: Slot, callId: number): void {
    if (this.#first === undefined) this.#first = { slot, callId };
    else this.#others = [...this.#others, { slot, callId }];
  }

  /** A slot holds it no more. */
  remove(slot: Slot): void {
    if (this.#first?.slot !== slot) this.#others = this.#others.filter((lease) => lease.slot !== slot);
    else if (this.#others.length === 0) this.#first = undefined;
    else [this.#first, ...this.#others] = this.#others;
  }

  /** A copy: what is done with them may end them. */
  all(): Lease[] {
    return this.#first === undefined ? [] : [this.#first, ...this.#others];
  }
}
