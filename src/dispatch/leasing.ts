/** Puts calls on slots: on a free one, or behind a short call; and holds slots back for those that wait. */
import type { Pool } from '../pool/pool.ts';
import type { ActiveCall } from './active-call.ts';

/** How much longer than expected a call may run before those handed ahead behind it are placed again, in milliseconds. */
const HELD_UP_MS = 5;

/** The leases of one pool's slots. */
export class Leasing {
  readonly #pool: Pool;
  #frontCheck: NodeJS.Timeout | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Starts the call on a slot. False: none can have it now. */
  place(call: ActiveCall): boolean {
    // Its time is over, which it will be told within a step of the deadlines; a slot would be ended for it.
    const now = performance.now();
    if (now >= call.deadlineAt) return false;
    const avoid = this.#avoid(call);
    const free = this.#pool.free(call.concurrency, avoid, call.bundles);
    if (free !== undefined) {
      call.start(free);
      return true;
    }
    const { shortMs } = call;
    const ahead = shortMs === Infinity ? undefined : this.#pool.ahead(shortMs, avoid, call.bundles);
    // One that was held up in a slot gains nothing there.
    if (ahead === undefined || call.isIn(ahead)) return false;
    // One whose deadline is near would pass it in line.
    if (call.deadlineAt - now <= ahead.aheadMs(shortMs)) return false;
    call.start(ahead);
    this.#frontCheck ??= setInterval(this.#checkFronts, HELD_UP_MS);
    return true;
  }

  /** Whether some slot has room for such a call. */
  hasRoom(concurrency: number): boolean {
    return this.#pool.slots.some((slot) => slot.room(concurrency) > 0);
  }

  /** Whether some slot would take a call that takes `shortMs` at the most, if only behind others. */
  hasRoomFor(shortMs: number, bundles: ReadonlyMap<string, unknown>): boolean {
    return this.hasRoom(1) || this.#pool.ahead(shortMs, undefined, bundles) !== undefined;
  }

  /** Holds a slot back for a call that waits, if it may go there. */
  reserve(call: ActiveCall): void {
    const avoid = this.#avoid(call);
    if (call.loss !== undefined && call.concurrency === 1) this.#pool.reserveEmpty(avoid, performance.now());
    else this.#pool.reserve(call.concurrency, avoid);
  }

  /** Stops every timer. */
  close(): void {
    clearInterval(this.#frontCheck);
    this.#frontCheck = undefined;
  }

  /** A call whose worker died under it goes to another one, so that a poison call can't take the pool down. */
  #avoid(call: ActiveCall): string | undefined {
    const lostOn = call.loss?.workerId;
    return lostOn !== undefined && this.#pool.hasOther(lostOn) ? lostOn : undefined;
  }

  readonly #checkFronts = (): void => {
    const now = performance.now();
    let any = false;
    for (const slot of this.#pool.slots) if (slot.checkFront(now, HELD_UP_MS)) any = true;
    if (!any) this.close();
  };
}
