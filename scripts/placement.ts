/** `npm run placement [-- --seeds N]`: measures the placement policies in simulation, and writes the figures into docs/placement.md. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOptions } from './options.ts';
import { runCell, traceOf, type Cell, type CellFigures } from './simulate/cells.ts';
import { PROFILES, type ProfileName } from './simulate/cloud-profile.ts';
import { USD_PER_HOUR } from './simulate/estimators.ts';
import type { GeneratorName } from './simulate/generators.ts';
import { MIXES, type MixName } from './simulate/mixes.ts';
import { POLICIES } from './simulate/placement.ts';
import { drawBars, placementTables } from './simulate/placement-report.ts';
import type { Figures } from './simulate/result.ts';

const DOCS = join(import.meta.dirname, '..', 'docs');
const PAGE = join(DOCS, 'placement.md');
const CHARTS = join(DOCS, 'placement');

const SHAPES: readonly GeneratorName[] = ['steady', 'step', 'spike', 'sawtooth', 'poisson', 'bursty'];

/** Every policy on every cell; without a cloud the clouds don't differ, so `never` runs once for all four. */
function runAll(seeds: readonly number[]): CellFigures[] {
  const clouds = Object.keys(PROFILES) as ProfileName[];
  return (Object.keys(MIXES) as MixName[]).flatMap((mix) =>
    SHAPES.flatMap((shape) => {
      const first: Cell = { shape, mix, cloud: 'near' };
      const traces = seeds.map((seed) => ({ trace: traceOf(first, seed), seed }));
      const never = traces.map(({ trace, seed }) => runCell(trace, first, 'never', seed, USD_PER_HOUR));
      console.error(`${mix} ${shape}`);
      return clouds.map((cloud): CellFigures => {
        const cell: Cell = { shape, mix, cloud };
        const figures = Object.fromEntries(
          POLICIES.map((policy): [string, readonly Figures[]] => [
            policy,
            policy === 'never'
              ? never
              : traces.map(({ trace, seed }) => runCell(trace, cell, policy, seed, USD_PER_HOUR)),
          ]),
        ) as CellFigures['figures'];
        return { ...cell, figures };
      });
    }),
  );
}

function fill(page: string, made: Readonly<Record<string, string>>): string {
  return Object.entries(made).reduce((text, [name, block]) => {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from === -1 || to === -1) throw new Error(`${PAGE} lacks the markers ${begin} and ${end}`);
    return `${text.slice(0, from)}${begin}\n${block}\n${text.slice(to)}`;
  }, page);
}

const { seeds: count = 20 } = readOptions('npm run placement [-- --seeds N]', { seeds: 'count' });
const seeds = Array.from({ length: count }, (_, at) => at + 1);
const cells = runAll(seeds);
writeFileSync(PAGE, fill(readFileSync(PAGE, 'utf8'), placementTables(cells, seeds.length)));
mkdirSync(CHARTS, { recursive: true });
for (const mix of Object.keys(MIXES) as MixName[]) {
  writeFileSync(
    join(CHARTS, `${mix}.svg`),
    drawBars(
      mix,
      cells.filter((cell) => cell.mix === mix),
    ),
  );
}
console.log(`written: ${PAGE} and charts in ${CHARTS}`);
