/** `npm run simulate`: replays a trace through the balancer's placement and scaling, on virtual time. */
import { readFileSync, writeFileSync } from 'node:fs';
import { messageOf } from '../src/message-of.ts';
import { parseTrace, TraceFault } from './simulate/csv.ts';
import { generate, GENERATORS } from './simulate/generators.ts';
import { parseOptions, USAGE, UsageFault, type Options } from './simulate/options.ts';
import { chartOfRun, showRun } from './simulate/report.ts';
import { runTrace } from './simulate/run.ts';
import { timeline } from './simulate/timeline.ts';
import type { Trace } from './simulate/trace.ts';

/** Parts of a run in the table, and in the chart. */
const TABLE_PARTS = 12;
const CHART_PARTS = 240;
/** Of a command line, or a file, that can't be used. */
const EXIT_USAGE = 64;

/** The chart can't be written where it was asked for; the message names the file. */
class ChartFault extends Error {
  override readonly name = 'ChartFault';
}

function load(options: Options): Trace {
  const generator = GENERATORS.find((name) => name === options.source);
  if (generator !== undefined) return generate(generator, options);
  try {
    return parseTrace(readFileSync(options.source, 'utf8'), options.source);
  } catch (error) {
    if (error instanceof TraceFault) throw error;
    const known = GENERATORS.join(', ');
    throw new TraceFault(
      `${JSON.stringify(options.source)} is neither a file nor a generator (${known}): ${String(error)}`,
    );
  }
}

function writeChart(file: string, svg: string): void {
  try {
    writeFileSync(file, svg);
  } catch (error) {
    const what = `the chart can't be written to ${JSON.stringify(file)}: ${messageOf(error)}`;
    throw new ChartFault(`${what}; name a file in a folder that may be written to, or "--chart none"`);
  }
}

function main(): void {
  const options = parseOptions(process.argv.slice(2));
  const { policy, scaling, workers, cores } = options;
  const trace = load(options);
  const { run, figures } = runTrace(trace, options);
  const title = `${trace.name}: ${workers} … ${2 * workers} workers on ${cores} cores, scaling ${scaling}, offloading ${policy}`;
  if (options.json)
    console.log(JSON.stringify({ trace: trace.name, policy, scaling, workers, cores, ...figures }));
  else console.log(showRun(title, figures, timeline(trace, run, TABLE_PARTS)));
  if (options.chart === undefined) return;
  writeChart(options.chart, chartOfRun(title, timeline(trace, run, CHART_PARTS)));
  if (!options.json) console.log(`chart: ${options.chart}`);
}

try {
  main();
} catch (error) {
  if (!(error instanceof UsageFault || error instanceof TraceFault || error instanceof ChartFault))
    throw error;
  console.error(error.message);
  if (error instanceof UsageFault) console.error(`\n${USAGE}`);
  process.exitCode = EXIT_USAGE;
}
