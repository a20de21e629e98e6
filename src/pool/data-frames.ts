/** What balancer and slot say to each other on a data connection, between frames and the terms of a slot. */
import type { Connection } from './connection.ts';
import { ANSWER_PREFIX_BYTES, CPU_UNKNOWN, FrameType, encodeMark } from './frames.ts';
import { readFailure, type Failure } from './protocol.ts';
import type { Answer, ResultJson } from './answer.ts';
import type { SlotConnection } from './slot.ts';

/** Reads a RESULT or FAILURE; undefined for anything else, and for a malformed one. */
export function readAnswer(type: number, payload: Buffer): Answer | undefined {
  if (type !== FrameType.RESULT && type !== FrameType.FAILURE) return undefined;
  if (payload.length < ANSWER_PREFIX_BYTES) return undefined;
  const json = payload.subarray(ANSWER_PREFIX_BYTES);
  const failure = type === FrameType.FAILURE ? readFailure(json) : undefined;
  if (type === FrameType.FAILURE && failure === undefined) return undefined;
  return withTimes(payload, 0, json, failure);
}

function withTimes(bytes: Buffer, at: number, json: ResultJson, failure: Failure | undefined): Answer {
  const runMs = bytes.readUInt32BE(at) / 1000;
  const cpuUs = bytes.readUInt32BE(at + 4);
  return { json, failure, runMs, cpuMs: cpuUs === CPU_UNKNOWN ? undefined : cpuUs / 1000 };
}

/** Reads a RESULT whose payload lies between `from` and `to`; undefined for a malformed one. */
export function readSmallResult(bytes: Buffer, from: number, to: number): Answer | undefined {
  const jsonFrom = from + ANSWER_PREFIX_BYTES;
  if (to < jsonFrom) return undefined;
  return withTimes(bytes, from, bytes.toString('latin1', jsonFrom, to), undefined);
}

/** An index that no manifest reaches: a worker answers that it doesn't know the function. */
const NO_FUNCTION = 0xffff;

/** The balancer's side of a data connection, in a slot's terms. */
export function dataSide(connection: Connection, bundle: string): SlotConnection {
  return {
    get more() {
      return connection.more;
    },
    run(callId, call, short) {
      connection.sendCall({
        callId,
        remainingMs: call.deadlineAt - performance.now(),
        functionIndex: call.functionIndexIn(bundle) ?? NO_FUNCTION,
        params: call.params,
        short,
        traceparent: call.traceparent,
        tracestate: call.tracestate,
      });
    },
    takeBack(callId) {
      connection.send(encodeMark(FrameType.TAKE_BACK, callId));
    },
    cancel(callId) {
      connection.send(encodeMark(FrameType.CANCEL, callId));
    },
  };
}
