/** How busy the pool's slots are: now, and summed over time. */

/** A call occupies 1/concurrency of a slot; shares are added up, whoever's they are. */
export class Occupancy {
  #slots = 0;
  #busyMs = 0;
  #at: number;

  /** @param now milliseconds of any steady clock. */
  constructor(now: number) {
    this.#at = now;
  }

  /** Slots occupied now; may be a fraction. */
  get slots(): number {
    return Math.max(0, this.#slots);
  }

  /** Slot-milliseconds occupied since the start; only ever grows. */
  busyMs(now: number): number {
    return this.#busyMs + this.slots * Math.max(0, now - this.#at);
  }

  /** A slot was occupied for so many milliseconds, which weren't counted as they passed. */
  add(ms: number): void {
    this.#busyMs += Math.max(0, ms);
  }

  /** So many slots more are occupied from now on, or fewer. */
  change(bySlots: number, now: number): void {
    this.#busyMs = this.busyMs(now);
    this.#at = Math.max(this.#at, now);
    this.#slots += bySlots;
  }
}
