/** How fast the estimate forgets, in milliseconds (Finagle's default for its peak-EWMA balancer). */
const TAU_MS = 10_000;

/**
 * A latency estimate that jumps up at once and comes down slowly: a sample above it replaces it, one below pulls it
 * down with weight 1 − e^(−Δt/τ). It comes down without samples too, or a slot that was slow once would never be tried
 * again. After Finagle's peak-EWMA. Pure but for its own two numbers.
 */
export class PeakEwma {
  #ms = 0;
  #at = 0;

  /** The estimate at `now`, in milliseconds; 0 before the first sample. */
  at(now: number): number {
    return this.#ms * Math.exp(-Math.max(0, now - this.#at) / TAU_MS);
  }

  /** Takes a sample in milliseconds, at `now` in milliseconds of any steady clock. */
  observe(sampleMs: number, now: number): void {
    if (sampleMs >= this.at(now)) this.#ms = sampleMs;
    else {
      const keep = Math.exp(-Math.max(0, now - this.#at) / TAU_MS);
      this.#ms = this.#ms * keep + sampleMs * (1 - keep);
    }
    this.#at = now;
  }
}
