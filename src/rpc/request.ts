/**
 * One body's text → the JSON-RPC requests in it, with the exact text of their ids and params.
 *
 * JSON.parse validates the whole text once. Ids and params are then cut out of the text, so that an id comes back as
 * it was sent (1.0, 9007199254740993) and params reach the function without having been written out anew. A reviver
 * could tell the source of an id too, but it walks every value: 25 times the cost on a megabyte of numbers.
 */
import { invalidRequest, parseError, type CallError } from '../errors.ts';
import type { Params } from '../pool/params.ts';
import { eachElement, eachMember, skipSpace, skipValue } from './json-text.ts';

/** One entry of a body: perhaps a valid request, perhaps not; jayson judges. */
export interface ParsedRequest {
  readonly kind: 'single';
  /** The entry as JSON.parse built it: any JSON value. */
  readonly value: unknown;
  /** The raw text of its `id` member, absent where it has none. */
  readonly id: string | undefined;
  /** The raw text of its `params` member, absent where it has none. */
  readonly params: Params | undefined;
  /** Index just after the entry in the body's text. */
  readonly end: number;
}

/** What a body holds. `invalid`: one error answers the whole body, under the id null. */
export type ParsedBody =
  | ParsedRequest
  | { readonly kind: 'batch'; readonly requests: readonly ParsedRequest[] }
  | { readonly kind: 'invalid'; readonly error: CallError };

const OPEN_BRACE = 0x7b;
const BYTE_ORDER_MARK = 0xfeff;

/**
 * Parses a body. A byte order mark in front is ignored, as RFC 8259 allows: some clients can't help sending one.
 * @param maxBatch the number of entries over which a batch is refused as a whole
 */
export function parseBody(body: string, maxBatch: number): ParsedBody {
  const text = body.charCodeAt(0) === BYTE_ORDER_MARK ? body.slice(1) : body;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // SyntaxError, or RangeError from nesting too deep; its message quotes nothing but the client's own text.
    return invalid(parseError(`Parse error: the body is not JSON: ${(error as Error).message}`));
  }
  const start = skipSpace(text, 0);
  if (!Array.isArray(value)) return requestAt(text, start, value);
  if (value.length === 0) return invalid(invalidRequest('Invalid Request: the batch is empty'));
  if (value.length > maxBatch) {
    const said = `Invalid Request: the batch has ${value.length} entries; send at most ${maxBatch} (SPILLWAY_MAX_BATCH)`;
    return invalid(invalidRequest(said));
  }
  return { kind: 'batch', requests: requestsIn(text, start, value) };
}

function invalid(error: CallError): ParsedBody {
  return { kind: 'invalid', error };
}

function requestsIn(text: string, start: number, values: readonly unknown[]): ParsedRequest[] {
  const requests: ParsedRequest[] = [];
  eachElement(text, start, (at) => {
    const request = requestAt(text, at, values[requests.length]);
    requests.push(request);
    return request.end;
  });
  return requests;
}

function requestAt(text: string, at: number, value: unknown): ParsedRequest {
  let id: string | undefined;
  let params: string | undefined;
  if (text.charCodeAt(at) !== OPEN_BRACE)
    return { kind: 'single', value, id, params, end: skipValue(text, at) };
  const end = eachMember(text, at, (keyStart, keyEnd, valueStart, valueEnd) => {
    // Of a repeated key the last one counts, as with JSON.parse.
    if (isKey('id', text, keyStart, keyEnd)) id = text.slice(valueStart, valueEnd);
    else if (isKey('params', text, keyStart, keyEnd)) params = text.slice(valueStart, valueEnd);
  });
  return { kind: 'single', value, id, params, end };
}

/** Whether the key that stands between these indices is `name`, escapes or not. */
export function isKey(name: string, text: string, start: number, end: number): boolean {
  const length = end - start;
  if (length === name.length) return text.startsWith(name, start);
  // Written with escapes, such as "\u0069d", a key is longer: at most six characters for each of its own.
  if (length < name.length || length > name.length * 6 || !text.slice(start, end).includes('\\'))
    return false;
  return JSON.parse(text.slice(start - 1, end + 1)) === name;
}
