/** logs: the daemon's log as it is written, or all that is known of one call. */
import { EXIT, type Command } from './command.ts';
import type { Output, Tone } from './output.ts';

/** How long a call that is over is still listened to, in milliseconds: what had been said of it before comes in one go. */
const LAST_WORDS_MS = 300;

/** `spillway logs`. */
export const logs: Command = {
  name: 'logs',
  usage: '[CALL]',
  summary: 'follow the log, or what happens to the call with this id until it is over',
  help: `Calls are shown whatever SPILLWAY_LOG_LEVEL says. Of what has been, the last 1000 lines and 2000 steps of calls are known.
A call that isn't known is waited for.

--once  ends with what has been; then an unknown call is an error`,
  options: { once: { type: 'boolean' } },
  words: [0, 1],
  heedsLeave: true,
  async run({ daemon, output, leave }, { words: [callId], options }) {
    const query = new URLSearchParams();
    if (callId !== undefined) query.set('call', callId);
    if (options['once'] === true) query.set('follow', 'false');
    let lines = 0;
    const over = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    try {
      const signal = AbortSignal.any([leave, over.signal]);
      for await (const line of daemon.events(`/logs?${query.toString()}`, signal)) {
        lines += 1;
        if (output.json) output.value(line);
        else output.line(logLine(line as LogLine, output));
        if (callId !== undefined && isOutcome(line as LogLine))
          timer ??= setTimeout(() => over.abort(), LAST_WORDS_MS);
      }
    } finally {
      clearTimeout(timer);
    }
    if (lines > 0 || callId === undefined || leave.aborted) return EXIT.ok;
    output.note(`nothing is known of call ${callId}`);
    return EXIT.failed;
  },
};

interface LogLine {
  readonly level?: number;
  readonly time?: number;
  readonly msg?: string;
  readonly outcome?: unknown;
  readonly [more: string]: unknown;
}

/** Whether it tells how a call ended; what functions print has no outcome. */
function isOutcome({ msg, outcome }: LogLine): boolean {
  return msg === 'call' && outcome !== undefined;
}

/** pino's numbers. */
const LEVELS: readonly (readonly [number, string, Tone])[] = [
  [50, 'ERROR', 'bad'],
  [40, 'WARN', 'warning'],
  [30, 'INFO', 'good'],
  [20, 'DEBUG', 'faint'],
  [0, 'TRACE', 'faint'],
];
/** In every line, and of no use to a reader. */
const UNSAID = new Set(['level', 'time', 'msg', 'pid', 'hostname']);

/** A line of the log as people read it. */
function logLine(line: LogLine, output: Output): string {
  const [, name = '', tone = 'faint'] = LEVELS.find(([least]) => (line.level ?? 0) >= least) ?? [];
  const fields = Object.entries(line).flatMap(([field, value]) =>
    UNSAID.has(field) || value === undefined ? [] : [`${field}=${plain(value, field)}`],
  );
  const time = new Date(line.time ?? 0).toISOString().slice(11, 23);
  return `${output.tone('faint', time)} ${output.tone(tone, name.padEnd(5))} ${line.msg ?? ''}  ${output.tone('faint', fields.join(' '))}`.trimEnd();
}

function plain(value: unknown, field: string): string {
  if (typeof value === 'number') {
    // A call costs millionths of a dollar; times need no more than microseconds.
    return field.endsWith('Usd') ? value.toFixed(9) : String(Math.round(value * 1000) / 1000);
  }
  return typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value);
}
