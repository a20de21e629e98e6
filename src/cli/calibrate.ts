/** calibrate: a function at several sizes of memory in the cloud; what each takes and costs, and which to set. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FunctionStatus } from '../admin/operations.ts';
import type { CalibrationProgress } from '../cloud/backend.ts';
import {
  DEFAULT_SIZES_MB,
  MAX_RUNS,
  type CalibrationReport,
  type CalibrationSize,
} from '../cloud/calibration.ts';
import { PARAMS_HELP, readParams } from './call.ts';
import { EXIT, type Command, type Context } from './command.ts';
import { UsageFault } from './faults.ts';
import { ms, usd } from './output.ts';

/** How often it is asked how far it is, in milliseconds. */
const ASK_MS = 500;
/** A bar's longest, in columns. */
const BAR_COLUMNS = 40;

/** `spillway calibrate`. */
export const calibrate: Command = {
  name: 'calibrate',
  usage: 'METHOD [PARAMS…]',
  summary: 'measure a function in the cloud at several sizes of memory, and recommend one',
  help: `${PARAMS_HELP}

--sizes MB,MB,…  the sizes, in megabytes (${DEFAULT_SIZES_MB.join(', ')}; and always the present one)

It is done on a copy of the function in AWS, which is removed at the end: calls and the function that they
go to are left alone. The function runs up to ${MAX_RUNS} times at each size, which costs money like any call.
It takes about a minute, or several if the calls are long; Ctrl-C ends it, and the copy is removed then too.`,
  options: { sizes: { type: 'string' } },
  words: [1, Infinity],
  heedsLeave: true,
  async run(context, args) {
    const { daemon, output } = context;
    const [method = ''] = args.words;
    const params = await readParams(context, args);
    const sizesMb = sizesOption(args.options['sizes']);
    const functions = (await daemon.admin('functions.list')) as FunctionStatus[];
    if (functions.some(({ name, idempotent }) => name === method && !idempotent)) {
      output.note(`${method} isn't declared idempotent, and will run up to ${MAX_RUNS} times at each size`);
    }
    const order = {
      method,
      ...(params !== undefined && { params }),
      ...(sizesMb !== undefined && { sizesMb }),
    };
    const report = await withProgress(context, daemon.admin('cloud.calibrate', order));
    if (output.json) output.value(report);
    else show(context, report as CalibrationReport);
    return EXIT.ok;
  },
};

/** Waits for the answer, and tells on stderr what is being done; who leaves ends it. */
async function withProgress({ daemon, output, leave }: Context, answer: Promise<unknown>): Promise<unknown> {
  const answered = new AbortController();
  const ended = answer.finally(() => answered.abort());
  // Whether it fails is told by who waits for it below.
  ended.catch(() => undefined);
  let told = '';
  let stopped = false;
  while (!answered.signal.aborted) {
    if (leave.aborted && !stopped) {
      stopped = true;
      output.note('ending the calibration …');
      // Whatever becomes of it is told by the calibration's own answer.
      await daemon.admin('cloud.calibrate.stop').catch(() => undefined);
    }
    const progress = (await daemon
      .admin('cloud.calibration')
      .catch(() => null)) as CalibrationProgress | null;
    if (progress !== null && progress.text !== told && !answered.signal.aborted) {
      told = progress.text;
      output.note(output.tone('faint', `${told} …`));
    }
    const woken = stopped ? answered.signal : AbortSignal.any([answered.signal, leave]);
    await sleep(ASK_MS, undefined, { signal: woken }).catch(() => undefined);
  }
  return await ended;
}

function show({ output }: Context, report: CalibrationReport): void {
  const { method, sizes, presentMb, recommended, calls, costUsd, notes } = report;
  const heading = ['memory', 'calls', 'cold', 'p50', 'p95', 'billed', 'a million'];
  for (const line of output.table(heading, sizes.map(rowOf))) output.line(line);
  for (const { memoryMb, skipped } of sizes) {
    if (skipped !== undefined) output.line(output.tone('warning', `${memoryMb} MB was skipped: ${skipped}`));
  }
  const measured = sizes.filter(({ p50Ms }) => p50Ms !== undefined);
  const mark = ({ memoryMb }: CalibrationSize): string =>
    [
      ...(memoryMb === presentMb ? ['set now'] : []),
      ...(memoryMb === recommended.memoryMb ? ['recommended'] : []),
    ].join(', ');
  const chart = (
    title: string,
    read: (size: CalibrationSize) => number,
    tell: (value: number) => string,
  ): void => {
    const most = Math.max(...measured.map(read));
    const cells = measured.map((size) => [
      megabytes(size),
      bar(read(size) / most),
      tell(read(size)),
      mark(size),
    ]);
    output.line('');
    for (const line of output.table([title, '', '', ''], cells)) output.line(line);
  };
  chart('time (p50)', ({ p50Ms = 0 }) => p50Ms, ms);
  chart('a million calls', ({ costUsdPerMillion = 0 }) => costUsdPerMillion, usd);
  output.line('');
  output.line(output.tone('strong', `recommended: ${recommended.memoryMb} MB`) + `, ${recommended.why}.`);
  output.line(
    recommended.memoryMb === presentMb
      ? 'It is what is set.'
      : `To take it, set SPILLWAY_LAMBDA_MEMORY=${recommended.memoryMb} and restart; ${presentMb} is set now.`,
  );
  output.line(output.tone('faint', `${method} ran ${calls} times for this, which cost ${usd(costUsd)}.`));
  for (const note of notes) output.line(output.tone('warning', note));
}

function rowOf(size: CalibrationSize): string[] {
  const { runs, coldMs, p50Ms, p95Ms, billedMs, costUsdPerMillion: million } = size;
  const times = [coldMs, p50Ms, p95Ms, billedMs].map(ms);
  return [megabytes(size), String(runs), ...times, million === undefined ? '–' : usd(million)];
}

function megabytes({ memoryMb }: CalibrationSize): string {
  return `${memoryMb} MB`.padStart('10240 MB'.length);
}

/** A bar of the share of the longest, 0 to 1, to an eighth of a column. */
function bar(share: number): string {
  const eighths = Math.max(1, Math.round((Number.isFinite(share) ? share : 0) * BAR_COLUMNS * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + ' ▏▎▍▌▋▊▉'.charAt(eighths % 8).trim();
}

function sizesOption(value: string | boolean | undefined): number[] | undefined {
  if (value === undefined) return undefined;
  const sizes = String(value).split(',').map(Number);
  if (sizes.every((size) => Number.isSafeInteger(size) && size >= 128 && size <= 10_240)) return sizes;
  throw new UsageFault(
    `--sizes is ${JSON.stringify(value)}; give megabytes from 128 to 10240, such as 512,1769`,
  );
}
