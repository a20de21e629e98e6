/** `npm run elasticity`: measures the elasticity in simulation, and writes the figures into docs/elasticity.md. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOptions } from './options.ts';
import { drawComparison } from './simulate/comparison.ts';
import { GENERATORS, type Spread } from './simulate/generators.ts';
import { median, runMatrix, type Contender, type Matrix, type MatrixRow } from './simulate/matrix.ts';
import { checkRequirements } from './simulate/requirements.ts';
import type { Figures } from './simulate/result.ts';
import type { RunOptions } from './simulate/run.ts';
import { figure, markdownTable, type Column } from './simulate/table.ts';

readOptions('npm run elasticity', {});

const DOCS = join(import.meta.dirname, '..', 'docs');
const PAGE = join(DOCS, 'elasticity.md');
const CHARTS = join(DOCS, 'elasticity');

const WORKERS = 4;
const SEEDS = [1, 2, 3, 4, 5];
const SECONDS = 120;
const MEAN_MS = 100;

const FIXED: Contender = { title: 'fixed N', options: { scaling: 'fixed' } };
const FIXED_2N: Contender = { title: 'fixed 2N', options: { scaling: 'fixed-2n' } };
const ORIGIN: Contender = { title: 'origin', options: { scaling: 'origin' } };
const OURS: Contender = { title: 'Spillway', options: { scaling: 'spillway' } };
const CONTENDERS = [FIXED, FIXED_2N, ORIGIN, OURS];
const PLACES = { fixed: 0, fixed2n: 1, origin: 2, ours: 3 };

const OPTIONS: RunOptions = {
  policy: 'never',
  scaling: 'spillway',
  workers: WORKERS,
  cores: 2 * WORKERS,
  waitMs: 50,
  waitFormula: 'list',
  queue: 1000,
  cpuShare: 1,
};

function matrix(options: Partial<RunOptions>, spread: Spread = 'constant', contenders = CONTENDERS): Matrix {
  const traces = { workers: WORKERS, meanMs: MEAN_MS, spread, lengthMs: SECONDS * 1000 };
  return { contenders, options: { ...OPTIONS, ...options }, traces, seeds: SEEDS };
}

/** One row a trace; for each figure, one column a contender; medians over the seeds. */
function table(
  contenders: readonly Contender[],
  rows: readonly MatrixRow[],
  figures: Readonly<Record<string, (figures: Figures) => number>>,
): string {
  const columns: Column[] = [{ title: 'trace', align: 'left' }];
  for (const name of Object.keys(figures)) {
    for (const { title } of contenders) columns.push({ title: `${name} ${title}`, align: 'right' });
  }
  const cells = rows.map(({ trace, figures: of }) => [
    trace,
    ...Object.values(figures).flatMap((pick) => of.map((seeds) => figure(median(seeds.map(pick))))),
  ]);
  return markdownTable(columns, cells);
}

function verdicts(rows: readonly MatrixRow[], places = PLACES): string {
  const columns: Column[] = [
    { title: 'required', align: 'left' },
    { title: 'holds in', align: 'right' },
    { title: 'worst run (ours / theirs)', align: 'left' },
  ];
  const requirements = checkRequirements(rows, places);
  return markdownTable(
    columns,
    requirements.map(({ title, holds, of, worst }) => [title, `${holds} of ${of}`, worst]),
  );
}

const P99 = { 'p99 ms,': ({ p99Ms }: Figures) => p99Ms };
const SECONDS_USED = { 'container-s,': ({ containerSeconds }: Figures) => containerSeconds };
const OFFLOADS = { 'offloads,': ({ offloaded }: Figures) => offloaded };

/** The parts of the page that are made here, by the name in its markers. */
function blocks(): Record<string, string> {
  const made: Record<string, string> = {};
  const show = (name: string, options: Partial<RunOptions>, spread: Spread = 'constant'): void => {
    const rows = runMatrix(matrix(options, spread));
    made[name] = table(CONTENDERS, rows, { ...P99, ...SECONDS_USED });
    made[`${name}-verdicts`] = verdicts(rows);
  };
  show('local', {});
  show('local-exponential', {}, 'exponential');
  show('saturated', { cores: WORKERS });

  const origin2 = {
    title: 'origin, own offloading',
    options: { scaling: 'origin', policy: 'origin' },
  } as const;
  const cloud = [...CONTENDERS, origin2];
  const cloudRows = runMatrix(matrix({ policy: 'threshold' }, 'constant', cloud));
  made['cloud-offloads'] = table(cloud, cloudRows, { ...P99, ...OFFLOADS });
  made['cloud-seconds'] = table(cloud, cloudRows, SECONDS_USED);
  made['cloud-verdicts'] = verdicts(cloudRows, { ...PLACES, origin: cloud.indexOf(origin2) });

  const forecast = [OURS, { title: 'without forecast', options: { scaling: 'no-forecast' } } as const];
  made['forecast'] = table(forecast, runMatrix(matrix({ policy: 'threshold' }, 'exponential', forecast)), {
    ...P99,
    ...OFFLOADS,
    ...SECONDS_USED,
  });

  const formulas = [
    { title: 'by order', options: { waitFormula: 'list' } } as const,
    { title: 'all work / slots', options: { waitFormula: 'plain' } } as const,
  ];
  made['wait'] = table(formulas, runMatrix(matrix({ policy: 'threshold' }, 'exponential', formulas)), {
    ...P99,
    ...OFFLOADS,
  });
  return made;
}

function fill(page: string, made: Readonly<Record<string, string>>): string {
  return Object.entries(made).reduce((text, [name, block]) => {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from === -1 || to === -1) throw new Error(`${PAGE} lacks the markers ${begin} and ${end}`);
    return `${text.slice(0, from)}${begin}\n${block}\n${text.slice(to)}`;
  }, page);
}

writeFileSync(PAGE, fill(readFileSync(PAGE, 'utf8'), blocks()));
mkdirSync(CHARTS, { recursive: true });
for (const trace of GENERATORS) {
  const settings = {
    workers: WORKERS,
    meanMs: MEAN_MS,
    spread: 'constant',
    lengthMs: SECONDS * 1000,
    seed: 1,
  } as const;
  writeFileSync(
    join(CHARTS, `${trace}.svg`),
    drawComparison(trace, settings, OPTIONS, [OURS, ORIGIN, FIXED]),
  );
}
console.log(`written: ${PAGE} and ${GENERATORS.length} charts in ${CHARTS}`);
