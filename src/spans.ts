/** One span for each call, sent over OTLP. Loaded only where OpenTelemetry's variables say where to. */
import {
  createTraceState,
  diag,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import type { Context, Span, Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { CallRequest, Outcome } from './dispatch/call.ts';
import type { CallObserver, ObservedCall } from './dispatch/observer.ts';
import type { Logger } from './log.ts';

/** How long a stop waits for the last spans to be taken, in milliseconds. */
const FLUSH_MS = 2000;
/** A collector that is away is told of once in so many milliseconds. */
const QUIET_MS = 60_000;
const HEX = 16;

/** Of the clock that calls are timed by. OpenTelemetry would take whole milliseconds of another, which may be set back. */
const nowMs = (): number => performance.timeOrigin + performance.now();

/**
 * Spans of calls. At most 2048 that ended wait to be sent (OTEL_BSP_MAX_QUEUE_SIZE); more are dropped, so that a collector that is
 * away costs no memory and no call. A call whose client has left ends no span.
 */
export class Spans {
  readonly #provider: BasicTracerProvider;
  readonly #tracer: Tracer;
  /** By what was dispatched; nobody else holds one for longer than the call. */
  readonly #spans = new WeakMap<CallRequest, Span>();

  constructor(version: string, log: Logger) {
    diag.setLogger(quietly(log));
    const own = resourceFromAttributes({ 'service.name': 'spillway', 'service.version': version });
    // Both read the standard variables: endpoint, headers, time limits, sampler, queue.
    this.#provider = new BasicTracerProvider({
      resource: own.merge(detectResources({ detectors: [envDetector] })),
      spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
    });
    this.#tracer = this.#provider.getTracer('spillway', version);
  }

  /** The call as it is to be dispatched: in the client's trace, or one of its own, and below a span of its own. */
  enter(request: CallRequest): CallRequest {
    const span = this.#tracer.startSpan(
      request.spec.name,
      {
        kind: SpanKind.SERVER,
        startTime: performance.timeOrigin + request.arrivedAt,
        attributes: { 'rpc.system': 'jsonrpc', 'rpc.method': request.spec.name },
      },
      parentOf(request),
    );
    const { traceId, spanId, traceFlags } = span.spanContext();
    const flags = traceFlags.toString(HEX).padStart(2, '0');
    const entered = { ...request, traceparent: `00-${traceId}-${spanId}-${flags}` };
    if (span.isRecording()) this.#spans.set(entered, span);
    return entered;
  }

  /** Tells `observer` all, and ends each call's span with how it went. */
  observe(observer: CallObserver): CallObserver {
    return {
      placed: (...told) => observer.placed(...told),
      placedAgain: (call, reason) => {
        observer.placedAgain(call, reason);
        this.#spans.get(call.request)?.addEvent('placed again', { reason }, nowMs());
      },
      answered: (call, outcome) => {
        observer.answered(call, outcome);
        this.#end(call, outcome);
      },
    };
  }

  /** Sends what is left, for a moment. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_MS);
    });
    await Promise.race([this.#provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
    diag.disable();
  }

  #end({ callId, request }: ObservedCall, outcome: Outcome): void {
    const span = this.#spans.get(request);
    if (span === undefined) return;
    const { backend, worker, queueMs, runMs, cloud } = outcome.report;
    span.setAttributes({
      'spillway.call': String(callId),
      'spillway.outcome': outcome.ok ? 'ok' : outcome.error.name,
      'spillway.queue_ms': queueMs,
      'spillway.run_ms': runMs,
      ...(backend !== undefined && { 'spillway.backend': backend }),
      ...(worker !== undefined && { 'spillway.worker': worker }),
      ...(cloud !== undefined && { 'spillway.cost_usd': cloud.costUsd }),
    });
    if (!outcome.ok) {
      span.setAttribute('rpc.jsonrpc.error_code', outcome.error.code);
      span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.error.message });
    }
    span.end(nowMs());
  }
}

/** Both are well-formed, where they are there: the front has seen to that. */
function parentOf({ traceparent, tracestate }: CallRequest): Context {
  if (traceparent === undefined) return ROOT_CONTEXT;
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  const traceFlags = parseInt(flags, HEX) & TraceFlags.SAMPLED;
  const parent = { traceId, spanId, traceFlags, isRemote: true };
  const traceState = tracestate === undefined ? undefined : createTraceState(tracestate);
  return trace.setSpanContext(ROOT_CONTEXT, traceState === undefined ? parent : { ...parent, traceState });
}

/** OpenTelemetry's own complaints as lines of the log, few of them. */
function quietly(log: Logger): Parameters<typeof diag.setLogger>[0] {
  let saidAt = -Infinity;
  const say = (message: string, ...rest: unknown[]): void => {
    const now = performance.now();
    if (now - saidAt < QUIET_MS) return;
    saidAt = now;
    log.warn(`traces: ${[message, ...rest.map(String)].join(' ').slice(0, 500)}`);
  };
  const nothing = (): void => undefined;
  return { error: say, warn: say, info: nothing, debug: nothing, verbose: nothing };
}
