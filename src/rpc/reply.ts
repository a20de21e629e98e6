/**
 * Puts answers into bytes. A result is spliced in as the bytes that came, neither parsed nor copied when large.
 *
 * Text is kept as byte strings: each character stands for one byte of the UTF-8 text ("latin1" to Node). Small answers
 * then leave in one write together with their HTTP header, and a string's length is its Content-Length whatever
 * bytes a worker sent, so that a bad one can't make the front miscount and spoil the connection for the next answer.
 */
import type { CallError } from '../errors.ts';
import type { CallReport } from '../dispatch/call.ts';
import type { ResultJson } from '../pool/answer.ts';

/** A body to be sent, in pieces to be written one after another. */
export interface Reply {
  readonly pieces: string | readonly (string | Buffer)[];
  /** The length of all pieces together, in bytes. */
  readonly byteLength: number;
  /** Where and how long the call ran; only for a single call that reached dispatch. */
  readonly report?: CallReport | undefined;
}

/** How one entry of a body ended. `report` is absent if it never reached dispatch. */
export type EntryOutcome =
  | { readonly ok: true; readonly json: ResultJson; readonly report?: CallReport }
  | { readonly ok: false; readonly error: CallError; readonly report?: CallReport };

/** The outcome of an entry that failed. */
export function failed(error: CallError, report?: CallReport): EntryOutcome {
  return report === undefined ? { ok: false, error } : { ok: false, error, report };
}

/** Results up to this many bytes are joined with their frame into one string: cheaper than three writes. */
const JOIN_BYTES = 16 * 1024;

const BEFORE_RESULT = '{"jsonrpc":"2.0","result":';
const BEFORE_ID = ',"id":';

/** The response object of one entry. `id` is the raw JSON text of its id. */
export function replyTo(outcome: EntryOutcome, id: string): Reply {
  if (!outcome.ok) return errorReply(outcome.error, id, outcome.report);
  const { json, report } = outcome;
  const tail = `${BEFORE_ID}${byteString(id)}}`;
  const byteLength = BEFORE_RESULT.length + json.length + tail.length;
  if (json.length > JOIN_BYTES) return { pieces: [BEFORE_RESULT, json, tail], byteLength, report };
  const text = typeof json === 'string' ? json : json.toString('latin1');
  return { pieces: BEFORE_RESULT + text + tail, byteLength, report };
}

/** The response object of an entry that failed. */
export function errorReply(error: CallError, id: string, report?: CallReport): Reply {
  const text = byteString(`{"jsonrpc":"2.0","error":${errorText(error)}${BEFORE_ID}${id}}`);
  return { pieces: text, byteLength: text.length, report };
}

/** One body of all answers to a batch, in the order given; undefined if there is none. */
export function joinReplies(replies: readonly (Reply | undefined)[]): Reply | undefined {
  const pieces: (string | Buffer)[] = [];
  let text = '';
  let byteLength = 1;
  for (const reply of replies) {
    if (reply === undefined) continue;
    text += byteLength === 1 ? '[' : ',';
    byteLength += 1 + reply.byteLength;
    if (typeof reply.pieces === 'string') {
      text += reply.pieces;
      continue;
    }
    for (const piece of reply.pieces) {
      if (typeof piece === 'string') text += piece;
      else {
        pieces.push(text, piece);
        text = '';
      }
    }
  }
  if (byteLength === 1) return undefined;
  pieces.push(`${text}]`);
  return { pieces, byteLength };
}

/** Text as its UTF-8 bytes, one character each. */
export function byteString(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1');
}

function errorText(error: CallError): string {
  const { code, message, data } = error;
  try {
    return JSON.stringify(data === undefined ? { code, message } : { code, message, data });
  } catch {
    // Data nested too deep to be written; the error itself still says what happened.
    return JSON.stringify({ code, message });
  }
}
