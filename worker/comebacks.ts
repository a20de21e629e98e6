/** When the next slot process takes the place of one that ended, and whether that is the bundle's fault. */

/** First and longest wait before a slot is started again that died early, in milliseconds. */
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5000;
/** And the longest wait for one that had loaded: under calls that each end their process, the others still get some of its time. */
const LONGEST_LOADED_MS = 1000;
/** One that had loaded and didn't live for so long ended early, in milliseconds: a rejection that nobody handles, most often. */
const EARLY_MS = 2000;
/** So many slot processes in a row that end before they have loaded the bundle, and it is the bundle's fault. */
const LOAD_ATTEMPTS = 3;
/** One that lived for so long had the memory it needs, in milliseconds: twice the longest wait. */
const STEADY_MS = 10_000;

/**
 * Who ended a slot process: the control process (its call was over its deadline, or froze it); the kernel, most likely for want of
 * memory: others in the worker take too much, and so nobody's fault is proven; or nobody but itself.
 */
export type EndedBy = 'us' | 'kernel' | 'itself';

/** How a slot process ended. */
export interface SlotEnd {
  /** Whether it had loaded the bundle. */
  readonly loaded: boolean;
  readonly by: EndedBy;
  /** From its start on, in milliseconds. */
  readonly livedMs: number;
}

/** One place for a slot process. */
export class Comebacks {
  /** How many in a row ended by themselves soon after they had loaded. */
  #crashes = 0;
  /** How many in a row never got there, or were ended by the kernel before they had proven that there is memory for them. */
  #misses = 0;
  /** How many in a row ended by themselves before they had loaded. */
  #faults = 0;

  /**
   * One that died under a call comes back at once, and so does one that was ended at its deadline, however often. One that can't even
   * load, or that dies again and again soon after, must not spin. `blamed`: it is the bundle's fault, told once.
   */
  after({ loaded, by, livedMs }: SlotEnd): { readonly waitMs: number; readonly blamed: boolean } {
    if (loaded) this.#faults = 0;
    else if (by !== 'kernel') this.#faults += 1;
    const blamed = !loaded && by !== 'kernel' && this.#faults === LOAD_ATTEMPTS;
    if (!loaded || (by === 'kernel' && livedMs < STEADY_MS)) {
      this.#misses += 1;
      return { waitMs: doubled(this.#misses - 1, LONGEST_WAIT_MS), blamed };
    }
    this.#misses = 0;
    this.#crashes = by === 'itself' && livedMs < EARLY_MS ? this.#crashes + 1 : 0;
    return { waitMs: this.#crashes < 2 ? 0 : doubled(this.#crashes - 2, LONGEST_LOADED_MS), blamed };
  }
}

function doubled(times: number, longestMs: number): number {
  return Math.min(longestMs, FIRST_WAIT_MS * 2 ** times);
}
