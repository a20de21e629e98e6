/**
 * The shell round the bundle on AWS Lambda: takes the gateway's event, runs the call, answers with the raw result and
 * what the call took. zip.ts bundles it with its imports; the functions' bundle lies beside it, unchanged.
 */
import { readFileSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import {
  ABORT_GRACE_MS,
  HEADERS,
  MAX_LOG_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_RUN_MS,
  PROBE_METHOD,
} from '../src/cloud/event.ts';
import { decodeEvent, escapedBytes, type EventHead, type HandlerOutcome } from '../src/cloud/event.ts';
import { loadBundle, type InvokeContext, type InvokeOutcome } from '../worker/bundle.ts';
import { meterLogs } from './logs.ts';
import { gatherPrints, printed, type CallPrints } from './prints.ts';

/** The part of the gateway's proxy event that matters here. */
export interface GatewayEvent {
  readonly body?: string | null;
  readonly isBase64Encoded?: boolean;
}

/** What the gateway makes an HTTP answer of. */
export interface GatewayAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The part of Lambda's own context that matters here. */
export interface LambdaContext {
  readonly awsRequestId?: string;
  readonly logStreamName?: string;
}

// Functions get the variables they were given and nothing else, as in a worker: here the rest would be AWS credentials.
const given = JSON.parse(process.env['SPILLWAY_FUNCTION_ENV'] ?? '{}') as Record<string, string>;
for (const name of Object.keys(process.env)) Reflect.deleteProperty(process.env, name);
Object.assign(process.env, given, { TMPDIR: '/tmp' });

const logs = meterLogs(MAX_LOG_BYTES, printed);
const bundleHash = readFileSync(new URL('./bundle.hash', import.meta.url), 'utf8');
// As a worker loads it: with Node's own modules and nothing that happens to lie about here.
const code = readFileSync(new URL('./bundle.cjs', import.meta.url));
const { bundle } = loadBundle(code, Buffer.alloc(0));

const STDERR = 2;
/** What stands there of a call, the 0 at its end included, in bytes. */
const LABEL_BYTES = 256;
const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT + LABEL_BYTES);
const watchdogWord = new Int32Array(shared, 0, 1);
const watchdogLabel = Buffer.from(shared, Int32Array.BYTES_PER_ELEMENT);
/** The call that runs, as the log has it. */
let underWay: string | undefined;
new Worker(new URL('./watchdog.mjs', import.meta.url), { workerData: { shared }, env: {} }).unref();

// Of a call that ends its process the balancer hears nothing but that there is no answer. The log shall know which it was.
process.once('exit', (code) => {
  if (underWay === undefined) return;
  writeSync(STDERR, `spillway: the process ended under ${underWay}, with exit code ${code}\n`);
});

/** How long this process took to start; told once, with its first call. */
let initMs: number | undefined = performance.now();

/** Lambda's entry point. */
export async function handler(event: GatewayEvent, context: LambdaContext): Promise<GatewayAnswer> {
  const startedAt = performance.now();
  logs.reset();
  const { head, params } = decodeEvent(bodyOf(event));
  const { ended: run, prints } = await gatherPrints(() => runCall(head, params, context.awsRequestId));
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    [HEADERS.outcome]: run.outcome,
    [HEADERS.bundle]: bundleHash,
    [HEADERS.runMs]: (performance.now() - startedAt).toFixed(3),
    [HEADERS.memoryMb]: (process.memoryUsage.rss() / 1024 / 1024).toFixed(1),
    [HEADERS.logBytes]: String(logs.bytes()),
    [HEADERS.requestId]: context.awsRequestId ?? '',
    ...printsHeaders(prints, context),
  };
  if (initMs !== undefined) headers[HEADERS.initMs] = initMs.toFixed(3);
  initMs = undefined;
  return { statusCode: 200, headers, body: run.body };
}

/** None where nothing was printed. */
function printsHeaders(
  { header, leftOut }: CallPrints,
  { logStreamName }: LambdaContext,
): Record<string, string> {
  if (header === '' && leftOut === 0) return {};
  return {
    [HEADERS.prints]: header,
    ...(leftOut > 0 && {
      [HEADERS.printsLeftOut]: String(leftOut),
      [HEADERS.logStream]: logStreamName ?? '',
    }),
  };
}

function bodyOf(event: GatewayEvent): string {
  const body = event.body ?? '';
  return event.isBase64Encoded === true ? Buffer.from(body, 'base64').toString('utf8') : body;
}

interface Run {
  readonly outcome: HandlerOutcome;
  readonly body: string;
}

async function runCall(
  head: EventHead,
  params: string | undefined,
  requestId: string | undefined,
): Promise<Run> {
  if (head.method === PROBE_METHOD) return { outcome: 'probe', body: '{}' };
  if (head.bundle !== bundleHash) return { outcome: 'wrong-bundle', body: '{}' };
  const limitMs = Math.max(1, Math.min(head.remainingMs, MAX_RUN_MS));
  const label = `call ${head.callId} of ${head.method} (request ${requestId ?? 'unknown'})`;
  const outcome = await guarded(limitMs, label, (signal) => {
    const context: InvokeContext = {
      signal,
      deadline: Date.now() + limitMs,
      callId: head.callId,
      backend: 'cloud',
      ...(head.traceparent !== undefined && { traceparent: head.traceparent }),
      ...(head.tracestate !== undefined && { tracestate: head.tracestate }),
    };
    return bundle.invoke(head.method, params, context);
  });
  const json = outcome.ok ? outcome.json : JSON.stringify(outcome);
  const over = tooLarge(json, head.maxResultBytes);
  if (over !== undefined) {
    return {
      outcome: over,
      body: JSON.stringify({ kind: 'TooLarge', message: 'the result is over the limit' }),
    };
  }
  return { outcome: outcome.ok ? 'result' : 'failure', body: json };
}

/**
 * Runs a call under its deadline: its signal aborts when the time is up, and shortly after the process is ended, whatever
 * it does. Nobody waits for the answer by then.
 */
async function guarded(
  limitMs: number,
  label: string,
  work: (signal: AbortSignal) => InvokeOutcome | Promise<InvokeOutcome>,
): Promise<InvokeOutcome> {
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort(new DOMException('The deadline passed', 'TimeoutError'));
  }, limitMs);
  underWay = label;
  watchdogLabel[watchdogLabel.write(label, 0, LABEL_BYTES - 1)] = 0;
  setWatchdog(limitMs + ABORT_GRACE_MS);
  try {
    return await work(abort.signal);
  } finally {
    setWatchdog(0);
    underWay = undefined;
    clearTimeout(timer);
  }
}

function setWatchdog(limitMs: number): void {
  Atomics.store(watchdogWord, 0, Math.ceil(limitMs));
  Atomics.notify(watchdogWord, 0);
}

/** Over the pool's limit: a failure. Over what Lambda can hand back, which takes the body as a JSON string: oversize. */
function tooLarge(json: string, maxResultBytes: number): 'failure' | 'oversize' | undefined {
  if (json.length > maxResultBytes || Buffer.byteLength(json) > maxResultBytes) return 'failure';
  const SURELY_FITS_CHARS = MAX_PAYLOAD_BYTES / 6;
  return json.length > SURELY_FITS_CHARS && escapedBytes(json) > MAX_PAYLOAD_BYTES ? 'oversize' : undefined;
}
