/** A run time as a linear function of the input's size, fitted to the calls so far with old ones fading. Pure. */

/** The newest call weighs one part in a hundred once there are enough. */
const KEEP = 0.99;
/** A fit says nothing below the fastest call it could have seen, in milliseconds. */
const LEAST_MS = 0.01;

/**
 * Weighted least squares for x = a + b·s, with the weight 0.99^age / x̂²: run times scatter by a part of themselves, so that
 * an error of 10 ms in 1 s counts like one of 1 ms in 100. In the closed form
 *     b = (S·Ssx − Ss·Sx) / (S·Sss − Ss²),  a = (Sx − b·Ss) / S
 * with S… the weighted sums. b < 0 counts as 0: no input is faster for being larger.
 */
export class SizeFit {
  #w = 0;
  #s = 0;
  #x = 0;
  #ss = 0;
  #sx = 0;
  #base = 0;
  #slope = 0;

  /** Takes a call of `size` bytes that ran for `runMs`. */
  observe(size: number, runMs: number): void {
    const expected = Math.max(this.#w === 0 ? runMs : this.predict(size), LEAST_MS);
    const weight = 1 / (expected * expected);
    this.#w = this.#w * KEEP + weight;
    this.#s = this.#s * KEEP + weight * size;
    this.#x = this.#x * KEEP + weight * runMs;
    this.#ss = this.#ss * KEEP + weight * size * size;
    this.#sx = this.#sx * KEEP + weight * size * runMs;
    const spread = this.#w * this.#ss - this.#s * this.#s;
    // Sizes that differ by next to nothing explain nothing.
    const slope = spread > 1e-9 * this.#w * this.#ss ? (this.#w * this.#sx - this.#s * this.#x) / spread : 0;
    this.#slope = Math.max(0, slope);
    this.#base = (this.#x - this.#slope * this.#s) / this.#w;
  }

  /** What a call of that size is expected to run, in milliseconds. */
  predict(size: number): number {
    return Math.max(LEAST_MS, this.#base + this.#slope * size);
  }
}
