/** What elasticity must achieve, checked trace by trace and seed by seed. */
import type { MatrixRow } from './matrix.ts';
import type { Figures } from './result.ts';

/** Rounding of sums over thousands of calls: less than this part more isn't worse. */
const ROUNDING = 1e-9;

/** Where the contenders of interest stand in a matrix. */
export interface Places {
  readonly fixed: number;
  readonly fixed2n: number;
  readonly origin: number;
  readonly ours: number;
}

export interface Requirement {
  readonly title: string;
  /** In how many of how many runs it holds. */
  readonly holds: number;
  readonly of: number;
  /** The worst run: trace, and our figure over the other's. */
  readonly worst: string;
}

export function checkRequirements(rows: readonly MatrixRow[], places: Places): Requirement[] {
  const p99 = ({ p99Ms }: Figures): number => p99Ms;
  const seconds = ({ containerSeconds }: Figures): number => containerSeconds;
  const sudden = rows.filter(({ trace }) => trace === 'step' || trace === 'spike');
  const { fixed, fixed2n, origin, ours } = places;
  return [
    check('p99 never above fixed N', rows, p99, ours, fixed, 1),
    check('container-seconds never above fixed 2N', rows, seconds, ours, fixed2n, 1),
    check('step and spike: p99 at most half the origin’s', sudden, p99, ours, origin, 0.5),
  ];
}

function check(
  title: string,
  rows: readonly MatrixRow[],
  figure: (figures: Figures) => number,
  ours: number,
  other: number,
  most: number,
): Requirement {
  const ratios = rows.flatMap(({ trace, figures }) =>
    (figures[ours] ?? []).map((mine, seed) => ({
      trace,
      ratio: figure(mine) / figure(figures[other]![seed]!),
    })),
  );
  const worst = ratios.reduce((one, next) => (next.ratio > one.ratio ? next : one));
  return {
    title,
    holds: ratios.filter(({ ratio }) => ratio <= most + ROUNDING).length,
    of: ratios.length,
    worst: `${worst.trace}: ${worst.ratio.toFixed(3)}`,
  };
}
