/** What paired runs say of two policies: the ratio of their figures, seed by seed, and how sure it is. */

/** Student's t, one-sided 95%, by degrees of freedom; beyond the last it hardly changes. */
const T95 = [
  Infinity,
  6.314,
  2.92,
  2.353,
  2.132,
  2.015,
  1.943,
  1.895,
  1.86,
  1.833,
  1.812,
  1.796,
  1.782,
  1.771,
];
const T95_15 = 1.753;
const T95_19 = 1.729;

export interface PairedRatio {
  /** The geometric mean of the ratios. */
  readonly ratio: number;
  /** The one-sided 95% limits of it. */
  readonly lower: number;
  readonly upper: number;
}

/** Ratios of `ours` to `theirs`, taken as logarithms, since a factor of two and a half must count alike. */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): PairedRatio {
  const logs = ours.map((figure, seed) => Math.log(figure / theirs[seed]!));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const squares = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0);
  const freedom = logs.length - 1;
  const t = T95[freedom] ?? (freedom < 19 ? T95_15 + 0.02 : T95_19);
  const error = freedom === 0 ? 0 : t * Math.sqrt(squares / freedom / logs.length);
  return { ratio: Math.exp(mean), lower: Math.exp(mean - error), upper: Math.exp(mean + error) };
}
