/** The tables and charts of docs/placement.md. */
import type { CellFigures } from './cells.ts';
import { PROFILES } from './cloud-profile.ts';
import { median } from './matrix.ts';
import { pairedRatio } from './paired.ts';
import { POLICIES, type PolicyName } from './placement.ts';
import { COLORS } from './report.ts';
import type { Figures } from './result.ts';
import { drawChart } from './svg.ts';
import { figure, markdownTable, type Column } from './table.ts';

type Pick = (figures: Figures) => number;

const P50: Pick = ({ p50Ms }) => p50Ms;
const P99: Pick = ({ p99Ms }) => p99Ms;
const MEAN: Pick = ({ meanMs }) => meanMs;
const COST: Pick = ({ costUsd }) => costUsd;
const MISSES: Pick = ({ rejected, late }) => rejected + late;
const REJECTED: Pick = ({ rejected }) => rejected;

const LIMIT = 1.02;
const NEAR_ORACLE = 1.25;
/** Sums over thousands of calls: less than this part more isn't worse. */
const ROUNDING = 1e-9;

const of = (cell: CellFigures, policy: PolicyName, pick: Pick): number[] => cell.figures[policy].map(pick);
const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const nameOf = ({ shape, mix, cloud }: CellFigures): string => `${mix}, ${shape}, ${PROFILES[cloud].title}`;

/** Blocks by the name of their markers. */
export function placementTables(cells: readonly CellFigures[], seeds: number): Record<string, string> {
  return {
    verdicts: `${seeds} paired seeds a cell.\n\n${verdicts(cells)}`,
    p99: perPolicy(cells, P99, (values) => median(values)),
    mean: perPolicy(cells, MEAN, (values) => median(values)),
    p50: perPolicy(cells, P50, (values) => median(values)),
    misses: perPolicy(cells, MISSES, meanOf),
    dollars: perPolicy(cells, (one) => 1000 * COST(one), meanOf),
    ratios: ratios(cells),
  };
}

function perPolicy(cells: readonly CellFigures[], pick: Pick, sum: (values: number[]) => number): string {
  const columns: Column[] = [
    { title: 'cell', align: 'left' },
    ...POLICIES.map((title): Column => ({ title, align: 'right' })),
  ];
  return markdownTable(
    columns,
    cells.map((cell) => [nameOf(cell), ...POLICIES.map((policy) => figure(sum(of(cell, policy, pick))))]),
  );
}

function ratios(cells: readonly CellFigures[]): string {
  const right = (title: string): Column => ({ title, align: 'right' });
  return markdownTable(
    [
      { title: 'cell', align: 'left' },
      right('mean / never'),
      right('95% limits'),
      right('p99 / never'),
      right('95% limits'),
      right('mean / threshold'),
      right('p99 / threshold'),
      right('p99 / oracle'),
    ],
    cells.map((cell) => {
      const against = (other: PolicyName, pick: Pick): ReturnType<typeof pairedRatio> =>
        pairedRatio(of(cell, 'predictive', pick), of(cell, other, pick));
      const [mean, p99] = [against('never', MEAN), against('never', P99)];
      return [
        nameOf(cell),
        mean.ratio.toFixed(3),
        `${mean.lower.toFixed(3)} … ${mean.upper.toFixed(3)}`,
        p99.ratio.toFixed(3),
        `${p99.lower.toFixed(3)} … ${p99.upper.toFixed(3)}`,
        against('threshold', MEAN).ratio.toFixed(3),
        against('threshold', P99).ratio.toFixed(3),
        against('oracle', P99).ratio.toFixed(3),
      ];
    }),
  );
}

function verdicts(cells: readonly CellFigures[]): string {
  const ratio = (cell: CellFigures, other: PolicyName, pick: Pick): ReturnType<typeof pairedRatio> =>
    pairedRatio(of(cell, 'predictive', pick), of(cell, other, pick));
  const beats = (cell: CellFigures): boolean => ratio(cell, 'threshold', P99).ratio < 1 - ROUNDING;
  const cheap = (cell: CellFigures): boolean =>
    meanOf(of(cell, 'predictive', COST)) <= meanOf(of(cell, 'threshold', COST)) * (1 + ROUNDING);
  const fewer = (cell: CellFigures, pick: Pick): boolean =>
    meanOf(of(cell, 'predictive', pick)) <= meanOf(of(cell, 'never', pick));
  const count = (
    title: string,
    among: readonly CellFigures[],
    holds: (cell: CellFigures) => boolean,
  ): string[] => {
    const failing = among.filter((cell) => !holds(cell)).map(nameOf);
    const named = failing.slice(0, 4).join('; ');
    const more = failing.length > 4 ? `; and ${failing.length - 4} more` : '';
    return [title, `${among.length - failing.length} of ${among.length}`, named + more];
  };
  const toOracle = median(cells.map((cell) => ratio(cell, 'oracle', P99).ratio));
  return markdownTable(
    [
      { title: 'required', align: 'left' },
      { title: 'holds in', align: 'right' },
      { title: 'fails in', align: 'left' },
    ],
    [
      count(
        `mean over never: lower 95% limit ≤ ${LIMIT}`,
        cells,
        (c) => ratio(c, 'never', MEAN).lower <= LIMIT,
      ),
      count(
        `p99 over never: lower 95% limit ≤ ${LIMIT}`,
        cells,
        (c) => ratio(c, 'never', P99).lower <= LIMIT,
      ),
      count(`stricter: both upper limits ≤ ${LIMIT}`, cells, (c) =>
        [MEAN, P99].every((pick) => ratio(c, 'never', pick).upper <= LIMIT),
      ),
      count('no more rejected calls than never', cells, (c) => fewer(c, REJECTED)),
      count('no more rejected or late calls than never', cells, (c) => fewer(c, MISSES)),
      count('p99 below threshold’s (most cells)', cells, beats),
      count(
        'else it spends at most as much',
        cells.filter((cell) => !beats(cell)),
        cheap,
      ),
      [`p99 over the oracle’s, median cell ≤ ${NEAR_ORACLE}`, toOracle.toFixed(3), ''],
    ],
  );
}

const SHOWN: readonly { readonly policy: PolicyName; readonly color: string }[] = [
  { policy: 'never', color: COLORS.grey },
  { policy: 'threshold', color: COLORS.orange },
  { policy: 'predictive', color: COLORS.blue },
  { policy: 'oracle', color: COLORS.green },
];

/** The p99 and the dollars of a mix's cells, one step a cell. */
export function drawBars(mix: string, cells: readonly CellFigures[]): string {
  const series = (
    pick: Pick,
    sum: (values: number[]) => number,
  ): Parameters<typeof drawChart>[0]['panels'][0]['series'] =>
    SHOWN.map(({ policy, color }) => ({
      name: policy,
      color,
      shape: 'step',
      values: cells.map((cell) => sum(of(cell, policy, pick))),
    }));
  return drawChart({
    title: `${mix}: p99 and dollars of ${cells.length} cells`,
    xTitle: 'cells, in the order of the tables',
    x: cells.map((_, at) => at),
    xEnd: cells.length,
    panels: [
      { title: 'p99 (ms)', scale: 'log', series: series(P99, (values) => median(values)) },
      {
        title: 'dollars a thousand such traces',
        scale: 'linear',
        series: series((one) => 1000 * COST(one), meanOf),
      },
    ],
  });
}
