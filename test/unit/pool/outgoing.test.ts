import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCall } from '../../../src/pool/call-frame.ts';
import { encodeAnswer, encodeMark, FrameType } from '../../../src/pool/frames.ts';
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
});
