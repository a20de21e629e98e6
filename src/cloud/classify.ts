/** What an exchange with the gateway means: the handler's answer, or the gateway's own, or none. Pure. */
import type { CloudReason } from './backend.ts';
import type { Exchange } from './channel.ts';
import { HEADERS, MAX_RUN_MS, type HandlerOutcome } from './event.ts';
import { decodePrints, type PrintedLine } from './prints.ts';

/** What the handler said about the run; absent where it said nothing usable. */
export interface HandlerReport {
  readonly bundle: string | undefined;
  readonly runMs: number | undefined;
  readonly initMs: number | undefined;
  readonly memoryMb: number | undefined;
  readonly logBytes: number | undefined;
  readonly requestId: string | undefined;
  /** What the call printed, as far as the answer has it. */
  readonly prints: readonly PrintedLine[];
  /** What that took of the answer, in bytes. */
  readonly printsBytes: number;
  /** How many lines are only in the cloud's own log, and in which stream of it. */
  readonly printsLeftOut: number | undefined;
  readonly logStream: string | undefined;
}

/** The handler answered. */
export interface HandlerVerdict {
  readonly from: 'handler';
  readonly outcome: HandlerOutcome;
  readonly body: Buffer;
  readonly report: HandlerReport;
}

/** What an exchange means. */
export type Verdict = HandlerVerdict | { readonly from: 'gateway'; readonly refusal: Refusal };

/** The handler didn't answer. */
export interface Refusal {
  readonly reason: CloudReason;
  /** False only if the function certainly never started. */
  readonly mayHaveRun: boolean;
  /** What AWS asks for it: nothing, the gateway's request only, or anything up to the worst case. */
  readonly costs: 'nothing' | 'request' | 'unknown';
  /** False: it was this one call's fault, and says nothing of the others. */
  readonly othersToo: boolean;
  /** For the log. */
  readonly detail: string;
  /** The gateway's own name for the request; absent where it gave none. */
  readonly gatewayRequestId?: string;
}

/**
 * Lambda's own words for a throttled invocation, as they come through the gateway in the body of a 500 or 502. The
 * function was never started then.
 */
const THROTTLE_WORDS =
  /TooManyRequestsException|Rate exceeded|ConcurrentInvocationLimitExceeded|Lambda was throttled/i;
const DETAIL_CHARS = 200;
/** A timer may fire this much early, in milliseconds. */
const EARLY_MS = 50;
const NO_PRINTS: readonly PrintedLine[] = [];
const OUTCOMES: ReadonlySet<string> = new Set<HandlerOutcome>([
  'result',
  'failure',
  'oversize',
  'probe',
  'wrong-bundle',
]);

/** Reads an exchange. */
export function classify(exchange: Exchange): Verdict {
  if (!exchange.ok) {
    const refusal: Refusal = {
      reason: 'unreachable',
      mayHaveRun: exchange.sent,
      costs: exchange.sent ? 'unknown' : 'nothing',
      othersToo: true,
      detail: exchange.code,
    };
    return { from: 'gateway', refusal };
  }
  const outcome = exchange.headers[HEADERS.outcome];
  if (typeof outcome === 'string' && OUTCOMES.has(outcome)) {
    return {
      from: 'handler',
      outcome: outcome as HandlerOutcome,
      body: exchange.body,
      report: readReport(exchange.headers),
    };
  }
  const refusal = refusalOf(exchange.status, exchange.body);
  const gatewayRequestId = readText(exchange.headers['x-amzn-requestid']);
  return {
    from: 'gateway',
    refusal: gatewayRequestId === undefined ? refusal : { ...refusal, gatewayRequestId },
  };
}

/** The gateway's answers, by status (docs: API Gateway, "Gateway response types"; Lambda, "Errors with API Gateway"). */
function refusalOf(status: number, body: Buffer): Refusal {
  const text = body.toString('utf8', 0, DETAIL_CHARS * 2);
  const detail = `${status} ${text.slice(0, DETAIL_CHARS)}`;
  const never = { mayHaveRun: false, othersToo: true, detail } as const;
  const perhaps = { mayHaveRun: true, othersToo: true, costs: 'unknown', detail } as const;
  // The key isn't known (yet), or the stage is gone. AWS asks nothing for either.
  if (status === 403 || status === 401 || status === 404)
    return { ...never, reason: 'access denied', costs: 'nothing' };
  if (status === 429) return { ...never, reason: 'throttled', costs: 'request' };
  // An event over the limit, and the like: another call may well pass.
  if (status >= 400 && status < 500)
    return { ...never, reason: 'failing', costs: 'request', othersToo: false };
  if (THROTTLE_WORDS.test(text)) return { ...never, reason: 'throttled', costs: 'request' };
  // A throttled function or a missing permission, says the documentation; but the gateway's own faults look the same.
  if (status === 500) return { ...perhaps, reason: 'throttled' };
  if (status === 504) return { ...perhaps, reason: 'timeout' };
  // 502: the process ended under the call (out of memory, exit), or couldn't start. 200: something answered in between.
  return { ...perhaps, reason: 'failing' };
}

/**
 * Whether a failure is the cloud's own limit and not the function's answer: the signal that ended it came before its deadline, or its
 * result would have been right anywhere else.
 */
export function cloudLimit(
  { outcome, report }: HandlerVerdict,
  remainingMs: number,
): CloudReason | undefined {
  if (outcome === 'oversize') return 'result too large';
  const stopped = remainingMs > MAX_RUN_MS && (report.runMs ?? 0) >= MAX_RUN_MS - EARLY_MS;
  return stopped ? 'timeout' : undefined;
}

function readReport(headers: Readonly<Record<string, string | string[] | undefined>>): HandlerReport {
  const number = (name: string): number | undefined => {
    const value = headers[name];
    const read = typeof value === 'string' && value !== '' ? Number(value) : NaN;
    return Number.isFinite(read) && read >= 0 ? read : undefined;
  };
  const text = (name: string): string | undefined => readText(headers[name]);
  const prints = headers[HEADERS.prints];
  return {
    bundle: text(HEADERS.bundle),
    runMs: number(HEADERS.runMs),
    initMs: number(HEADERS.initMs),
    memoryMb: number(HEADERS.memoryMb),
    logBytes: number(HEADERS.logBytes),
    requestId: text(HEADERS.requestId),
    prints: prints === undefined ? NO_PRINTS : decodePrints(prints),
    printsBytes: typeof prints === 'string' ? prints.length : 0,
    printsLeftOut: number(HEADERS.printsLeftOut),
    logStream: text(HEADERS.logStream),
  };
}

function readText(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, DETAIL_CHARS) : undefined;
}
