/** What balancer and slot say to each other on a data connection, between frames and the terms of a slot. */
import type { Connection } from './connection.ts';
import { ANSWER_PREFIX_BYTES, CPU_UNKNOWN, FrameType, encodeMark } from './frames.ts';
import { readFailure } from './protocol.ts';
import type { Answer } from './answer.ts';
import type { SlotConnection } from './slot.ts';

/** Reads a RESULT or FAILURE; undefined for anything else, and for a malformed one. */
export function readAnswer(type: number, payload: Buffer): Answer | undefined {
  if (type !== FrameType.RESULT && type !== FrameType.FAILURE) return undefined;
  if (payload.length < ANSWER_PREFIX_BYTES) return undefined;
  const json = payload.subarray(ANSWER_PREFIX_BYTES);
  const failure = type === FrameType.FAILURE ? readFailure(json) : undefined;
  if (type === FrameType.FAILURE && failure === undefined) return undefined;
  const cpuUs = payload.readUInt32BE(4);
  return {
    json,
    failure,
    runMs: payload.readUInt32BE(0) / 1000,
    cpuMs: cpuUs === CPU_UNKNOWN ? undefined : cpuUs / 1000,
  };
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
