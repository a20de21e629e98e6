/** A figure of many measured times. */
import { percentile as percentileOf } from '../../src/cloud/samples.ts';

/** The nearest rank for `p` (0 to 1) of times in any order; NaN if there are none. */
export function percentile(times: readonly number[], p: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return percentileOf(sorted, p) ?? NaN;
}
