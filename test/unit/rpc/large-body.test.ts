import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLarge } from '../../../src/rpc/large-body.ts';
import { parseBody } from '../../../src/rpc/request.ts';
import { space, stringText, valueText } from '../../support/json-text.ts';

const LARGE = 40_000;

/** Long strings without escapes, the last with characters of more than one byte. */
const long = fc
  .tuple(fc.constantFrom('x', 'abc ', 'é', '𝄞', '\u007f\u2028'), fc.integer({ min: 1, max: LARGE }))
  .map(([piece, times]) => `"${piece.repeat(times)}"`);
const simple = fc.constantFrom('1', ' -2.5e3', 'true', 'null', '"short"', '{"a":[1,{}]}', '""');
const element = fc.oneof(
  { weight: 6, arbitrary: long },
  { weight: 6, arbitrary: simple },
  valueText,
  stringText,
);
const params = fc.oneof(
  fc
    .array(element, { maxLength: 4 })
    .map((all) => `["${'x'.repeat(LARGE)}"${all.map((one) => `,${one}`).join('')}]`),
  fc
    .array(fc.tuple(stringText, element), { maxLength: 4 })
    .map((all) => `{${all.map(([key, one]) => `${key}:${one},`).join('')}"last":"${'y'.repeat(LARGE)}"}`),
);
const paramsMember = params.map((text) => `"params":${text}`);
const member = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom('"id":1', '"id":"a"', '"id":"é"', '"id":null', '"x":[{}]', '"params":[]'),
  },
  { weight: 2, arbitrary: fc.tuple(stringText, element).map(([key, value]) => `${key}:${value}`) },
  { weight: 1, arbitrary: fc.constant('"\\u0069d":2.50') },
  { weight: 1, arbitrary: long.map((text) => `"id":${text}`) },
  { weight: 1, arbitrary: paramsMember },
);
const members = fc.array(member, { maxLength: 2 });
const body = fc
  .tuple(space, members, paramsMember, members, space)
  .map(
    ([before, some, large, more, after]) =>
      `${before}{"jsonrpc":"2.0","method":"add",${[...some, large, ...more].join(`,${before}`)}}${after}`,
  );
/** One byte written over. */
const spoiled = fc
  .tuple(body, fc.nat(), fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...Buffer.from('"\\\n\0{}[],:'))))
  .map(([text, at, byte]) => {
    const bytes = Buffer.from(text);
    bytes[at % bytes.length] = byte;
    return bytes;
  })
  .filter((bytes) => isUtf8(bytes));

/** What parseBody makes of it. The built params aren't the same: nothing looks at more than whether there are any. */
function usual(bytes: Buffer): unknown {
  const parsed = parseBody(bytes.toString(), 1);
  if (parsed.kind !== 'single') return parsed.kind;
  const { id, params: text } = parsed;
  const { jsonrpc, method, id: value } = parsed.value as Record<string, unknown>;
  return { id, params: text, jsonrpc, method, value };
}

function agrees(bytes: Buffer): boolean {
  const large = parseLarge(bytes);
  if (large === undefined) return false;
  const { jsonrpc, method, id: value, params: built } = large.value as Record<string, unknown>;
  const { id, params: cut } = large;
  expect({ id, params: cut.toString(), jsonrpc, method, value }).toEqual(usual(bytes));
  expect(Array.isArray(built)).toBe(cut[0] === '['.charCodeAt(0));
  return true;
}

describe('a large body', () => {
  it('is read as parseBody reads it, or left to that', () => {
    let read = 0;
    fc.assert(
      fc.property(body, (text) => {
        if (agrees(Buffer.from(text))) read += 1;
      }),
      { numRuns: 300 },
    );
    // Else the property says nothing. It is a fifth of them, give or take ten.
    expect(read).toBeGreaterThan(10);
  });

  it('is left to parseBody if a byte makes it no JSON', () => {
    fc.assert(
      fc.property(spoiled, (bytes) => {
        agrees(bytes);
      }),
      { numRuns: 500 },
    );
  });

  const of = (text: string): Buffer =>
    Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"add","params":${text}}`);
  const x = 'x'.repeat(LARGE);

  it('gives the params as the bytes that came', () => {
    const bytes = of(`["${x}é"]`);
    const read = parseLarge(bytes);
    expect(read?.params.buffer).toBe(bytes.buffer);
    expect(read?.params.toString()).toBe(`["${x}é"]`);
  });

  it('does not keep what came with it', () => {
    const bytes = of(`["${x}"]`);
    const among = Buffer.concat([Buffer.alloc(3 * LARGE), bytes]).subarray(3 * LARGE);
    expect(parseLarge(among)?.params.equals(parseLarge(bytes)!.params)).toBe(true);
    expect(parseLarge(among)?.params.buffer.byteLength).toBeLessThan(2 * LARGE);
  });

  it.each<[string, Buffer]>([
    ['small', of('["x"]')],
    ['with a control character in a long string, wherever it stands', of(`["${x}\n${x}"]`)],
    ['with one at the very end of it', of(`["${x}\u001f"]`)],
    ['with an escape', of(`["${x}\\n"]`)],
    ['with a byte order mark', Buffer.concat([Buffer.from('\ufeff'), of(`["${x}"]`)])],
    ['a batch', Buffer.from(`[${of(`["${x}"]`).toString()}]`)],
    ['without an end', of(`["${x}"]`).subarray(0, -1)],
    ['with a string without an end', of(`["${x}`)],
    ['of short strings', of(`[${'"x",'.repeat(LARGE / 4)}"x"]`)],
    [
      'with other characters outside of the long strings',
      Buffer.from(`{"jsonrpc":"2.0","id":"é","method":"add","params":["${x}"]}`),
    ],
    ['with a long id', Buffer.from(`{"jsonrpc":"2.0","id":"${x}","method":"add","params":[]}`)],
    ['whose long params are not those that count', Buffer.from(`{"params":["${x}"],"params":[],"id":1}`)],
  ])('is left alone if it is %s', (_what, bytes) => {
    expect(parseLarge(bytes)).toBe(undefined);
  });
});
