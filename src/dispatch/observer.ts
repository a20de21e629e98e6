/**
 * Who hears what becomes of calls: figures, decisions, one line a call in the log. On the path of calls, so what is
 * told is what is at hand already, and whoever hears it must neither throw nor take long.
 */
import type { CallRequest, Outcome } from './call.ts';

/** A call, as far as an observer may look. */
export interface ObservedCall {
  /** Under this id slots, functions and the log know it. */
  readonly callId: number;
  readonly request: CallRequest;
}

/** Where a call goes. */
export type PlacedAt = 'pool' | 'queue' | 'cloud' | 'reject';

/** Hears of every call. */
export interface CallObserver {
  /**
   * Where a call goes, and why; `expected` where both places were weighed. Most go to the pool: `slot free`. Told again
   * when a waiting call is placed elsewhere.
   */
  placed(
    call: ObservedCall,
    place: PlacedAt,
    reason: string,
    expected?: { readonly localMs?: number; readonly cloudMs?: number },
  ): void;
  /** A call is placed a second time, since its worker was lost or held it up, or the cloud failed it. */
  placedAgain(call: ObservedCall, reason: string): void;
  /** A call was answered. One whose client has left isn't. */
  answered(call: ObservedCall, outcome: Outcome): void;
}
