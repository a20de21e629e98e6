import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_PAYLOAD_BYTES,
  decodeEvent,
  encodeEvent,
  escapedBytes,
  fitsEvent,
} from '../../../src/cloud/event.ts';

const head = { method: 'add', callId: '7', remainingMs: 1500, bundle: 'abc', maxResultBytes: 1000 };

describe('the body of an event', () => {
  it('gives the params back as they came, byte for byte', () => {
    fc.assert(
      fc.property(fc.json(), fc.string(), (json, callId) => {
        const params = ` [${json} ]`;
        expect(decodeEvent(encodeEvent({ ...head, callId }, params))).toEqual({
          head: { ...head, callId },
          params,
        });
      }),
    );
  });

  it('carries a trace where there is one', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(decodeEvent(encodeEvent({ ...head, traceparent }, '[1]')).head).toEqual({ ...head, traceparent });
  });

  it('is one JSON object, so that the gateway and its logs can read it', () => {
    expect(JSON.parse(encodeEvent(head, '[1e400, "\\u0000"]'))).toMatchObject({
      method: 'add',
      params: [Infinity, '\0'],
    });
  });

  it('tells absent params from params', () => {
    expect(decodeEvent(encodeEvent(head, undefined)).params).toBeUndefined();
    expect(decodeEvent(encodeEvent(head, '{}')).params).toBe('{}');
  });

  it("isn't misled by params' key inside of another field", () => {
    const callId = ',"params":[1]';
    expect(decodeEvent(encodeEvent({ ...head, callId }, '[2]'))).toEqual({
      head: { ...head, callId },
      params: '[2]',
    });
  });

  it('is refused when it is no such text', () => {
    expect(() => decodeEvent('what,"params":[1]}')).toThrow(SyntaxError);
  });
});

describe('escapedBytes', () => {
  it('is the length of JSON.stringify in UTF-8', () => {
    const anyText = fc.string({
      unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    });
    fc.assert(
      fc.property(anyText, (text) => {
        expect(escapedBytes(text)).toBe(Buffer.byteLength(JSON.stringify(text)));
      }),
      { numRuns: 1000 },
    );
  });

  it.each(['', '"\\', '\n\t\b\f\r', '\u0001', 'é', '€', '😀', '\ud83d', '\ude00x', '\u2028'])(
    'of %j',
    (text) => {
      expect(escapedBytes(text)).toBe(Buffer.byteLength(JSON.stringify(text)));
    },
  );
});

describe('fitsEvent', () => {
  it('counts what quotes become, not what they are', () => {
    const quotes = (count: number): string => `["${'\\"'.repeat(count)}"]`;
    // Each `\"` becomes `\\\"`.
    const most = Math.floor((MAX_PAYLOAD_BYTES - 10) / 4);
    expect(fitsEvent(quotes(most))).toBe(true);
    expect(fitsEvent(quotes(most + 3))).toBe(false);
    expect(fitsEvent(`["${'a'.repeat(5_000_000)}"]`)).toBe(true);
    expect(fitsEvent(undefined)).toBe(true);
  });
});
