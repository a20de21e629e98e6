/** call: one call of a function, from the command line. */
import type { OperatorCallAnswer } from '../admin/operations.ts';
import { EXIT, type Arguments, type Command, type Context } from './command.ts';
import { CommandFailed, UsageFault } from './faults.ts';
import type { ClientAnswer } from './daemon.ts';
import { ms } from './output.ts';
import { paramsOfText, paramsOfWords, type Params } from './params.ts';

/** What stands in the help of every command that takes a function's params. */
export const PARAMS_HELP = `PARAMS: each word is one param; what reads as JSON is that value, anything else a string. A single word
that is a JSON array or object is the params as they are. A single - reads them from standard
input: a JSON array or object, or else a text that is the only param.`;

/** `spillway call`. */
export const call: Command = {
  name: 'call',
  usage: 'METHOD [PARAMS…]',
  summary: 'call a function; says on stderr where it ran and how long',
  help: `${PARAMS_HELP}

--backend pool|cloud  forces the place (over the admin port)
--timeout MS          shortens the deadline`,
  options: { backend: { type: 'string' }, timeout: { type: 'string' } },
  words: [1, Infinity],
  async run(context, args) {
    const [method = ''] = args.words;
    const params = await readParams(context, args);
    const timeoutMs = positive(args.options['timeout'], '--timeout');
    const backend = placeOption(args.options['backend']);
    const startedAt = performance.now();
    const answer =
      backend === undefined
        ? await context.daemon.call(method, params, timeoutMs)
        : await forcedCall(context, { method, params, backend, timeoutMs });
    const elapsedMs = performance.now() - startedAt;
    return show(context, answer, elapsedMs);
  },
};

/** A call at a forced place, over the admin port. */
export async function forcedCall(
  { daemon }: Pick<Context, 'daemon'>,
  plea: { method: string; params: Params; backend: 'pool' | 'cloud'; timeoutMs?: number | undefined },
): Promise<OperatorCallAnswer> {
  const { method, params, backend, timeoutMs } = plea;
  return (await daemon.admin('functions.call', {
    method,
    ...(params !== undefined && { params }),
    backend,
    ...(timeoutMs !== undefined && { timeoutMs }),
  })) as OperatorCallAnswer;
}

/** The params among a command's words, which begin with the method. */
export async function readParams({ readInput }: Context, { words }: Arguments): Promise<Params> {
  const [, ...rest] = words;
  return rest.length === 1 && rest[0] === '-' ? paramsOfText(await readInput()) : paramsOfWords(rest);
}

/** A positive whole number, or nothing. @throws UsageFault */
export function positive(value: string | boolean | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new UsageFault(`${name} is ${JSON.stringify(value)}; give a whole number over 0`);
}

function placeOption(value: string | boolean | undefined): 'pool' | 'cloud' | undefined {
  if (value === undefined || value === 'pool' || value === 'cloud') return value;
  throw new UsageFault(`--backend is ${JSON.stringify(value)}; give pool or cloud`);
}

function show({ output }: Context, answer: ClientAnswer, elapsedMs: number): number {
  if (output.json) output.value({ ...answer, elapsedMs });
  const { backend, worker, queueMs, runMs, callId, error } = answer;
  const place = [backend ?? 'ran nowhere', worker].filter((part) => part !== undefined).join(' ');
  const times = [
    queueMs === undefined ? [] : [`waited ${ms(queueMs)}`],
    runMs === undefined ? [] : [`ran ${ms(runMs)}`],
    [`${ms(elapsedMs)} in all`],
    callId === undefined ? [] : [`call ${callId}`],
  ].flat();
  output.note(`${place}: ${times.join(', ')}`, 'faint');
  if (error !== undefined) {
    const data = error.data === undefined ? '' : ` ${JSON.stringify(error.data)}`;
    throw new CommandFailed(`${error.message} (${error.code})${data}`);
  }
  if (!output.json) {
    const { result } = answer;
    output.line(typeof result === 'string' ? result : JSON.stringify(result ?? null, null, 2));
  }
  return EXIT.ok;
}
