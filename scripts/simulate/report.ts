/** How one run is shown: a table, and a chart. */
import type { Figures } from './result.ts';
import { drawChart, type Panel } from './svg.ts';
import { figure, plainTable } from './table.ts';
import type { Stretch } from './timeline.ts';

/** Tried for colour-blind eyes (Okabe and Ito). */
export const COLORS = { blue: '#0072b2', orange: '#d55e00', green: '#009e73', grey: '#777777' } as const;

/** The figures, and below them the run over time. */
export function showRun(title: string, figures: Figures, stretches: readonly Stretch[]): string {
  const sums = plainTable(
    [
      { title: 'figure', align: 'left' },
      { title: 'value', align: 'right' },
      { title: '', align: 'left' },
    ],
    [
      ['calls', figure(figures.calls), ''],
      ['mean', figure(figures.meanMs), 'ms'],
      ['p50', figure(figures.p50Ms), 'ms'],
      ['p99', figure(figures.p99Ms), 'ms'],
      ['offloaded', figure(figures.offloaded), 'calls'],
      ['rejected', figure(figures.rejected), 'calls'],
      ['late', figure(figures.late), 'calls'],
      ['containers', figure(figures.containerSeconds), 'container-seconds'],
      ['standbys', figure(figures.standbySeconds), 'container-seconds, paused'],
      ['cost', figure(figures.costUsd), 'dollars'],
    ],
  );
  const overTime = plainTable(
    ['from (s)', 'load (slots)', 'containers', 'standbys', 'p99 (ms)', 'offloaded'].map((name) => ({
      title: name,
      align: 'right',
    })),
    stretches.map(({ fromMs, load, containers, standbys, p99Ms, offloaded }) =>
      [fromMs / 1000, load, containers, standbys, p99Ms, offloaded].map(figure),
    ),
  );
  return `${title}\n\n${sums}\n\n${overTime}\n`;
}

/** Load and containers over time, the p99, and what was offloaded. */
export function chartOfRun(title: string, stretches: readonly Stretch[]): string {
  const lengthMs = stretches[1]?.fromMs ?? 1;
  const pick = (key: 'load' | 'containers' | 'p99Ms' | 'offloaded'): number[] =>
    stretches.map((one) => one[key]);
  const panels: Panel[] = [
    {
      title: 'load and containers',
      scale: 'linear',
      series: [
        { name: 'containers', color: COLORS.blue, shape: 'area', values: pick('containers') },
        { name: 'load (slots)', color: COLORS.grey, shape: 'step', values: pick('load') },
      ],
    },
    {
      title: 'time to answer (ms)',
      scale: 'log',
      series: [{ name: 'p99', color: COLORS.blue, shape: 'step', values: pick('p99Ms') }],
    },
    {
      title: 'offloaded (calls/s)',
      scale: 'linear',
      series: [
        {
          name: 'offloaded',
          color: COLORS.orange,
          shape: 'area',
          values: pick('offloaded').map((calls) => (calls * 1000) / lengthMs),
        },
      ],
    },
  ];
  return drawChart({
    title,
    xTitle: 'time (s)',
    x: stretches.map(({ fromMs }) => fromMs / 1000),
    xEnd: (lengthMs * stretches.length) / 1000,
    panels,
  });
}
