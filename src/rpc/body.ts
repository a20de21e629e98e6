/** What all calls of one body have in common, and what they need of the balancer. */
import type { Logger } from 'pino';
import type { CallRequest, Dispatch } from '../dispatch/call.ts';
import type { FunctionSpec, Manifest } from '../functions/manifest.ts';
import type { CallOptions } from './call-options.ts';
import type { Reply } from './reply.ts';
import type { ParsedRequest } from './request.ts';

/** What the protocol needs of the balancer. */
export interface ProtocolDeps {
  /** The functions; undefined until they are known, when calls get Overloaded. */
  manifest(): Manifest | undefined;
  readonly dispatch: Dispatch;
  /** Whether so many further calls of a function had better stay in their batch for now: see Dispatcher.holdsBack. */
  holdsBack?(spec: FunctionSpec, count: number): boolean;
  /** A worker answered with something that isn't one JSON value: the pool ejects it. */
  onBadResult(workerId: string): void;
  readonly log: Logger;
}

/** The protocol's settings. */
export interface ProtocolOptions {
  /** The limit of one result and of all answers to a batch together, in bytes. */
  readonly maxBodyBytes: number;
  /** How many entries a batch may have. */
  readonly maxBatch: number;
  /** How many calls of one batch may be with dispatch at once. */
  readonly batchWindow: number;
  /** The deadline of functions that set none of their own, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether clients may force the place of a call. */
  readonly backendChoice: boolean;
  /** Spillway's version, for rpc.discover. */
  readonly version?: string;
}

/** One body under way. */
export interface BodyContext {
  readonly deps: ProtocolDeps;
  readonly options: ProtocolOptions;
  readonly callOptions: CallOptions;
  /** performance.now() when the body had arrived in full, in milliseconds. */
  readonly arrivedAt: number;
  /** Takes the reply; undefined where there is nothing to say. */
  readonly answer: (reply: Reply | undefined) => void;
}

/** The call that dispatch gets: the client can only shorten the function's own time limit. */
export function callRequest(spec: FunctionSpec, request: ParsedRequest, body: BodyContext): CallRequest {
  const { params } = request;
  const { arrivedAt, callOptions, options } = body;
  const timeoutMs = Math.min(callOptions.timeoutMs, spec.timeoutMs ?? options.timeoutMs);
  const { backend, traceparent, tracestate } = callOptions;
  if (backend === undefined && traceparent === undefined) return { spec, params, arrivedAt, timeoutMs };
  return {
    ...{ spec, params, arrivedAt, timeoutMs },
    ...(backend !== undefined && { backend }),
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
  };
}
