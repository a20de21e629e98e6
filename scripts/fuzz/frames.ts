/** The frame decoder: however a stream is cut, the same frames or the same refusal come out of it. */
import { decodeCall, encodeCall } from '../../src/pool/call-frame.ts';
import {
  encodeAnswer,
  encodeFrame,
  encodeMark,
  FrameDecoder,
  FrameError,
  FrameType,
} from '../../src/pool/frames.ts';
import { randomOf, pick } from './mutate.ts';
import type { Target } from './target.ts';

const MAX_PAYLOAD_BYTES = 4096;

export const FRAMES: readonly Buffer[] = [
  encodeFrame(FrameType.HEARTBEAT),
  encodeFrame(FrameType.MANIFEST, '{"functions":[]}'),
  encodeFrame(FrameType.SLOT_UP, '{"key":"k"}'),
  encodeFrame(FrameType.SLOT_DOWN, '{"key":"k","reason":"r"}'),
  encodeMark(FrameType.IDLE, 0),
  encodeMark(FrameType.DROPPED, 3),
  encodeAnswer(FrameType.RESULT, 1, 5, 6, '[1]'),
  encodeAnswer(FrameType.FAILURE, 2, 5, 6, '{"kind":"FunctionError","message":"m"}'),
  encodeCall({ callId: 9, remainingMs: 5, functionIndex: 2, params: '[1]', short: true }),
  encodeFrame(FrameType.RESULT, Buffer.alloc(MAX_PAYLOAD_BYTES)),
  encodeFrame(FrameType.RESULT, Buffer.alloc(MAX_PAYLOAD_BYTES + 1)),
  Buffer.from([0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0, 0, 0, 4, 1, 0, 0, 0]),
  Buffer.alloc(0),
];

/** Makes the target. */
export function framesTarget(): Target {
  return {
    name: 'frames',
    corpus: [...FRAMES, Buffer.concat([...FRAMES.slice(0, 9)])],
    dictionary: FRAMES.filter((frame) => frame.length < 100),
    parallel: 1,
    run(input, index) {
      // The decoder gives back the memory of what it is given.
      const whole = decode([Buffer.from(input)]);
      const random = randomOf(index);
      const cut: Buffer[] = [];
      for (let at = 0; at < input.length;) {
        const end = Math.min(input.length, at + 1 + pick(random, 1 + pick(random, 200)));
        cut.push(Buffer.from(input.subarray(at, end)));
        at = end;
      }
      return whole === decode(cut) ? undefined : 'it depends on how the stream is cut';
    },
    finish: () => Promise.resolve(undefined),
  };
}

function decode(chunks: readonly Buffer[]): string {
  const decoder = new FrameDecoder(MAX_PAYLOAD_BYTES);
  const seen: string[] = [];
  try {
    for (const chunk of chunks) {
      decoder.push(chunk, (type, callId, payload) => {
        if (payload.length > MAX_PAYLOAD_BYTES) throw new Error('a payload over the limit');
        seen.push(`${type} ${callId} ${payload.toString('base64')}`);
        if (type === FrameType.CALL && payload.length >= 7) decodeCall(callId, payload);
      });
    }
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    seen.push('refused');
  }
  return seen.join('\n');
}
