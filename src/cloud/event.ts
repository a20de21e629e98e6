/**
 * What the balancer and the handler in the cloud say to each other: the event's body, the answer's headers, and the
 * limits both keep. It is bundled into the handler, so it may import nothing that imports more.
 */
import { textOf, type Params } from '../pool/params.ts';

/** Lambda's limit on an event and on an answer, in bytes of JSON, less a margin for what the gateway wraps round it. */
export const MAX_PAYLOAD_BYTES = 5_500_000;

/** The handler stops a call after this long at most, in milliseconds: the gateway gives up at 29 s, and an answer takes its way back. */
export const MAX_RUN_MS = 28_000;

/** How long after its deadline a function may still take to notice its signal, in milliseconds, before its process is ended. */
export const ABORT_GRACE_MS = 250;

/** The longest that functions may print in one call, in bytes; more is cut off, since every byte of a log is paid for. */
export const MAX_LOG_BYTES = 65_536;

/** The method of a call that runs nothing: it tells whether the gateway answers and which bundle stands behind it. */
export const PROBE_METHOD = 'rpc.probe';

/** Headers of the handler's answer. An answer without OUTCOME isn't the handler's, but the gateway's own. */
export const HEADERS = {
  /** See HandlerOutcome. */
  outcome: 'spillway-outcome',
  bundle: 'spillway-bundle',
  runMs: 'spillway-run-ms',
  /** How long the process took to start; only there if this call started it. */
  initMs: 'spillway-init-ms',
  memoryMb: 'spillway-memory-mb',
  requestId: 'spillway-request-id',
  logBytes: 'spillway-log-bytes',
  /** What the call printed, as prints.ts has it; only there if it printed. */
  prints: 'spillway-prints',
  /** How many lines that leaves out, and the stream of the log that has them; only there if it leaves any out. */
  printsLeftOut: 'spillway-prints-left-out',
  logStream: 'spillway-log-stream',
} as const;

/** How the handler ended a call; oversize: with a result that only Lambda can't carry. */
export type HandlerOutcome = 'result' | 'failure' | 'oversize' | 'probe' | 'wrong-bundle';

/** What precedes the params in a body. */
export interface EventHead {
  readonly method: string;
  readonly callId: string;
  readonly remainingMs: number;
  /** The hash of the bundle that is to run it. */
  readonly bundle: string;
  /** A longer result is TooLarge, in bytes. */
  readonly maxResultBytes: number;
  /** As the client sent it; absent where there is none. */
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/**
 * Stands before the raw params, which come last. It can't occur earlier: inside a JSON string its quotes would be
 * escaped. So the params are taken out as they came, without being parsed.
 */
const PARAMS_KEY = ',"params":';

/** The event's body: one JSON object, with the params' own text in it. */
export function encodeEvent(head: EventHead, params: Params | undefined): string {
  const json = JSON.stringify(head);
  return params === undefined ? json : `${json.slice(0, -1)}${PARAMS_KEY}${textOf(params)}}`;
}

/** Undoes encodeEvent. @throws SyntaxError if the body is no such text. */
export function decodeEvent(body: string): { readonly head: EventHead; readonly params: string | undefined } {
  const at = body.indexOf(PARAMS_KEY);
  if (at < 0) return { head: JSON.parse(body) as EventHead, params: undefined };
  const head = JSON.parse(`${body.slice(0, at)}}`) as EventHead;
  return { head, params: body.slice(at + PARAMS_KEY.length, -1) };
}

/** No UTF-16 unit takes more bytes than this as part of a JSON string. */
const MOST_BYTES_A_UNIT = 6;

/** Whether a call with these params fits into an event, its other fields included. For megabytes it takes milliseconds. */
export function fitsEvent(params: Params | undefined): boolean {
  return (
    surelyFitsEvent(params) || (params !== undefined && escapedBytes(textOf(params)) < MAX_PAYLOAD_BYTES)
  );
}

/** Whether it fits whatever is in it: no work at all. */
export function surelyFitsEvent(params: Params | undefined): boolean {
  return params === undefined || params.length * MOST_BYTES_A_UNIT < MAX_PAYLOAD_BYTES;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;
/** \b \t \n \f \r: written with two characters. */
const SHORT_ESCAPES = new Set([0x08, 0x09, 0x0a, 0x0c, 0x0d]);

/**
 * How long the text becomes as a JSON string in UTF-8, quotes included, in bytes: what JSON.stringify makes of it. The
 * gateway puts a body into the event, and the handler's runtime an answer into its own, as such a string.
 */
export function escapedBytes(text: string): number {
  let bytes = 2;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < FIRST_PRINTABLE) bytes += SHORT_ESCAPES.has(unit) ? 2 : 6;
    else if (unit === QUOTE || unit === BACKSLASH) bytes += 2;
    else if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    // A surrogate is half of four bytes or, unpaired, written \udXXX in six.
    else if (unit >= 0xd800 && unit <= 0xdfff) bytes += isPaired(text, index, unit) ? 2 : 6;
    else bytes += 3;
  }
  return bytes;
}

function isPaired(text: string, index: number, unit: number): boolean {
  const low = unit >= 0xdc00;
  const other = text.charCodeAt(low ? index - 1 : index + 1);
  return low ? other >= 0xd800 && other <= 0xdbff : other >= 0xdc00 && other <= 0xdfff;
}
