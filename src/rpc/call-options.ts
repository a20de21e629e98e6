/** The request headers that shape a call: `spillway-timeout-ms`, `spillway-backend`, `traceparent` and `tracestate`. */
import { invalidRequest, type CallError } from '../errors.ts';
import type { Backend } from '../dispatch/call.ts';
import { readTracestate } from './tracestate.ts';

/** The headers' values as they were sent; undefined where they weren't. */
export interface CallHeaders {
  readonly timeoutMs: string | undefined;
  readonly backend: string | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** What the client asks of every call in its body. With a `fault`, no call may be placed: each gets the fault. */
export interface CallOptions {
  /** The client's own limit in milliseconds; it only ever shortens a deadline. */
  readonly timeoutMs: number;
  readonly backend: Backend | undefined;
  /** The client's trace, if it sent one that is well-formed; 55 characters. */
  readonly traceparent: string | undefined;
  /** What it sent beside it, if both are well-formed; at most 512 characters. */
  readonly tracestate: string | undefined;
  readonly fault: CallError | undefined;
}

const PLAIN: CallOptions = {
  timeoutMs: Infinity,
  backend: undefined,
  traceparent: undefined,
  tracestate: undefined,
  fault: undefined,
};
const POSITIVE_INTEGER = /^[1-9][0-9]*$/;

/** Reads the headers of one request. `backendChoice`: whether clients may force the place (SPILLWAY_BACKEND_CHOICE). */
export function parseCallHeaders(headers: CallHeaders, backendChoice: boolean): CallOptions {
  const { timeoutMs, backend } = headers;
  if (timeoutMs === undefined && backend === undefined && headers.traceparent === undefined) return PLAIN;
  if (timeoutMs !== undefined && !POSITIVE_INTEGER.test(timeoutMs)) {
    return fault(
      `the header spillway-timeout-ms is ${quote(timeoutMs)}; send a positive integer of milliseconds`,
    );
  }
  if (backend !== undefined && !backendChoice) {
    const hint = 'leave it out, or start the balancer with SPILLWAY_BACKEND_CHOICE=true';
    return fault(`the header spillway-backend (${quote(backend)}) isn't allowed here; ${hint}`);
  }
  if (backend !== undefined && backend !== 'pool' && backend !== 'cloud') {
    return fault(`the header spillway-backend is ${quote(backend)}; send pool or cloud`);
  }
  const traceparent = wellFormed(headers.traceparent);
  return {
    timeoutMs: timeoutMs === undefined ? Infinity : Number(timeoutMs),
    backend,
    traceparent,
    // Without the one nothing may be made of the other.
    tracestate: traceparent === undefined ? undefined : readTracestate(headers.tracestate),
    fault: undefined,
  };
}

/** Version, trace, parent and flags; what a later version adds comes after another dash (W3C Trace Context, 3.2). */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|(?<!^00.*)-)/;

/** A trace that is passed on as version 00; undefined for what isn't one: then the call has no trace, which is no fault. */
function wellFormed(traceparent: string | undefined): string | undefined {
  const found = TRACEPARENT.exec(traceparent ?? '');
  return found === null ? undefined : `00-${found[2]}-${found[3]}-${found[4]}`;
}

function fault(message: string): CallOptions {
  return { ...PLAIN, fault: invalidRequest(`Invalid Request: ${message}`) };
}

/** Enough of a header's value to recognise it by; a client may have sent kilobytes. */
function quote(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}
