/** What a slot needs to know of its calls, and tells them. */
import type { SlotAnswer } from './answer.ts';
import type { Params } from './params.ts';

/** A call as a slot of type S sees it. Exactly one of answered, dropped and lost is called, once: it ends the lease. */
export interface CallIn<S> {
  /** Its own id; a slot that has a call of this id already knows it by another. */
  readonly callId: number;
  /** Its function's place in the manifest of that bundle; undefined where that bundle doesn't have it. */
  functionIndexIn(bundle: string): number | undefined;
  readonly params: Params | undefined;
  /** Its trace, where it belongs to one. */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  /** performance.now() of the deadline, in milliseconds. */
  readonly deadlineAt: number;
  /** How many of its function's calls a slot may run at once. */
  readonly concurrency: number;
  /** How long it takes at the most, in milliseconds, if it is known to be short and may be handed ahead; else Infinity. */
  readonly shortMs: number;
  /** What is left of it once it has run for `elapsedMs`, in slot-milliseconds. */
  remainingMs(elapsedMs: number): number;
  /** The same, where all that is known of its function is asked, which takes longer. */
  likelyLeftMs(elapsedMs: number): number;
  answered(slot: S, answer: SlotAnswer): void;
  /** The slot gave it back, unstarted, as it was asked to. */
  dropped(slot: S): void;
  /** The slot or its worker is gone; the call may have run. */
  lost(slot: S, reason: string): void;
  /** The call before it takes too long, or its worker is silent. Told again until it is taken back. */
  heldUp(slot: S, callId: number): void;
}
