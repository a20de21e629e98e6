/** When the next slot process takes the place of one that ended, and whether that is the bundle's fault. */

/** First and longest wait before a slot is started again that died early, in milliseconds. */
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5000;
/** So many slot processes in a row that end before they have loaded the bundle, and it is the bundle's fault. */
const LOAD_ATTEMPTS = 3;
/** One that lived for so long had the memory it needs, in milliseconds: twice the longest wait. */
const STEADY_MS = 10_000;

/** How a slot process ended. */
export interface SlotEnd {
  /** Whether it had loaded the bundle. */
  readonly loaded: boolean;
  /** The kernel ended it, most likely for want of memory: others in the worker take too much, and so nobody's fault is proven. */
  readonly starved: boolean;
  /** From its start on, in milliseconds. */
  readonly livedMs: number;
}

/** One place for a slot process. */
export class Comebacks {
  /** How many in a row ended early. */
  #early = 0;
  /** How many in a row ended by themselves before they had loaded. */
  #faults = 0;

  /**
   * One that died under a call comes back at once; one that can't even load, or that the kernel ends again and again, must
   * not spin. `blamed`: it is the bundle's fault, told once.
   */
  after({ loaded, starved, livedMs }: SlotEnd): { readonly waitMs: number; readonly blamed: boolean } {
    if (loaded) this.#faults = 0;
    else if (!starved) this.#faults += 1;
    const early = starved ? livedMs < STEADY_MS : !loaded;
    this.#early = early ? this.#early + 1 : 0;
    return {
      waitMs: early ? Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#early - 1)) : 0,
      blamed: !loaded && !starved && this.#faults === LOAD_ATTEMPTS,
    };
  }
}
