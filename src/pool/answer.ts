/** Answers of slots. */
import type { Failure } from './protocol.ts';

/**
 * A result as the bytes that came: a small one as text of as many characters, each standing for one byte ("latin1" to Node).
 * To cut a buffer out of what was read, and text out of that later, costs five times as much (decision 0079).
 */
export type ResultJson = string | Buffer;

/** The result's bytes, which are UTF-8 if its worker is honest. */
export function bytesOfResult(json: ResultJson): Buffer {
  return typeof json === 'string' ? Buffer.from(json, 'latin1') : json;
}

/** The result's text. */
export function textOfResult(json: ResultJson): string {
  return bytesOfResult(json).toString('utf8');
}

/** What a slot answers to a call. Times in milliseconds; cpuMs is undefined where it wasn't measured. */
export interface Answer {
  readonly json: ResultJson;
  readonly failure: Failure | undefined;
  readonly runMs: number;
  readonly cpuMs: number | undefined;
}

/** An answer, and how far to trust its times. */
export interface SlotAnswer extends Answer {
  /** False for a slot's first call, which pays for compiling: not to be learnt from. */
  readonly warm: boolean;
}
