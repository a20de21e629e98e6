/** What a call that is under way tells of itself. */
import type { CloudFailure } from '../cloud/backend.ts';
import type { SlotAnswer } from '../pool/answer.ts';
import type { Slot } from '../pool/slot.ts';
import type { Outcome } from './call.ts';

/** What a call of type C tells the dispatcher. */
export interface CallEvents<C> {
  /** A slot has it, and its function declares a localTimeoutMs. */
  started(call: C): void;
  /** Its last slot was lost, or gave it back unstarted. */
  unplaced(call: C): void;
  /** The cloud failed it, and nothing else has it. */
  cloudFailed(call: C, failure: CloudFailure): void;
  /** It is held up behind another in a slot, or in the slot of a silent worker. */
  heldUp(call: C, slot: Slot, callId: number): void;
  /** It waits, and must not any more; `inVain`: its time is over. */
  withdraw(call: C, inVain?: boolean): void;
  /** It was answered, with that outcome. */
  settled(call: C, outcome: Outcome): void;
  /** A slot has answered it. */
  ran(call: C, answer: SlotAnswer): void;
  /** Nothing runs it any more and nobody waits for it. */
  ended(call: C): void;
  /** The largest result allowed, in bytes. */
  readonly maxResultBytes: number;
}
