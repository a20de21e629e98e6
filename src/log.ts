/** The log: pino's JSON lines on stdout, or the same lines made readable on a terminal. */
import { createRequire } from 'node:module';
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import type { PinoPretty } from 'pino-pretty';
import type { Config } from './config.ts';

export type { Logger } from 'pino';

/** What may carry a secret, at the top of a line or one or two levels down. */
const SECRET_FIELDS = [
  'authorization',
  'Authorization',
  'x-api-key',
  'X-Api-Key',
  'apiKey',
  'apiKeys',
  'token',
  'adminToken',
];
const SECRET_PATHS = SECRET_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`, `*.*["${field}"]`]);

/** Options of createLogger; `destination` is stdout unless a test wants the lines. */
export interface LogOptions {
  /** True: short coloured lines for people; false: JSON lines. */
  readonly terminal: boolean;
  readonly destination?: DestinationStream;
  /** Gets every line as JSON, whatever form it is written in. */
  readonly tap?: (line: string) => void;
}

/** The logger of the process. Both forms are written synchronously, so that the last line before an exit isn't lost. */
export function createLogger(level: Config['logLevel'], options: LogOptions): Logger {
  const settings = { level, redact: { paths: SECRET_PATHS, censor: '[hidden]' } };
  const written = options.terminal
    ? terminalStream(options.destination)
    : (options.destination ?? linesOnStdout());
  const { tap } = options;
  return pino(settings, tap === undefined ? written : tapped(written, tap));
}

/** Lines that can't be written wait, up to this many bytes; those that come then are lost. */
const MOST_UNWRITTEN_BYTES = 1_000_000;

/** A disk that is full of the log must not end what is logged: the lines wait until there is room. */
function linesOnStdout(): DestinationStream {
  const stdout = pino.destination({ dest: 1, sync: true, maxLength: MOST_UNWRITTEN_BYTES });
  stdout.on('error', () => undefined);
  return stdout;
}

function tapped(destination: DestinationStream, tap: (line: string) => void): DestinationStream {
  return {
    write(line) {
      tap(line);
      destination.write(line);
    },
  };
}

/** pino-pretty as a stream in this process: pino's usual transport would start a thread, and lose lines at a crash. */
function terminalStream(destination: DestinationStream | undefined): DestinationStream {
  // Loaded only where a person reads.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty;
  return pretty({
    sync: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    ...(destination === undefined
      ? {}
      : { destination: destination as NodeJS.WritableStream, colorize: false }),
  });
}
