import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { decodeCall, encodeCall } from '../../../src/pool/call-frame.ts';
import {
  ANSWER_PREFIX_BYTES,
  CPU_UNKNOWN,
  FrameDecoder,
  FrameError,
  FrameType,
  HEADER_BYTES,
  encodeAnswer,
  encodeFrame,
  encodeMark,
} from '../../../src/pool/frames.ts';

interface Frame {
  readonly type: number;
  readonly callId: number;
  readonly payload: string;
}

/** Everything a decoder makes of the chunks; payloads in hex. */
function decode(chunks: readonly Buffer[], maxPayloadBytes = 1000): Frame[] {
  const decoder = new FrameDecoder(maxPayloadBytes);
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk, (type, callId, payload) =>
      frames.push({ type, callId, payload: payload.toString('hex') }),
    );
  }
  return frames;
}

/** The same, of chunks that all come in one buffer, each written over the one before it. */
function decodeBorrowed(chunks: readonly Buffer[]): Frame[] {
  const decoder = new FrameDecoder(1000, true);
  const buffer = Buffer.alloc(Math.max(1, ...chunks.map((chunk) => chunk.length)));
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    buffer.fill(0xff);
    chunk.copy(buffer);
    decoder.push(buffer.subarray(0, chunk.length), (type, callId, payload) =>
      frames.push({ type, callId, payload: payload.toString('hex') }),
    );
  }
  return frames;
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const params = fc.option(fc.string({ unit: 'grapheme', maxLength: 50 }), { nil: undefined });
const call = fc.record({
  callId: u32,
  remainingMs: u32,
  functionIndex: fc.integer({ min: 0, max: 0xffff }),
  params,
  short: fc.boolean(),
  traceparent: fc.option(fc.constant('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'), {
    nil: undefined,
  }),
  tracestate: fc.option(fc.stringMatching(/^[ -~]{1,512}$/), { nil: undefined }),
});

describe('FrameDecoder', () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });

  it('gives the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(payloads, fc.array(fc.nat(4000), { maxLength: 30 }), (all, cuts) => {
        const bytes = Buffer.concat(all.map((payload, i) => encodeFrame(i + 1, Buffer.from(payload))));
        const expected = all.map((payload, i) => ({
          type: i + 1,
          callId: 0,
          payload: Buffer.from(payload).toString('hex'),
        }));
        const chunks = cutAt(
          bytes,
          cuts.map((cut) => cut % (bytes.length + 1)),
        );
        expect(decode(chunks)).toEqual(expected);
        expect(decodeBorrowed(chunks)).toEqual(expected);
        expect(decode([...bytes].map((byte) => Buffer.of(byte)))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('tells small results by themselves, but each once, in its turn, and with the same bytes', () => {
    const frames = fc.array(
      fc.record({
        type: fc.constantFrom(FrameType.RESULT, FrameType.FAILURE),
        payload: fc.oneof(
          fc.uint8Array({ maxLength: 30 }),
          fc.uint8Array({ minLength: 1000, maxLength: 1050 }),
        ),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(frames, fc.array(fc.nat(4000), { maxLength: 10 }), (all, cuts) => {
        const bytes = Buffer.concat(all.map(({ type, payload }) => encodeFrame(type, Buffer.from(payload))));
        const seen: Frame[] = [];
        let alone = 0;
        const decoder = new FrameDecoder(2000);
        for (const chunk of cutAt(
          bytes,
          cuts.map((cut) => cut % (bytes.length + 1)),
        )) {
          decoder.push(
            chunk,
            (type, callId, payload) => {
              if (cuts.length === 0) expect(type !== FrameType.RESULT || payload.length > 1024).toBe(true);
              seen.push({ type, callId, payload: payload.toString('hex') });
            },
            (callId, view, from, to) => {
              alone += 1;
              seen.push({ type: FrameType.RESULT, callId, payload: view.toString('hex', from, to) });
            },
          );
        }
        const expected = all.map(({ type, payload }) => ({
          type,
          callId: 0,
          payload: Buffer.from(payload).toString('hex'),
        }));
        expect(seen).toEqual(expected);
        const small = all.filter(({ type, payload }) => type === FrameType.RESULT && payload.length <= 1024);
        if (cuts.length === 0) expect(alone).toBe(small.length);
      }),
    );
  });

  it('keeps half a frame to itself', () => {
    const frame = encodeFrame(FrameType.HEARTBEAT, 'abc');
    for (let bytes = 0; bytes < frame.length; bytes += 1)
      expect(decode([frame.subarray(0, bytes)])).toEqual([]);
  });

  it('takes a payload up to the limit, and refuses a longer one before it has arrived', () => {
    expect(decode([encodeFrame(1, Buffer.alloc(10))], 10)).toHaveLength(1);
    const longer = encodeFrame(1, Buffer.alloc(11));
    expect(() => decode([longer.subarray(0, HEADER_BYTES)], 10)).toThrow(FrameError);
    expect(() => decode([longer.subarray(0, 4)], 10)).toThrow(/15|16/);
  });

  it('heeds a limit that is raised between two frames of one chunk', () => {
    const decoder = new FrameDecoder(1);
    const seen: number[] = [];
    decoder.push(
      Buffer.concat([encodeFrame(1, 'a'), encodeFrame(2, 'much longer')]),
      (type, _id, payload) => {
        seen.push(type, payload.length);
        decoder.maxPayloadBytes = 100;
      },
    );
    expect(seen).toEqual([1, 1, 2, 11]);
  });

  it('refuses a length that no frame can have', () => {
    for (const length of [0, 1, 4]) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(length);
      expect(() => decode([bytes])).toThrow(FrameError);
    }
  });

  it('gives frames or a FrameError for any bytes, and nothing over its limit', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (chunks) => {
        try {
          const frames = decode(
            chunks.map((chunk) => Buffer.from(chunk)),
            64,
          );
          for (const { payload } of frames) expect(payload.length / 2).toBeLessThanOrEqual(64);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
    );
  });

  it('copies a large frame once, however many chunks it comes in', () => {
    const payload = Buffer.alloc(4_000_000, 'x');
    const bytes = encodeFrame(1, payload);
    const chunks = Array.from({ length: 4000 }, (_, i) => bytes.subarray(i * 1001, (i + 1) * 1001));
    // Joined at every chunk it would be 8 GB of copying. Counted, since a time says nothing on a busy machine.
    const [copy, join] = [vi.spyOn(Buffer.prototype, 'copy'), vi.spyOn(Buffer, 'concat')];
    const decoder = new FrameDecoder(payload.length);
    let length = 0;
    for (const chunk of chunks) decoder.push(chunk, (_type, _id, got) => (length = got.length));
    const copied = copy.mock.results.reduce((sum, { value }) => sum + (value as number), 0);
    const joins = join.mock.calls.length;
    copy.mockRestore();
    join.mockRestore();
    expect([length, copied, joins]).toEqual([payload.length, bytes.length, 0]);
  });
});

describe('CALL', () => {
  it('comes back as it was encoded', () => {
    fc.assert(
      fc.property(call, (given) => {
        let seen: unknown;
        new FrameDecoder(10_000).push(encodeCall(given), (type, callId, payload) => {
          expect(type).toBe(FrameType.CALL);
          seen = decodeCall(callId, payload);
        });
        // Without the one the other means nothing.
        const { traceparent, tracestate } = given;
        expect(seen).toEqual({ ...given, tracestate: traceparent === undefined ? undefined : tracestate });
      }),
    );
  });

  it('tells a request without params from one with empty ones', () => {
    const given = { callId: 1, remainingMs: 1, functionIndex: 0, short: false };
    for (const text of [undefined, '']) {
      const frame = encodeCall({ ...given, params: text });
      expect(decodeCall(1, frame.subarray(HEADER_BYTES)).params).toBe(text);
    }
  });

  it('rounds the remaining time up, and never below zero', () => {
    const remaining = (ms: number): number =>
      decodeCall(
        1,
        encodeCall({
          callId: 1,
          remainingMs: ms,
          functionIndex: 0,
          params: undefined,
          short: false,
        }).subarray(HEADER_BYTES),
      ).remainingMs;
    expect([0.1, 1, 1.5, -3, 1e12].map(remaining)).toEqual([1, 1, 2, 0, 0xffff_ffff]);
  });

  it('is refused when it is cut short', () => {
    const payload = encodeCall({
      callId: 1,
      remainingMs: 5,
      functionIndex: 0,
      params: undefined,
      short: true,
    }).subarray(HEADER_BYTES);
    for (let bytes = 0; bytes < payload.length; bytes += 1) {
      expect(() => decodeCall(1, payload.subarray(0, bytes))).toThrow(FrameError);
    }
  });

  it('is refused when its trace is cut short', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const about = { callId: 1, remainingMs: 5, functionIndex: 0, params: undefined, short: false };
    const payload = encodeCall({ ...about, traceparent, tracestate: 'a=1' }).subarray(HEADER_BYTES);
    expect(decodeCall(1, payload)).toMatchObject({ traceparent, tracestate: 'a=1' });
    for (let bytes = 0; bytes < payload.length; bytes += 1) {
      expect(() => decodeCall(1, payload.subarray(0, bytes))).toThrow(FrameError);
    }
  });
});

describe('answers and marks', () => {
  it('carry times, and the JSON as UTF-8', () => {
    const [frame] = decode([encodeAnswer(FrameType.RESULT, 7, 1500, CPU_UNKNOWN, '"ü€"')]);
    const payload = Buffer.from(frame?.payload ?? '', 'hex');
    expect(frame).toMatchObject({ type: FrameType.RESULT, callId: 7 });
    expect([payload.readUInt32BE(0), payload.readUInt32BE(4)]).toEqual([1500, CPU_UNKNOWN]);
    expect(payload.toString('utf8', ANSWER_PREFIX_BYTES)).toBe('"ü€"');
  });

  it('keep a time that is too long for its field within the field', () => {
    const frame = encodeAnswer(FrameType.RESULT, 1, 1e12, 1e12, '');
    expect(frame.readUInt32BE(HEADER_BYTES)).toBe(CPU_UNKNOWN - 1);
    expect(frame.readUInt32BE(HEADER_BYTES + 4)).toBe(CPU_UNKNOWN);
  });

  it('are about one call, where they are a mark', () => {
    expect(decode([encodeMark(FrameType.DROPPED, 0xffff_ffff)])).toEqual([
      { type: FrameType.DROPPED, callId: 0xffff_ffff, payload: '' },
    ]);
  });

  it('have types of their own', () => {
    const types = Object.values(FrameType);
    expect(new Set(types).size).toBe(types.length);
  });
});
