/** compare: the same call, several times in both places, side by side. */
import type { OperatorCallAnswer, Status } from '../admin/operations.ts';
import { compareFigures, type PlaceFigures, type Sample } from '../cloud/compare.ts';
import { forcedCall, PARAMS_HELP, positive, readParams } from './call.ts';
import { EXIT, type Command } from './command.ts';
import { CommandFailed, UsageFault } from './faults.ts';
import { ms, usd } from './output.ts';

const DEFAULT_CALLS = 20;

/** `spillway compare`. */
export const compare: Command = {
  name: 'compare',
  usage: 'METHOD [PARAMS…]',
  summary: 'the same call in the pool and in the cloud: time and money side by side',
  help: `${PARAMS_HELP}

--calls N             how many in each place (${DEFAULT_CALLS})
--machine-usd-hour X  what this machine costs an hour (0: it is there anyway)

The calls are made one after the other, in turns. Those in the cloud cost money.`,
  options: { calls: { type: 'string' }, 'machine-usd-hour': { type: 'string' } },
  words: [1, Infinity],
  heedsLeave: true,
  async run(context, args) {
    const { daemon, output, leave } = context;
    const [method = ''] = args.words;
    const params = await readParams(context, args);
    const calls = positive(args.options['calls'], '--calls') ?? DEFAULT_CALLS;
    const machineHourUsd = dollars(args.options['machine-usd-hour']);
    const { cloud, pool } = (await daemon.admin('status')) as Status;
    if (cloud.state !== 'ready') {
      const { state, reason, detail = reason } = cloud;
      throw new CommandFailed(
        `the cloud is ${state}${detail === state ? '' : `: ${detail ?? 'no reason known'}`}`,
      );
    }
    const samples: Sample[] = [];
    for (let i = 0; i < calls && !leave.aborted; i += 1) {
      for (const backend of ['pool', 'cloud'] as const) {
        const startedAt = performance.now();
        const answer = await forcedCall(context, { method, params, backend });
        samples.push(sampleOf(answer, backend, performance.now() - startedAt));
      }
    }
    const figures = compareFigures(samples, { machineHourUsd, slots: Math.max(1, pool.slots) });
    if (output.json) output.value(figures);
    else for (const line of output.table(['', 'pool', 'cloud'], rowsOf(figures))) output.line(line);
    return figures.pool.failed + figures.cloud.failed === 0 ? EXIT.ok : EXIT.failed;
  },
};

function sampleOf(answer: OperatorCallAnswer, backend: 'pool' | 'cloud', latencyMs: number): Sample {
  const { error, runMs, billedMs, costUsd, coldStart } = answer;
  return { backend, ok: error === undefined, latencyMs, runMs, billedMs, costUsd, coldStart };
}

function rowsOf({ pool, cloud }: Record<'pool' | 'cloud', PlaceFigures>): string[][] {
  const row = (name: string, read: (figures: PlaceFigures) => string): string[] => [
    name,
    read(pool),
    read(cloud),
  ];
  return [
    row('calls', ({ calls }) => String(calls)),
    row('failed', ({ failed }) => String(failed)),
    row('cold starts', ({ coldStarts }) => String(coldStarts)),
    row('latency, mean', ({ meanMs }) => ms(meanMs)),
    row('latency, p50', ({ p50Ms }) => ms(p50Ms)),
    row('latency, p99', ({ p99Ms }) => ms(p99Ms)),
    row('function’s own time, mean', ({ meanRunMs }) => ms(meanRunMs)),
    row('billed time', ({ billedMs }) => ms(billedMs)),
    row('cost', ({ costUsd }) => usd(costUsd)),
    row('cost of a million', ({ millionCallsUsd }) => usd(millionCallsUsd)),
  ];
}

function dollars(value: string | boolean | undefined): number {
  const number = Number(value ?? 0);
  if (Number.isFinite(number) && number >= 0 && value !== '') return number;
  throw new UsageFault(`--machine-usd-hour is ${JSON.stringify(value)}; give dollars, such as 0.05`);
}
