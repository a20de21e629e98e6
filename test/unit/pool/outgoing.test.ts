import type { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCall } from '../../../src/pool/call-frame.ts';
import { encodeAnswer, encodeMark, FrameType } from '../../../src/pool/frames.ts';
import { letGo, own } from '../../../src/pool/holders.ts';
import { Outgoing } from '../../../src/pool/outgoing.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '\ud800',
    'é'.repeat(47),
    'x'.repeat(48),
    'x'.repeat(49),
    'y'.repeat(5000),
    '€'.repeat(1400),
  ),
);
const call = fc.record({
  callId: u32,
  remainingMs: fc.oneof(fc.double({ min: -10, max: 1e10, noNaN: true }), u32),
  functionIndex: fc.integer({ min: 0, max: 0xffff }),
  params: fc.option(
    fc.oneof(
      text,
      text.map((params) => Buffer.from(params)),
    ),
    { nil: undefined },
  ),
  traceparent: fc.constantFrom(undefined, `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`),
  short: fc.boolean(),
});
const answer = fc.record({
  type: fc.constantFrom(FrameType.RESULT, FrameType.FAILURE),
  callId: u32,
  runUs: u32,
  cpuUs: u32,
  json: text,
});
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: call },
    { weight: 5, arbitrary: answer },
    u32,
    fc.constant('take' as const),
  ),
  { maxLength: 40 },
);

describe('Outgoing', () => {
  it('gives the bytes of all frames in their order, and never touches what it has given', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 30 }), (all, times) => {
        const outgoing = new Outgoing();
        const expected: Buffer[] = [];
        const pieces: Buffer[] = [];
        for (let i = 0; i < times; i += 1) {
          for (const step of all) {
            if (step === 'take') pieces.push(...outgoing.take());
            else if (typeof step === 'number') {
              const mark = encodeMark(FrameType.CANCEL, step);
              expected.push(mark);
              outgoing.push(mark);
            } else if ('json' in step) {
              const { type, callId, runUs, cpuUs, json } = step;
              expected.push(encodeAnswer(type, callId, runUs, cpuUs, json));
              outgoing.answer(step);
            } else {
              expected.push(encodeCall(step));
              outgoing.call(step);
            }
          }
        }
        pieces.push(...outgoing.take());
        expect(Buffer.concat(pieces).equals(Buffer.concat(expected))).toBe(true);
        expect(outgoing.take()).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('gives the small frames of a turn as one piece, and copies no large one', () => {
    const outgoing = new Outgoing();
    for (let i = 0; i < 20; i += 1) outgoing.push(encodeMark(FrameType.CANCEL, i));
    expect(outgoing.take()).toHaveLength(1);
    const large = Buffer.alloc(60_000);
    outgoing.push(large);
    expect(outgoing.take()[0]).toBe(large);
  });

  describe('with large frames', () => {
    const CALL = { callId: 1, remainingMs: 1, functionIndex: 0, short: false };
    /** Takes what is written, and says so only when it is told to. */
    class SlowSocket {
      writable = true;
      readonly pieces: Buffer[] = [];
      readonly #taken: (() => void)[] = [];
      write(piece: Buffer, taken?: () => void): void {
        this.pieces.push(piece);
        if (taken !== undefined) this.#taken.push(taken);
      }
      cork(): void {}
      uncork(): void {}
      take(): void {
        for (const taken of this.#taken.splice(0)) taken();
      }
    }
    const params = (): Buffer => {
      const bytes = Buffer.alloc(50_000, 'x');
      own(bytes);
      return bytes;
    };
    const flush = (outgoing: Outgoing, socket: SlowSocket): void =>
      outgoing.flushTo(socket as unknown as Socket);

    it('keeps params until they are written, though their call has ended', () => {
      const [outgoing, socket, bytes] = [new Outgoing(), new SlowSocket(), params()];
      outgoing.call({ ...CALL, params: bytes });
      letGo(bytes);
      flush(outgoing, socket);
      expect(Buffer.concat(socket.pieces)).toEqual(encodeCall({ ...CALL, params: 'x'.repeat(50_000) }));
      socket.take();
      expect(bytes).toHaveLength(0);
    });

    it('leaves params that are written to a call that goes on', () => {
      const [outgoing, socket, bytes] = [new Outgoing(), new SlowSocket(), params()];
      outgoing.call({ ...CALL, params: bytes });
      flush(outgoing, socket);
      socket.take();
      expect(bytes).toHaveLength(50_000);
    });

    it('keeps an answer until it is written, and no longer', () => {
      const [outgoing, socket] = [new Outgoing(), new SlowSocket()];
      const given = { type: FrameType.RESULT, callId: 1, runUs: 2, cpuUs: 3, json: 'y'.repeat(50_000) };
      outgoing.answer(given);
      flush(outgoing, socket);
      const [piece] = socket.pieces;
      expect(piece).toEqual(encodeAnswer(given.type, 1, 2, 3, given.json));
      socket.take();
      expect(piece).toHaveLength(0);
    });

    it.each(['a connection that is gone', 'a clearing'])('lets go at %s', (what) => {
      const [outgoing, socket, bytes] = [new Outgoing(), new SlowSocket(), params()];
      outgoing.call({ ...CALL, params: bytes });
      letGo(bytes);
      socket.writable = false;
      if (what === 'a clearing') outgoing.clear();
      else flush(outgoing, socket);
      expect(socket.pieces).toEqual([]);
      expect(bytes).toHaveLength(0);
    });
  });
});
