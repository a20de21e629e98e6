/** CALL frames: what the balancer tells a slot of a call. */
import {
  FrameError,
  FrameType,
  HEADER_BYTES,
  LENGTH_BYTES,
  header,
  writeText,
  writeUInt32,
} from './frames.ts';
import type { Params } from './params.ts';

/** The bytes at the start of a CALL payload: remaining ms u32, function index u16, flags u8. Then the trace, then the params. */
const CALL_PREFIX_BYTES = 7;
/** CALL flag: params follow. Without it the request had none. */
const FLAG_PARAMS = 1;
/** CALL flag: known to be short, so answers before it may wait for it. */
const FLAG_SHORT = 2;
/** CALL flag: a traceparent stands before the params. */
const FLAG_TRACE = 4;
/** CALL flag: a tracestate stands after the traceparent, its length before it as u16. Only with FLAG_TRACE. */
const FLAG_STATE = 8;
const STATE_LENGTH_BYTES = 2;
/** Its length: version 00 of W3C Trace Context has no other. */
const TRACE_BYTES = 55;

/** What a CALL frame carries. */
export interface CallFrame {
  readonly callId: number;
  /** How long the call may still take, in milliseconds; rounded up, so that a slot never sees the deadline too soon. */
  readonly remainingMs: number;
  /** The function's place in the manifest, which is sorted by name. */
  readonly functionIndex: number;
  readonly params: Params | undefined;
  readonly short: boolean;
  /** The call's trace, TRACE_BYTES of ASCII; most have none. */
  readonly traceparent?: string | undefined;
  /** What belongs to that, in ASCII; without it it is left out. */
  readonly tracestate?: string | undefined;
}

/** A CALL as a slot reads it. */
export type ReadCall = CallFrame & { readonly params: string | undefined };

/** Encodes a CALL. */
export function encodeCall(call: CallFrame): Buffer {
  const { params } = call;
  if (params === undefined) return encodeCallHead(call, 0);
  const paramBytes = Buffer.byteLength(params);
  const head = encodeCallHead(call, paramBytes);
  const frame = Buffer.allocUnsafe(head.length + paramBytes);
  head.copy(frame);
  if (typeof params === 'string') frame.write(params, head.length, 'utf8');
  else params.copy(frame, head.length);
  return frame;
}

/** A CALL without its params, which are the `paramBytes` that must follow. */
export function encodeCallHead(call: CallFrame, paramBytes: number): Buffer {
  const { params, traceparent } = call;
  const tracestate = traceparent === undefined ? undefined : call.tracestate;
  const stateBytes = tracestate === undefined ? 0 : STATE_LENGTH_BYTES + tracestate.length;
  const traceBytes = traceparent === undefined ? 0 : TRACE_BYTES + stateBytes;
  const frame = header(FrameType.CALL, call.callId, CALL_PREFIX_BYTES + traceBytes, paramBytes);
  frame.writeUInt32BE(Math.max(0, Math.min(0xffff_ffff, Math.ceil(call.remainingMs))), HEADER_BYTES);
  frame.writeUInt16BE(call.functionIndex, HEADER_BYTES + 4);
  const start = HEADER_BYTES + CALL_PREFIX_BYTES;
  frame[HEADER_BYTES + 6] = (params === undefined ? 0 : FLAG_PARAMS) | (call.short ? FLAG_SHORT : 0);
  if (traceparent !== undefined) {
    frame[HEADER_BYTES + 6] = (frame[HEADER_BYTES + 6] ?? 0) | FLAG_TRACE;
    frame.write(traceparent, start, TRACE_BYTES, 'latin1');
  }
  if (tracestate !== undefined) {
    frame[HEADER_BYTES + 6] = (frame[HEADER_BYTES + 6] ?? 0) | FLAG_STATE;
    frame.writeUInt16BE(tracestate.length, start + TRACE_BYTES);
    frame.write(tracestate, start + TRACE_BYTES + STATE_LENGTH_BYTES, 'latin1');
  }
  return frame;
}

/** The most bytes that a CALL takes. */
export function mostCallBytes({ params }: CallFrame): number {
  return HEADER_BYTES + CALL_PREFIX_BYTES + (params === undefined ? 0 : params.length * 3);
}

/** Writes what encodeCall gives for a call without a trace and with its params as text, at `at`, where there is room for it. @returns the index just after it */
export function writeCall(
  bytes: Buffer,
  at: number,
  { callId, remainingMs, functionIndex, short }: CallFrame,
  params: string | undefined,
): number {
  const start = at + HEADER_BYTES + CALL_PREFIX_BYTES;
  const end = params === undefined ? start : writeText(bytes, start, params);
  writeUInt32(bytes, at, end - at - LENGTH_BYTES);
  bytes[at + LENGTH_BYTES] = FrameType.CALL;
  writeUInt32(bytes, at + LENGTH_BYTES + 1, callId);
  writeUInt32(bytes, at + HEADER_BYTES, Math.max(0, Math.min(0xffff_ffff, Math.ceil(remainingMs))));
  bytes[at + HEADER_BYTES + 4] = functionIndex >>> 8;
  bytes[at + HEADER_BYTES + 5] = functionIndex;
  bytes[at + HEADER_BYTES + 6] = (params === undefined ? 0 : FLAG_PARAMS) | (short ? FLAG_SHORT : 0);
  return end;
}

/** Decodes a CALL's payload. @throws FrameError if it is cut short. */
export function decodeCall(callId: number, payload: Buffer): ReadCall {
  if (payload.length < CALL_PREFIX_BYTES) throw new FrameError('a CALL frame is cut short');
  const flags = payload[6] ?? 0;
  const traced = (flags & FLAG_TRACE) !== 0;
  const traceEnd = CALL_PREFIX_BYTES + (traced ? TRACE_BYTES : 0);
  const state = traced && (flags & FLAG_STATE) !== 0 ? readState(payload, traceEnd) : undefined;
  const paramsAt = traceEnd + (state === undefined ? 0 : STATE_LENGTH_BYTES + state.length);
  if (payload.length < paramsAt) throw new FrameError('a CALL frame is cut short');
  return {
    callId,
    remainingMs: payload.readUInt32BE(0),
    functionIndex: payload.readUInt16BE(4),
    short: (flags & FLAG_SHORT) !== 0,
    params: (flags & FLAG_PARAMS) === 0 ? undefined : payload.toString('utf8', paramsAt),
    ...(traced && { traceparent: payload.toString('latin1', CALL_PREFIX_BYTES, traceEnd) }),
    ...(state !== undefined && { tracestate: state }),
  };
}

function readState(payload: Buffer, at: number): string {
  const from = at + STATE_LENGTH_BYTES;
  const to = payload.length < from ? Infinity : from + payload.readUInt16BE(at);
  if (payload.length < to) throw new FrameError('a CALL frame is cut short');
  return payload.toString('latin1', from, to);
}
