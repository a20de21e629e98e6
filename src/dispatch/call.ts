/** What the client's side hands to dispatch, and what it gets back. */
import type { CloudReport } from '../cloud/backend.ts';
import type { CallError } from '../errors.ts';
import type { FunctionSpec } from '../functions/manifest.ts';
import type { ResultJson } from '../pool/answer.ts';
import type { Params } from '../pool/params.ts';

/** Where a call may run. */
export type Backend = 'pool' | 'cloud';

/** One call, as it arrived. */
export interface CallRequest {
  readonly spec: FunctionSpec;
  /** Undefined when the request had none. */
  readonly params: Params | undefined;
  /** performance.now() on arrival, in milliseconds: the deadline counts from here. */
  readonly arrivedAt: number;
  /** The whole time allowed, waiting included, in milliseconds. */
  readonly timeoutMs: number;
  /** The place the client forced, where that is allowed. A forced place never falls back. */
  readonly backend?: Backend;
  /** The trace it belongs to, in the form of W3C Trace Context; the function gets to see it. */
  readonly traceparent?: string;
  /** What the trace's systems tell each other beside it (tracestate), at most 512 characters. */
  readonly tracestate?: string;
}

/** From the decision to the answer, as expected in each place, in milliseconds, and what was decided. */
export interface Weighed {
  readonly reason: string;
  readonly localMs: number;
  readonly cloudMs: number;
}

/** Where and how long a call ran; durations in milliseconds. Absent worker and zero runMs: it never ran. */
export interface CallReport {
  /** The id under which slots, functions and the log know it; absent if it never reached dispatch. */
  readonly callId?: number;
  readonly backend?: Backend;
  readonly worker?: string;
  readonly queueMs: number;
  readonly runMs: number;
  /** What it took in the cloud, if the cloud answered it. */
  readonly cloud?: CloudReport;
  /** What was expected of it, if both places were weighed. */
  readonly placement?: Weighed;
}

/** Why a call's slot was lost; undefined while none was. */
export interface Loss {
  readonly workerId: string;
  readonly reason: string;
}

/** How a call ended. `json` is the result as it came, not yet checked to be JSON. */
export type Outcome =
  | { readonly ok: true; readonly json: ResultJson; readonly report: CallReport }
  | { readonly ok: false; readonly error: CallError; readonly report: CallReport };

/** A call under way. */
export interface PendingCall {
  /**
   * The client has gone: a call that wasn't started never will be, and `answer` won't be called any more. One that is
   * running goes on.
   */
  cancel(): void;
}

/**
 * The one verb of the data path: places a call and answers it.
 * `answer` is called exactly once, unless cancelled; possibly before dispatch returns.
 */
export type Dispatch = (request: CallRequest, answer: (outcome: Outcome) => void) => PendingCall;
