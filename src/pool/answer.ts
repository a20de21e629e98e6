/** Answers of slots. */
import type { Failure } from './protocol.ts';

/** What a slot answers to a call. Times in milliseconds; cpuMs is undefined where it wasn't measured. */
export interface Answer {
  readonly json: Buffer;
  readonly failure: Failure | undefined;
  readonly runMs: number;
  readonly cpuMs: number | undefined;
}

/** An answer, and how far to trust its times. */
export interface SlotAnswer extends Answer {
  /** False for a slot's first call, which pays for compiling: not to be learnt from. */
  readonly warm: boolean;
}
