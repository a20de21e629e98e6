/** How much longer a call runs in the cloud than in the pool. Pure. */

import { slowdown } from '../cloud/memory-fit.ts';
import { Decaying } from './estimates.ts';

/** The newest call weighs one part in a hundred once there are enough. */
const KEEP = 0.99;
/** What all functions together say counts like so many calls of this one: they share one kind of core. */
const SHARED_CALLS = 10;
/** Standard errors by which a faster cloud must be proved. */
const SURE = 3;
/** What the memory's share of a core says counts like so many calls. */
const PRIOR_CALLS = 1;
/** Below this the overhead of a call hides its run, in milliseconds. */
const LEAST_MS = 0.05;

/** Decaying sums of ln(run / expected) in both places. */
class LogRatio {
  #cloud = 0;
  #clouds = 0;
  #local = 0;
  #locals = 0;
  readonly #deviation = new Decaying();

  observe(place: 'pool' | 'cloud', ratio: number): void {
    this.#deviation.observe(ratio);
    if (place === 'cloud') {
      this.#cloud = this.#cloud * KEEP + ratio;
      this.#clouds = this.#clouds * KEEP + 1;
    } else {
      this.#local = this.#local * KEEP + ratio;
      this.#locals = this.#locals * KEEP + 1;
    }
  }

  /** The calls of the cloud behind it, faded. */
  get calls(): number {
    return this.#clouds;
  }

  /** Whether its error can be told: one call has no deviation. */
  get known(): boolean {
    return this.#clouds > 1 && this.#locals > 1;
  }

  /** The standard error of `value`: the deviation of single calls over the root of the faded count. */
  get error(): number {
    return this.#deviation.spread * Math.sqrt(1 / Math.max(1, this.#clouds) + 1 / Math.max(1, this.#locals));
  }

  get value(): number {
    const local = this.#locals === 0 ? 0 : this.#local / this.#locals;
    return this.#clouds === 0 ? 0 : this.#cloud / this.#clouds - local;
  }
}

/** What all functions have in common: the prior of each. */
export class SharedSpeed {
  readonly #ratio = new LogRatio();
  readonly #prior: number;

  /** @param memoryMb the cloud function's memory; prior: see slowdown() */
  constructor(memoryMb: number) {
    this.#prior = Math.log(slowdown(memoryMb));
  }

  get logRatio(): number {
    const { calls, value } = this.#ratio;
    return (PRIOR_CALLS * this.#prior + calls * value) / (PRIOR_CALLS + calls);
  }

  /** How far off logRatio may well be. */
  get error(): number {
    return this.#ratio.error;
  }

  observe(place: 'pool' | 'cloud', logRatio: number): void {
    this.#ratio.observe(place, logRatio);
  }
}

/**
 * The ratio of the run times of one function, cloud over pool:
 *     exp( (10·ρ_all + n·ρ) / (10 + n) ),  ρ = mean ln(run in the cloud / x̂) − mean ln(run in the pool / x̂),
 * with x̂ what was expected of that call in the pool, n its calls in the cloud, both fading, and ρ_all the same over all
 * functions, itself begun with one call's worth of max(1, 1769 MB / memory). Logarithms, since a mean of ratios of
 * heavy-tailed run times is the largest of them; both places against x̂, since long calls may be offloaded more often.
 */
export class CloudSpeed {
  readonly #ratio = new LogRatio();
  readonly #shared: SharedSpeed;

  constructor(shared: SharedSpeed) {
    this.#shared = shared;
  }

  /** Calls measured in the cloud, faded. */
  get calls(): number {
    return this.#ratio.calls;
  }

  /**
   * Run time in the cloud over run time in the pool. One below 1 is only believed beyond three standard errors: it would
   * send calls away from free slots, and those that stay, by which it could be corrected, would get rare.
   */
  get ratio(): number {
    const { calls, value } = this.#ratio;
    const log = (SHARED_CALLS * this.#shared.logRatio + calls * value) / (SHARED_CALLS + calls);
    if (log >= 0) return Math.exp(log);
    return this.#ratio.known ? Math.exp(Math.min(0, log + SURE * this.#ratio.error)) : 1;
  }

  /** How far off the ratio may well be, as a part of it: the lesser standard error of this function's and of all together. */
  get error(): number {
    return this.calls < 1 ? this.#shared.error : Math.min(this.#ratio.error, this.#shared.error);
  }

  /** Takes a call that ran for `runMs` and of which `expectedMs` was expected in the pool. */
  observe(place: 'pool' | 'cloud', runMs: number, expectedMs: number): void {
    const logRatio = Math.log(Math.max(LEAST_MS, runMs) / Math.max(LEAST_MS, expectedMs));
    this.#ratio.observe(place, logRatio);
    this.#shared.observe(place, logRatio);
  }
}
