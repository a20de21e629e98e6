/**
 * Large bodies without building their text and their values. A megabyte in one string took 9.4 ms of the front's CPU; with
 * this, and its memory given back (src/pool/holders.ts), it takes 2.8.
 *
 * Long strings without escapes are left out, and what remains is parsed as every other body is: it is JSON if and only
 * if the whole is. The params are then cut out of the bytes. Whatever is not that simple is left to the usual way.
 */
import { isAscii } from 'node:buffer';
import { isKey, parseBody, type ParsedRequest } from './request.ts';
import { eachMember, skipSpace } from './json-text.ts';

/** From here on a body is large, in bytes. */
const LARGE_BYTES = 32 * 1024;
/** Params that lie in bytes of more than so many times their length are copied: those would be kept as long as they. */
const KEPT_TIMES = 2;
/** A string from here on is long, in bytes. */
const LONG_BYTES = 1024;
/** After this many strings the text has too many short ones to gain anything. */
const MOST_STRINGS = 1000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BYTE_ORDER_MARK_START = 0xef;
/** Four times the first byte that may stand in a string. */
const FOUR_SPACES = 0x20202020;
const FOUR_HIGH_BITS = 0x80808080;

/** The insides of long strings, by where they begin and end. */
interface Gap {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads one request out of a large body.
 * @param bytes valid UTF-8
 * @returns undefined if parseBody has to read it
 */
export function parseLarge(bytes: Buffer): (ParsedRequest & { readonly params: Buffer }) | undefined {
  if (bytes.length < LARGE_BYTES || bytes[0] === BYTE_ORDER_MARK_START) return undefined;
  const gaps = gapsIn(bytes);
  const [first, last] = [gaps?.[0], gaps?.at(-1)];
  if (gaps === undefined || first === undefined || last === undefined) return undefined;
  const left = without(bytes, gaps);
  // Only of ASCII the index of a character is that of its byte.
  if (left.length > LARGE_BYTES || !isAscii(left)) return undefined;
  const text = left.toString('latin1');
  const request = parseBody(text, 1);
  if (request.kind !== 'single' || request.params === undefined) return undefined;
  const at = paramsAt(text);
  const end = at + request.params.length + bytes.length - left.length;
  // Were another member long, the params' place would be another.
  if (at > first.start || end < last.end) return undefined;
  const cut = bytes.subarray(at, end);
  const params = bytes.buffer.byteLength > KEPT_TIMES * cut.length ? Buffer.from(cut) : cut;
  return { ...request, params, end: bytes.length };
}

/** The long strings that can be left out; undefined where that isn't worth it. */
function gapsIn(bytes: Buffer): Gap[] | undefined {
  const gaps: Gap[] = [];
  let slash = bytes.indexOf(BACKSLASH);
  let open = bytes.indexOf(QUOTE);
  for (let strings = 0; open >= 0; strings++) {
    if (strings === MOST_STRINGS) return undefined;
    const start = open + 1;
    const end = bytes.indexOf(QUOTE, start);
    if (end < 0) return undefined;
    if (slash >= 0 && slash < start) slash = bytes.indexOf(BACKSLASH, start);
    // With an escape the end may be another; so few are written by hand that they aren't looked into.
    if (slash >= 0 && slash < end) return undefined;
    if (end - start >= LONG_BYTES) {
      if (hasControl(bytes, start, end)) return undefined;
      gaps.push({ start, end });
    }
    open = bytes.indexOf(QUOTE, end + 1);
  }
  return gaps;
}

/** Whether one of the bytes is below a space, which JSON forbids in strings. */
function hasControl(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && (bytes.byteOffset + at) % 4 !== 0) {
    if ((bytes[at++] as number) < 0x20) return true;
  }
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (end - at) >> 2);
  // Four bytes at a time: a byte below a space borrows from its highest bit, and doesn't have that bit itself.
  let borrowed = 0;
  const { length } = words;
  // By index: an iterator takes eight times as long.
  for (let index = 0; index < length; index++) {
    const word = words[index] as number;
    borrowed |= (word - FOUR_SPACES) & ~word;
  }
  if ((borrowed & FOUR_HIGH_BITS) !== 0) return true;
  for (at += length * 4; at < end; at++) if ((bytes[at] as number) < 0x20) return true;
  return false;
}

function without(bytes: Buffer, gaps: readonly Gap[]): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { start, end } of gaps) {
    pieces.push(bytes.subarray(at, start));
    at = end;
  }
  pieces.push(bytes.subarray(at));
  return Buffer.concat(pieces);
}

/** Where the params of the request start that the text is. */
function paramsAt(text: string): number {
  let at = 0;
  eachMember(text, skipSpace(text, 0), (keyStart, keyEnd, valueStart) => {
    // The last one counts, as in parseBody.
    if (isKey('params', text, keyStart, keyEnd)) at = valueStart;
  });
  return at;
}
