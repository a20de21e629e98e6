/** Ids of calls: what slots, functions, logs and operators know a call by. */

/** Ids are u32 on the wire; 0 is for frames about no call. */
const MAX_CALL_ID = 0xffff_ffff;

let last = 0;

/** The next id. They begin again after four billion, so whoever keeps some must see that a new one isn't among them. */
export function newCallId(): number {
  last = last === MAX_CALL_ID ? 1 : last + 1;
  return last;
}
