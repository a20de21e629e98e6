import { describe, expect, it } from 'vitest';
import { generate } from '../../../scripts/simulate/generators.ts';
import { NumberHeap } from '../../../scripts/simulate/heap.ts';
import { median } from '../../../scripts/simulate/matrix.ts';
import { chartOfRun, showRun } from '../../../scripts/simulate/report.ts';
import { checkRequirements } from '../../../scripts/simulate/requirements.ts';
import { figuresOf, percentile, type Figures } from '../../../scripts/simulate/result.ts';
import { figure, markdownTable } from '../../../scripts/simulate/table.ts';
import { timeline } from '../../../scripts/simulate/timeline.ts';
import { burst, play, traceOf } from './traces.ts';

describe('figures', () => {
  it('takes the nearest rank', () => {
    const hundred = Float64Array.from({ length: 100 }, (_, at) => at + 1);
    expect([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1)]).toEqual([
      50, 99, 100,
    ]);
    expect(percentile(new Float64Array(0), 0.99)).toBe(0);
    expect(median([5, 1, 3])).toBe(3);
  });

  it('counts container-seconds to the end of the last call', () => {
    expect(figuresOf(play(traceOf(burst(4, 1000))))).toMatchObject({
      calls: 4,
      meanMs: 1500,
      p50Ms: 1000,
      p99Ms: 2000,
      containerSeconds: 4,
      standbySeconds: 0,
    });
  });
});

describe('a run over time', () => {
  const trace = generate('step', { seed: 1, workers: 4, meanMs: 100, spread: 'constant', lengthMs: 60_000 });
  const run = play(trace, { rule: 'spillway', policy: 'threshold', workers: 4 });
  const parts = timeline(trace, run, 12);

  it('adds up', () => {
    const figures = figuresOf(run);
    const sum = (pick: (part: (typeof parts)[number]) => number) =>
      parts.reduce((total, part) => total + pick(part), 0);
    expect(sum(({ calls }) => calls)).toBe(figures.calls);
    expect(sum(({ offloaded }) => offloaded)).toBe(figures.offloaded);
    const lengthMs = trace.arrivalMs.at(-1)!;
    expect((sum(({ containers }) => containers) * lengthMs) / 12_000).toBeCloseTo(
      run.fleet.seconds(lengthMs).container,
      3,
    );
  });

  it('shows the step', () => {
    expect(parts[2]!.load).toBeLessThan(3);
    expect(parts[8]!.load).toBeGreaterThan(5);
    expect(parts[8]!.containers).toBeGreaterThan(7);
  });

  it('is shown as a table with every figure', () => {
    const text = showRun('a step', figuresOf(run), parts);
    for (const word of ['calls', 'p50', 'p99', 'offloaded', 'containers', 'dollars', 'load (slots)'])
      expect(text).toContain(word);
    expect(text.trimEnd().split('\n')).toHaveLength(27);
  });

  it('is drawn with titled axes, every number finite', () => {
    const svg = chartOfRun('a <step> & more', parts);
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg.trimEnd().endsWith('</svg>')).toBe(true);
    for (const title of [
      'time (s)',
      'load and containers',
      'time to answer (ms)',
      'a &lt;step&gt; &amp; more',
    ])
      expect(svg).toContain(title);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg.match(/<text/g)?.length).toBe(svg.match(/<\/text>/g)?.length);
  });

  it('is drawn where nothing happened', () => {
    const lone = traceOf([{ arrivalMs: 0, durationMs: 0 }]);
    expect(chartOfRun('one', timeline(lone, play(lone), 4))).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('tables', () => {
  it('are Markdown', () => {
    const columns = [
      { title: 'trace', align: 'left' },
      { title: 'p99', align: 'right' },
    ] as const;
    expect(markdownTable(columns, [['step', '214']])).toBe('| trace | p99 |\n| --- | ---: |\n| step | 214 |');
  });

  it.each([
    [30_000, '30,000'],
    [0, '0'],
    [99.96, '100'],
    [4.567, '4.57'],
    [0.000967, '0.000967'],
    [Infinity, '–'],
  ])('show %d as %s', (value, text) => {
    expect(figure(value)).toBe(text);
  });
});

it('finds the run in which a requirement fails', () => {
  const run = (p99Ms: number, containerSeconds: number) => ({ p99Ms, containerSeconds }) as Figures;
  const row = (ours: Figures) =>
    ({ trace: 'spike', figures: [[run(100, 1)], [run(50, 2)], [run(90, 1)], [ours]] }) as const;
  const places = { fixed: 0, fixed2n: 1, origin: 2, ours: 3 };
  expect(checkRequirements([row(run(45, 2))], places).map(({ holds }) => holds)).toEqual([1, 1, 1]);
  expect(checkRequirements([row(run(101, 2.1))], places)).toMatchObject([
    { holds: 0, of: 1, worst: 'spike: 1.010' },
    { holds: 0, worst: 'spike: 1.050' },
    { holds: 0, worst: 'spike: 1.122' },
  ]);
});

it('takes the least of a heap first', () => {
  const heap = new NumberHeap();
  const keys = Array.from({ length: 5000 }, (_, at) => (at * 7919) % 5003);
  for (const [value, key] of keys.entries()) heap.push(key, value);
  const taken = keys.map(() => keys[heap.pop()]!);
  expect(taken).toEqual(keys.toSorted((one, other) => one - other));
  expect([heap.pop(), heap.leastKey]).toEqual([-1, Infinity]);
});
