/** What balancer and slot say to each other on a data connection, between frames and the terms of a slot. */
import type { Connection } from './connection.ts';
import { ANSWER_PREFIX_BYTES, CPU_UNKNOWN, FrameType, encodeCall, encodeMark } from './frames.ts';
import { readFailure } from './protocol.ts';
import type { Answer, Slot, SlotConnection } from './slot.ts';

/** Reads a RESULT or FAILURE; undefined for anything else, and for a malformed one. */
function readAnswer(type: number, payload: Buffer): Answer | undefined {
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

/**
 * Passes what a slot said about a call on to that slot, and counts it.
 * @returns false if the slot wasn't asked for that, or can't be understood: its worker lies
 */
export function passOn(
  slot: Slot,
  type: number,
  callId: number,
  payload: Buffer,
  counts: { calls: number; failures: number },
): boolean {
  if (type === FrameType.DROPPED) return slot.drop(callId);
  const answer = readAnswer(type, payload);
  if (answer === undefined) return false;
  counts.calls += 1;
  if (answer.failure !== undefined) counts.failures += 1;
  return slot.answer(callId, answer);
}

/** The balancer's side of a data connection, in a slot's terms. */
export function dataSide(connection: Connection): SlotConnection {
  return {
    run(callId, call, short) {
      connection.send(
        encodeCall({
          callId,
          remainingMs: call.deadlineAt - performance.now(),
          functionIndex: call.functionIndex,
          params: call.params,
          short,
        }),
      );
    },
    takeBack(callId) {
      connection.send(encodeMark(FrameType.TAKE_BACK, callId));
    },
    cancel(callId) {
      connection.send(encodeMark(FrameType.CANCEL, callId));
    },
  };
}
