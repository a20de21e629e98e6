/** What is known of a function's run time. Pure. */

/** Weight of the newest sample once there are enough: the estimate remembers about the last 20 calls. */
const WEIGHT = 0.05;
/** So many samples before a call may be told that its time doesn't suffice: a refusal must be surer than an expectation. */
const WELL_KNOWN_AFTER_SAMPLES = 20;
/** So many samples before it can be told how long a call takes at the most (DESIGN decision 13). */
export const MOST_AFTER_SAMPLES = 20;
/** So many samples before an expected wait can be told (DESIGN decision 12). */
export const KNOWN_AFTER_SAMPLES = 5;

/**
 * A decaying mean and spread: mean += w·(x − mean), spread += w·(|x − mean| − spread), with w = max(1/n, WEIGHT).
 * The spread is the mean absolute deviation, which one stray sample moves far less than a variance.
 */
export class Decaying {
  #mean = 0;
  #spread = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get mean(): number {
    return this.#mean;
  }

  get spread(): number {
    return this.#spread;
  }

  /** Takes a sample in the unit of all the others. */
  observe(sample: number): void {
    this.#count += 1;
    const weight = Math.max(1 / this.#count, WEIGHT);
    const off = sample - this.#mean;
    this.#mean += weight * off;
    if (this.#count > 1) this.#spread += weight * (Math.abs(off) - this.#spread);
  }
}

/** One function's run times in one place, in milliseconds. */
export class RunTimes {
  readonly wallMs = new Decaying();
  readonly cpuMs = new Decaying();

  /** Whether enough calls were measured to expect anything. */
  get known(): boolean {
    return this.wallMs.count >= KNOWN_AFTER_SAMPLES;
  }

  /** Takes one call's wall time and, where it was measured, CPU time. */
  observe(wallMs: number, cpuMs: number | undefined): void {
    this.wallMs.observe(wallMs);
    if (cpuMs !== undefined) this.cpuMs.observe(cpuMs);
  }

  /** How long a call takes at the most, as far as is known (mean plus two spreads), in milliseconds; else Infinity. */
  get mostMs(): number {
    if (this.wallMs.count < MOST_AFTER_SAMPLES) return Infinity;
    return this.wallMs.mean + 2 * this.wallMs.spread;
  }

  /** How long a call takes at the very least, as far as is known (mean minus two spreads), in milliseconds; else 0. */
  get leastMs(): number {
    if (this.wallMs.count < WELL_KNOWN_AFTER_SAMPLES) return 0;
    return Math.max(0, this.wallMs.mean - 2 * this.wallMs.spread);
  }

  /**
   * What is left of a call that has run for `elapsedMs`: max(mean − elapsed, elapsed) once past the mean, since a call
   * that has outlasted its mean is one of the long ones (DESIGN decision 12).
   */
  remainingMs(elapsedMs: number): number {
    const left = this.wallMs.mean - elapsedMs;
    return left > 0 ? left : elapsedMs;
  }
}
