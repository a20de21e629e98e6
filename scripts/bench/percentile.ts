/** A figure of many measured times. */

/** The one below which the share `p` (0 to 1) of all lies, in any order; NaN if there are none. */
export function percentile(times: readonly number[], p: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * p)] ?? NaN;
}
