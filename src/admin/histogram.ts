/**
 * A histogram of durations whose buckets grow by a fixed factor: borders are at 2^(k/4) seconds, so that every fourth is
 * a power of two, as Prometheus' native histograms have them. Pure; recording is a logarithm and three additions.
 */

/** Buckets to a doubling: a quantile is off by at most 19%, and by half of that on average. */
const PER_DOUBLING = 4;
/** The smallest border is 2^-17 s (7.6 µs), the largest 2^7 s (128 s); what is longer falls into one more bucket. */
const LOWEST_POWER = -17;
const HIGHEST_POWER = 7;
const BUCKETS = (HIGHEST_POWER - LOWEST_POWER) * PER_DOUBLING + 1;
/** What Prometheus is shown: whole powers of two from 2^-14 s (61 µs) to 2^6 s (64 s). */
const SHOWN_LOWEST_POWER = -14;
const SHOWN_HIGHEST_POWER = 6;

const MS = 1000;

/** A bucket as Prometheus shows it: how many lasted at most so long, in seconds. */
export interface ShownBucket {
  readonly le: number;
  readonly count: number;
}

/** Durations in milliseconds. */
export class Histogram {
  /** The last one counts what is beyond the largest border. */
  readonly #counts = new Float64Array(BUCKETS + 1);
  #count = 0;
  #sumMs = 0;

  get count(): number {
    return this.#count;
  }

  get sumMs(): number {
    return this.#sumMs;
  }

  /** 0 while there is nothing. */
  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  /** Takes one duration in milliseconds; a negative one counts as 0. */
  record(ms: number): void {
    const above = Math.ceil(Math.log2(ms / MS) * PER_DOUBLING) - LOWEST_POWER * PER_DOUBLING;
    // The logarithm of 0 is -Infinity, that of a negative number NaN.
    const bucket = above > 0 ? Math.min(above, BUCKETS) : 0;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    if (ms > 0) this.#sumMs += ms;
  }

  /** The duration that the share `p` of all doesn't exceed, in milliseconds; 0 while there is nothing. */
  quantileMs(p: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(this.#count * p));
    let before = 0;
    for (let bucket = 0; bucket <= BUCKETS; bucket += 1) {
      const here = this.#counts[bucket] ?? 0;
      if (before + here >= rank) {
        // Where in the bucket it is, isn't known: as far up as its rank is among those in there.
        const share = (rank - before) / here;
        return borderMs(bucket - 1) * 2 ** (share / PER_DOUBLING);
      }
      before += here;
    }
    return borderMs(BUCKETS);
  }

  /** Cumulative counts at the powers of two; the total is `count`. */
  shown(): ShownBucket[] {
    const shown: ShownBucket[] = [];
    let count = 0;
    let next = 0;
    for (let power = SHOWN_LOWEST_POWER; power <= SHOWN_HIGHEST_POWER; power += 1) {
      const border = (power - LOWEST_POWER) * PER_DOUBLING;
      for (; next <= border; next += 1) count += this.#counts[next] ?? 0;
      shown.push({ le: 2 ** power, count });
    }
    return shown;
  }

  /** Forgets everything. */
  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sumMs = 0;
  }
}

/** The upper border of a bucket. */
function borderMs(bucket: number): number {
  return 2 ** (bucket / PER_DOUBLING + LOWEST_POWER) * MS;
}
