import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_LINE_CHARACTERS,
  MAX_PRINTS_CHARACTERS,
  PrintsHeader,
  decodePrints,
  type PrintedLine,
} from '../../../src/cloud/prints.ts';

/** What a header of these lines is, and which of them went in. */
function encode(lines: readonly PrintedLine[]): { value: string; taken: PrintedLine[] } {
  const header = new PrintsHeader();
  const taken = lines.filter((line) => header.add(line));
  return { value: header.value, taken };
}

const line: fc.Arbitrary<PrintedLine> = fc.record({
  stream: fc.constantFrom('stdout', 'stderr'),
  text: fc.string({ unit: 'grapheme', maxLength: 300 }).map((text) => text.replaceAll('\n', ' ')),
});
const lines = fc.array(line, { maxLength: 100 });

describe('what was printed', () => {
  it('comes back as it was, line by line, as far as it fitted', () => {
    fc.assert(
      fc.property(lines, (given) => {
        const { value, taken } = encode(given);
        expect(decodePrints(value)).toEqual(taken.filter(({ text }) => text.trim() !== ''));
      }),
    );
  });

  it('is a header that any server takes, of bounded length', () => {
    const long = fc.array(
      fc.record({
        stream: fc.constantFrom('stdout', 'stderr'),
        text: fc.string({ unit: 'binary', maxLength: 5000 }).map((text) => text.replaceAll('\n', ' ')),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(long, (given) => {
        const { value } = encode(given);
        expect(value).toMatch(/^[A-Za-z0-9+/=]*$/);
        expect(value.length).toBeLessThanOrEqual(MAX_PRINTS_CHARACTERS);
        for (const { text } of decodePrints(value))
          expect(text.length).toBeLessThanOrEqual(MAX_LINE_CHARACTERS);
      }),
    );
  });

  it('fills the header to the brim, and no further', () => {
    const header = new PrintsHeader();
    for (let count = 0; count < 4; count++)
      expect(header.add({ stream: 'stdout', text: 'x'.repeat(1000) })).toBe(true);
    expect(header.add({ stream: 'stdout', text: 'y'.repeat(499) })).toBe(false);
    // Each of the four took a mark and a line break besides.
    expect(header.add({ stream: 'stdout', text: 'y'.repeat(490) })).toBe(true);
    expect(header.value.length).toBe(MAX_PRINTS_CHARACTERS);
    expect(decodePrints(header.value)).toHaveLength(5);
  });

  it('can’t become another header, or another line', () => {
    const { value } = encode([{ stream: 'stderr', text: 'spillway-outcome: failure\r' }]);
    expect(value).not.toMatch(/[\r\n:]/);
    expect(decodePrints(value)).toEqual([{ stream: 'stderr', text: 'spillway-outcome: failure\r' }]);
  });
});

describe('a header that isn’t the handler’s', () => {
  it('is never an error, nor more than the handler could have sent', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 9000 }),
      fc.base64String({ maxLength: 9000 }),
      fc.uint8Array({ maxLength: 6000 }).map((bytes) => Buffer.from(bytes).toString('base64')),
      fc.anything(),
    );
    fc.assert(
      fc.property(anything, (value) => {
        const read = decodePrints(value);
        expect(read.length).toBeLessThanOrEqual(MAX_PRINTS_CHARACTERS / 4);
        for (const { text } of read) expect(text.length).toBeLessThanOrEqual(MAX_LINE_CHARACTERS);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['no base64', 'o hello'],
    ['with other characters in it', 'b2hp....Cg=='],
    ['cut short', 'b2hlbG'],
    ['without a mark', Buffer.from('hello\n').toString('base64')],
    ['with a line without one', Buffer.from('ohello\nhello\n').toString('base64')],
    ['too long', Buffer.from(`o${'x'.repeat(MAX_PRINTS_CHARACTERS)}`).toString('base64')],
    ['two headers', ['b2hpCg==', 'b2hpCg==']],
    ['two headers in one', 'b2hpCg==, b2hpCg=='],
    ['absent', undefined],
  ])('%s: gives no lines', (_, value) => {
    expect(decodePrints(value)).toEqual([]);
  });
});
