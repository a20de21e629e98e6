/**
 * Length-prefixed frames, shared by the balancer and the worker program. Pure: bytes in, frames out.
 *
 *     length u32 | type u8 | call id u32 | payload        (big endian; length counts all that follows it)
 */

import { Assembly } from './chunks.ts';
import { letGo, own } from './holders.ts';

/** Changes whenever balancer and worker program would misunderstand each other. */
export const PROTOCOL_VERSION = 3;

/** The length that each frame begins with. */
export const LENGTH_BYTES = 4;
const FIXED_BYTES = 5;
/** The bytes of a frame before its payload. */
export const HEADER_BYTES = LENGTH_BYTES + FIXED_BYTES;

/** The bytes before the JSON in a RESULT or FAILURE payload: run time and CPU time in µs, u32 each. */
export const ANSWER_PREFIX_BYTES = 8;
/** Stands for a CPU time that was not measured. */
export const CPU_UNKNOWN = 0xffff_ffff;

/** The kinds of frames. W: worker's control process, S: slot, B: balancer. */
export const FrameType = {
  /** W→B on a new control connection; JSON Hello. */
  HELLO: 1,
  /** B→W: the bundle; u32 length of the JSON LoadOrder, the order, the code. */
  LOAD: 2,
  /** B→W: go on with the bundle you have. */
  KEEP: 3,
  /** W→B: the loaded bundle's manifest as JSON text. */
  MANIFEST: 4,
  /** W→B: the bundle could not be loaded; the reason as text. */
  LOAD_FAILED: 5,
  /** W→B: a slot process started; JSON with its key. */
  SLOT_UP: 6,
  /** W→B: a slot process ended; JSON with its key and the reason. */
  SLOT_DOWN: 7,
  /** B→W: end the slot process with this key (as text) at once. */
  END_SLOT: 8,
  /** B→W: end it only if its event loop doesn't turn. */
  END_IF_STUCK: 9,
  /** W→B: the control process lives. */
  HEARTBEAT: 10,
  /** W→B: a function printed a line; JSON. */
  PRINTED: 11,
  /** S→B on a new data connection; JSON DataHello. */
  DATA_HELLO: 16,
  /** B→S: run a call; see CALL_PREFIX_BYTES. */
  CALL: 17,
  /** B→S: abort its signal; drop it if it wasn't started. */
  CANCEL: 18,
  /** S→B: the result; ANSWER_PREFIX_BYTES, then JSON. */
  RESULT: 19,
  /** S→B: the function failed; ANSWER_PREFIX_BYTES, then JSON Failure. */
  FAILURE: 20,
  /** S→B: a call that was cancelled or taken back, and had not been started. */
  DROPPED: 21,
  /** S→B: calls of an earlier connection have ended; the slot is free. */
  IDLE: 22,
  /** B→S: drop a call if it wasn't started; one that was goes on undisturbed. */
  TAKE_BACK: 23,
} as const;

/** Thrown by the decoder: the peer doesn't speak frames, or one is over the limit. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/**
 * Receives each whole frame; `payload` is a view, valid as long as it is referenced. The receiver of a large one holds its
 * memory (holders.ts), and may let go.
 */
export type OnFrame = (type: number, callId: number, payload: Buffer) => void;

/** Receives a small RESULT: its payload is what lies between `from` and `to` in `bytes`, as long as it is told. */
export type OnSmallResult = (callId: number, bytes: Buffer, from: number, to: number) => void;

/** Payloads of so many bytes are small. */
const SMALL_RESULT_BYTES = 1024;

const EMPTY = Buffer.alloc(0);

/** Cuts a byte stream into frames. One decoder a connection. */
export class FrameDecoder {
  /** The longest payload accepted, in bytes. May be raised once the peer has shown who it is. */
  maxPayloadBytes: number;
  /** While a frame is told: whether another one follows it at once. */
  more = false;
  /** The start of a frame of which not even the length is here. */
  #start = EMPTY;
  /** A frame that is coming in. */
  #coming: Assembly | undefined;
  readonly #borrows: boolean;

  /** @param borrows the bytes it is given are written over once push() has returned, and so are the payloads it tells */
  constructor(maxPayloadBytes: number, borrows = false) {
    this.maxPayloadBytes = maxPayloadBytes;
    this.#borrows = borrows;
  }

  /**
   * Takes the next bytes and calls `onFrame` for every frame they complete, but `onSmallResult`, where it is given, for most small
   * RESULTs.
   * @throws FrameError on an impossible length; the decoder can't be used any more.
   */
  push(chunk: Buffer, onFrame: OnFrame, onSmallResult?: OnSmallResult): void {
    const bytes = this.#coming === undefined ? chunk : this.#goOn(this.#coming, chunk, onFrame);
    if (bytes === undefined) return;
    this.#cut(this.#start.length === 0 ? bytes : this.#started(bytes), onFrame, onSmallResult);
  }

  #cut(bytes: Buffer, onFrame: OnFrame, onSmallResult: OnSmallResult | undefined): void {
    let at = 0;
    while (bytes.length - at >= LENGTH_BYTES) {
      const length = bytes.readUInt32BE(at);
      if (length < FIXED_BYTES || length - FIXED_BYTES > this.maxPayloadBytes) {
        throw new FrameError(`a frame of ${length} bytes is outside the limits`);
      }
      const end = at + LENGTH_BYTES + length;
      if (end > bytes.length) {
        this.#coming = new Assembly(LENGTH_BYTES + length, this.#borrows);
        this.#coming.add(at === 0 ? bytes : bytes.subarray(at));
        return;
      }
      this.more = isWhole(bytes, end);
      const type = bytes[at + LENGTH_BYTES] ?? 0;
      const callId = bytes.readUInt32BE(at + LENGTH_BYTES + 1);
      const from = at + HEADER_BYTES;
      if (onSmallResult !== undefined && type === FrameType.RESULT && end - from <= SMALL_RESULT_BYTES)
        onSmallResult(callId, bytes, from, end);
      else onFrame(type, callId, bytes.subarray(from, end));
      at = end;
    }
    if (at < bytes.length) this.#start = Buffer.from(bytes.subarray(at));
  }

  /** Takes more of a frame that is coming in. @returns what comes after it */
  #goOn(coming: Assembly, chunk: Buffer, onFrame: OnFrame): Buffer | undefined {
    const rest = coming.add(chunk);
    const frame = coming.whole();
    if (frame === undefined) return undefined;
    this.#coming = undefined;
    this.more = rest !== undefined && isWhole(rest, 0);
    // Large ones come this way, each in memory of its own.
    own(frame);
    onFrame(frame[LENGTH_BYTES] ?? 0, frame.readUInt32BE(LENGTH_BYTES + 1), frame.subarray(HEADER_BYTES));
    if (this.#borrows) letGo(frame);
    return rest;
  }

  #started(bytes: Buffer): Buffer {
    const joined = Buffer.concat([this.#start, bytes]);
    this.#start = EMPTY;
    return joined;
  }
}

/** Whether the frame that starts there is all there. */
function isWhole(bytes: Buffer, at: number): boolean {
  return bytes.length - at >= LENGTH_BYTES && at + LENGTH_BYTES + bytes.readUInt32BE(at) <= bytes.length;
}

/** A frame of which the payload is still to be written; `moreBytes` of payload come after it. */
export function header(type: number, callId: number, payloadBytes: number, moreBytes = 0): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payloadBytes);
  frame.writeUInt32BE(FIXED_BYTES + payloadBytes + moreBytes, 0);
  frame[LENGTH_BYTES] = type;
  frame.writeUInt32BE(callId, LENGTH_BYTES + 1);
  return frame;
}

/** A frame with a payload of text or bytes; for everything that isn't a call. */
export function encodeFrame(type: number, payload: string | Buffer = EMPTY): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const frame = header(type, 0, bytes.length);
  bytes.copy(frame, HEADER_BYTES);
  return frame;
}

/** A frame that is about one call and has no payload. */
export function encodeMark(type: number, callId: number): Buffer {
  return header(type, callId, 0);
}

/** Up to this many characters a loop is quicker than a call into the system's encoder. */
const LOOP_CHARACTERS = 48;

/** Writes text as UTF-8. @returns the index just after it */
export function writeText(bytes: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > LOOP_CHARACTERS) return at + bytes.write(text, at, 'utf8');
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return at + bytes.write(text, at, 'utf8');
    bytes[at + index] = code;
  }
  return at + length;
}

/** Writes a number as the frames have it. */
export function writeUInt32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** A RESULT or FAILURE; times in whole microseconds. */
export interface AnswerFrame {
  readonly type: number;
  readonly callId: number;
  readonly runUs: number;
  readonly cpuUs: number;
  readonly json: string;
}

/** Encodes a RESULT or FAILURE. */
export function encodeAnswer(
  type: number,
  callId: number,
  runUs: number,
  cpuUs: number,
  json: string,
): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + ANSWER_PREFIX_BYTES + Buffer.byteLength(json));
  writeAnswer(frame, 0, { type, callId, runUs, cpuUs, json });
  return frame;
}

/** So many bytes hold the answer, whatever is in it: a character of a string is up to three in UTF-8. */
export function mostAnswerBytes({ json }: AnswerFrame): number {
  return HEADER_BYTES + ANSWER_PREFIX_BYTES + 3 * json.length;
}

/** Writes what encodeAnswer gives, at `at`, where there is room for it. @returns the index just after it */
export function writeAnswer(
  bytes: Buffer,
  at: number,
  { type, callId, runUs, cpuUs, json }: AnswerFrame,
): number {
  const end = writeText(bytes, at + HEADER_BYTES + ANSWER_PREFIX_BYTES, json);
  writeUInt32(bytes, at, end - at - LENGTH_BYTES);
  bytes[at + LENGTH_BYTES] = type;
  writeUInt32(bytes, at + LENGTH_BYTES + 1, callId);
  writeUInt32(bytes, at + HEADER_BYTES, Math.min(CPU_UNKNOWN - 1, runUs));
  writeUInt32(bytes, at + HEADER_BYTES + 4, Math.min(CPU_UNKNOWN, cpuUs));
  return end;
}
