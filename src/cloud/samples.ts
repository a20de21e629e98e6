/** Figures of a few measured values. Pure. */

/** Undefined if there are none. */
export function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * The nearest rank: the smallest value that at least the share `p` of all values doesn't exceed; undefined if there are none.
 * @param sorted ascending
 * @param p 0 to 1
 */
export function percentile(sorted: readonly number[], p: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(sorted.length * p) - 1)];
}
