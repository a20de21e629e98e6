/** One trace under several rules, in one chart. */
import { generate, type GeneratorName, type GeneratorSettings } from './generators.ts';
import type { Contender } from './matrix.ts';
import { COLORS } from './report.ts';
import { runTrace, type RunOptions } from './run.ts';
import { drawChart, type Series } from './svg.ts';
import { timeline } from './timeline.ts';

/** Points of the chart: one a second of two minutes. */
const PARTS = 120;
const LINES = [COLORS.blue, COLORS.orange, COLORS.green];

/** The first contender's containers are filled, the others' drawn as lines; all over the load. */
export function drawComparison(
  name: GeneratorName,
  settings: GeneratorSettings,
  options: RunOptions,
  contenders: readonly Contender[],
): string {
  const trace = generate(name, settings);
  const runs = contenders.map(({ title, options: changed }, at) => {
    const { run } = runTrace(trace, { ...options, ...changed });
    return { title, color: LINES[at] ?? COLORS.grey, parts: timeline(trace, run, PARTS) };
  });
  const parts = runs[0]?.parts ?? [];
  const containers = runs.map<Series>((run, at) => ({
    name: run.title,
    color: run.color,
    shape: at === 0 ? 'area' : 'step',
    values: run.parts.map((part) => part.containers),
  }));
  const load = parts.map((part) => part.load);
  const p99 = runs.toReversed().map<Series>((run) => ({
    name: run.title,
    color: run.color,
    shape: 'step',
    values: run.parts.map(({ p99Ms }) => p99Ms),
  }));
  return drawChart({
    title: `${name}: ${options.workers} … ${2 * options.workers} workers, no cloud`,
    xTitle: 'time (s)',
    x: parts.map(({ fromMs }) => fromMs / 1000),
    xEnd: ((parts[1]?.fromMs ?? 0) * PARTS) / 1000,
    panels: [
      {
        title: 'containers, and load in slots',
        scale: 'linear',
        series: [...containers, { name: 'load', color: COLORS.grey, shape: 'step', values: load }],
      },
      { title: 'p99 of the second’s calls (ms)', scale: 'log', series: p99 },
    ],
  });
}
