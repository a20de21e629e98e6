/**
 * How a quantity is spread, as far as its last hundred or so values tell: a histogram over logarithmic buckets in which
 * old values fade. Unlike a mean and a spread it can answer for heavy tails: what is left of something that has lasted
 * so long, and what nineteen of twenty don't exceed. Pure.
 */

/** Buckets an octave: each is 19% wide, so that a quantile is off by a tenth at most. */
const PER_OCTAVE = 4;
/** The values told apart, as powers of two: 1/128 to 131,072. */
const LOWEST = -7;
const HIGHEST = 17;
const BUCKETS = (HIGHEST - LOWEST) * PER_OCTAVE;
/** The newest value weighs one part in a hundred once there are enough: a tail needs a longer memory than a mean. */
const KEEP = 0.99;
/** Weights grow instead of the old ones shrinking; this is when all are divided by it. */
const RESCALE = 1e9;

export class DecayingHistogram {
  readonly #weights = new Float64Array(BUCKETS);
  readonly #sums = new Float64Array(BUCKETS);
  #weight = 0;
  #sum = 0;
  #newest = 1;
  #count = 0;

  /** Values seen. */
  get count(): number {
    return this.#count;
  }

  /** The decaying mean Σ wᵢxᵢ / Σ wᵢ, with wᵢ = 0.99^age; 0 of none. */
  get mean(): number {
    return this.#weight === 0 ? 0 : this.#sum / this.#weight;
  }

  /** Takes a value of 0 or more. */
  observe(value: number): void {
    this.#count += 1;
    this.#newest /= KEEP;
    const bucket = bucketOf(value);
    this.#weights[bucket] = (this.#weights[bucket] ?? 0) + this.#newest;
    this.#sums[bucket] = (this.#sums[bucket] ?? 0) + value * this.#newest;
    this.#weight += this.#newest;
    this.#sum += value * this.#newest;
    if (this.#newest > RESCALE) this.#rescale();
  }

  /** The value that `part` (0 … 1) of them don't exceed: the mean of the bucket that holds it; 0 of none. */
  quantile(part: number): number {
    let left = part * this.#weight;
    let value = 0;
    for (let at = 0; at < BUCKETS && left > 0; at++) {
      const weight = this.#weights[at] ?? 0;
      if (weight > 0) value = (this.#sums[at] ?? 0) / weight;
      left -= weight;
    }
    return value;
  }

  /**
   * What is still to come of one that has reached `reached`: E[X − r | X > r] = Σ wᵢ(xᵢ − r) / Σ wᵢ over the values beyond
   * r. Where fewer than half a value is beyond, r itself: what has outlasted all others lasts as long again.
   */
  residual(reached: number): number {
    if (!(reached > 0)) return this.mean;
    let weight = 0;
    let sum = 0;
    for (let at = BUCKETS - 1, last = bucketOf(reached); at >= last; at--) {
      const inBucket = this.#weights[at] ?? 0;
      const sumOf = this.#sums[at] ?? 0;
      if (sumOf <= reached * inBucket) continue;
      weight += inBucket;
      sum += sumOf;
    }
    return weight < this.#newest / 2 ? reached : sum / weight - reached;
  }

  #rescale(): void {
    for (let at = 0; at < BUCKETS; at++) {
      this.#weights[at] = (this.#weights[at] ?? 0) / RESCALE;
      this.#sums[at] = (this.#sums[at] ?? 0) / RESCALE;
    }
    this.#weight /= RESCALE;
    this.#sum /= RESCALE;
    this.#newest /= RESCALE;
  }
}

function bucketOf(value: number): number {
  const bucket = Math.floor((Math.log2(value) - LOWEST) * PER_OCTAVE);
  return Math.min(BUCKETS - 1, Math.max(0, bucket));
}
