/** How long a function's calls run in the pool: mean, p95 and what is left of a running one, by the input's size. Pure. */
import { DecayingHistogram } from './decaying-histogram.ts';
import { Decaying, KNOWN_AFTER_SAMPLES } from './estimates.ts';
import { SizeFit } from './size-fit.ts';

/**
 * What a call of a function never seen is taken to run, in milliseconds: a guess of the middle of what is worth an RPC.
 * It serves until the first call was measured.
 */
export const PRIOR_RUN_MS = 100;
/** So many calls before the size may be believed. */
const SIZE_AFTER_SAMPLES = 10;
/** The size must make the error smaller by this part to be used: a fit through noise looks a little better by chance. */
const SIZE_MUST_EXPLAIN = 0.8;
/** Shorter runs are told apart by the clock alone, in milliseconds. */
const SHORTEST_MS = 0.01;

/**
 * The expected run time is the decaying mean x̄ of the last hundred or so calls, or, where the input's size explains the run
 * time better, x̂(s) · r̄, with x̂ a decaying linear fit (size-fit.ts) and r̄ the decaying mean of x / x̂(s). "Better" is judged
 * ahead of each call: the decaying mean of |ln(x / x̂(s))| is under 0.8 of that of |ln(x / x̄)|. p95 and what is left of a running
 * call come from the histogram of x, or of x / x̂(s).
 */
export class RunTimeModel {
  readonly #plain = new DecayingHistogram();
  readonly #ratios = new DecayingHistogram();
  readonly #fit = new SizeFit();
  readonly #plainError = new Decaying();
  readonly #fitError = new Decaying();
  #p95: number | undefined;

  /** Calls measured. */
  get samples(): number {
    return this.#plain.count;
  }

  /** Whether enough calls were measured to expect anything. */
  get known(): boolean {
    return this.samples >= KNOWN_AFTER_SAMPLES;
  }

  /** Whether the size is used. */
  get bySize(): boolean {
    return (
      this.#fitError.count >= SIZE_AFTER_SAMPLES &&
      this.#fitError.mean < SIZE_MUST_EXPLAIN * this.#plainError.mean
    );
  }

  /** Takes a call of `bytes` of params that ran for `runMs`. */
  observe(runMs: number, bytes: number): void {
    const ran = Math.max(SHORTEST_MS, runMs);
    if (this.samples > 0) {
      const fitted = this.#fit.predict(bytes);
      this.#plainError.observe(Math.abs(Math.log(ran / this.#plain.mean)));
      this.#fitError.observe(Math.abs(Math.log(ran / fitted)));
      this.#ratios.observe(ran / fitted);
    }
    this.#plain.observe(ran);
    this.#fit.observe(bytes, ran);
    this.#p95 = undefined;
  }

  /** The expected run time, in milliseconds. */
  meanMs(bytes: number): number {
    if (this.samples === 0) return PRIOR_RUN_MS;
    return this.bySize ? this.#fit.predict(bytes) * this.#ratios.mean : this.#plain.mean;
  }

  /** What nineteen of twenty such calls don't exceed, in milliseconds. */
  p95Ms(bytes: number): number {
    if (this.samples === 0) return 2 * PRIOR_RUN_MS;
    const { bySize } = this;
    this.#p95 ??= (bySize ? this.#ratios : this.#plain).quantile(0.95);
    return bySize ? this.#fit.predict(bytes) * this.#p95 : this.#p95;
  }

  /** What is left of a call that has run for `elapsedMs`, in milliseconds. */
  remainingMs(elapsedMs: number, bytes: number): number {
    if (this.samples === 0) return elapsedMs < PRIOR_RUN_MS ? PRIOR_RUN_MS - elapsedMs : elapsedMs;
    if (!this.bySize) return this.#plain.residual(elapsedMs);
    const fitted = this.#fit.predict(bytes);
    return fitted * this.#ratios.residual(elapsedMs / fitted);
  }
}
