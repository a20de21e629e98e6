/**
 * Feeds mutated inputs to whatever takes input: npm run fuzz -- [--minutes M | --inputs N] [--seed S] [--target NAME]
 *
 * The same seed gives the same inputs. Prints what was fed; a finding comes with its seed, its number and its input, made
 * as short as it could be, and the exit code is 1. To repeat a finding: --repeat BASE64 --target NAME
 */
import { connectionsTarget } from './fuzz/connections.ts';
import { framesTarget } from './fuzz/frames.ts';
import { frontTarget } from './fuzz/front.ts';
import { functionsTarget } from './fuzz/functions.ts';
import { protocolTarget } from './fuzz/protocol.ts';
import { fuzz, type FuzzReport } from './fuzz/run.ts';
import { manifestTarget, settingsTarget } from './fuzz/settings.ts';
import type { Target } from './fuzz/target.ts';
import { readOptions } from './options.ts';

/** How the inputs, and the time, are shared out: slow targets get fewer inputs for their time. */
const TARGETS: readonly {
  readonly name: string;
  readonly open: () => Target | Promise<Target>;
  readonly inputShare: number;
  readonly timeShare: number;
}[] = [
  { name: 'protocol', open: protocolTarget, inputShare: 0.4, timeShare: 0.2 },
  { name: 'frames', open: framesTarget, inputShare: 0.35, timeShare: 0.1 },
  { name: 'settings', open: settingsTarget, inputShare: 0.1, timeShare: 0.1 },
  { name: 'manifest', open: manifestTarget, inputShare: 0.1, timeShare: 0.1 },
  { name: 'front', open: () => frontTarget(), inputShare: 0.04, timeShare: 0.3 },
  { name: 'connections', open: connectionsTarget, inputShare: 0.0099, timeShare: 0.1 },
  { name: 'functions', open: functionsTarget, inputShare: 0.0001, timeShare: 0.1 },
];

const values = readOptions(
  'npm run fuzz -- [--minutes M | --inputs N] [--seed S] [--target NAME] [--repeat BASE64]',
  {
    minutes: 'number',
    inputs: 'number',
    seed: 'number',
    target: { choice: TARGETS.map(({ name }) => name) },
    repeat: 'text',
  },
);

function tell({ target, inputs, seconds, grownMb, finding }: FuzzReport): void {
  const rate = Math.round(inputs / seconds);
  console.log(
    `${target.padEnd(12)} ${String(inputs).padStart(9)} inputs in ${seconds.toFixed(1).padStart(7)} s (${rate}/s), ` +
      `memory ${grownMb >= 0 ? '+' : ''}${Math.round(grownMb)} MB${finding === undefined ? '' : ': FOUND'}`,
  );
  if (finding === undefined) return;
  console.log(
    `  ${finding.what}\n  seed ${finding.seed}, input ${finding.index}, made as short as possible:`,
  );
  console.log(`  ${JSON.stringify(finding.input.toString('latin1').slice(0, 2000))}`);
  console.log(`  --target ${finding.target} --repeat ${finding.input.toString('base64').slice(0, 4000)}`);
}

async function main(): Promise<number> {
  const seed = values.seed ?? Math.floor(Math.random() * 2 ** 31);
  const inputs = values.inputs ?? Infinity;
  const ms = (values.minutes ?? (inputs === Infinity ? 1 : Infinity)) * 60_000;
  console.log(`seed ${seed}`);
  let total = 0;
  let found = 0;
  const chosen = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
  for (const { open, inputShare, timeShare } of chosen) {
    const target = await open();
    if (values.repeat !== undefined) {
      console.log((await target.run(Buffer.from(values.repeat, 'base64'), 1)) ?? 'nothing is wrong');
      await target.finish();
      continue;
    }
    const alone = chosen.length === 1;
    const report = await fuzz(target, seed, {
      inputs: inputs === Infinity ? inputs : Math.ceil(inputs * (alone ? 1 : inputShare)),
      ms: ms * (alone ? 1 : timeShare),
    });
    tell(report);
    total += report.inputs;
    if (report.finding !== undefined) found++;
  }
  console.log(`${total} inputs in all, ${found} findings`);
  return found > 0 ? 1 : 0;
}

process.exitCode = await main();
