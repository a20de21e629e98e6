/** Where calls wait for a slot: lets them in, tries them again when slots have come, and lets them out. */
import type { Pool } from '../pool/pool.ts';
import type { FunctionSpec } from '../functions/manifest.ts';
import type { ActiveCall } from './active-call.ts';
import { shortMs, type FunctionRecord } from './function-record.ts';
import type { Leasing } from './leasing.ts';
import { Load } from './load.ts';
import type { LocalSide } from './observation.ts';
import type { Stays } from './offload.ts';
import type { NoRoom, Queue } from './queue.ts';

/** A line that stands is tried again for those that join it if that was so long ago, in milliseconds. */
const LOOK_AGAIN_MS = 10;

/** No more work than this is held back where nobody sees it, in milliseconds: a call that waits for 50 may be offloaded. */
const HELD_BACK_MS = 10;

/** What the room is made of. */
export interface WaitingRoomParts {
  readonly pool: Pool;
  readonly leasing: Leasing;
  readonly queue: Queue<ActiveCall>;
  /** How many slots the pool may grow to: a burst it is about to grow for isn't turned away. */
  readonly mostSlots: () => number;
  /** When each slot will be ready that is starting or being resumed, in milliseconds from now, in ascending order. */
  readonly slotsReadyInMs: () => readonly number[];
  /** A call has begun to wait, and why; one that was placed before needs no reason. */
  readonly entered: (call: ActiveCall, why: Stays | undefined) => void;
  /** A call that has waited is on a slot. */
  readonly started: (call: ActiveCall) => void;
  /** A call waits no longer: a slot has it, or nobody wants it. */
  readonly left: (call: ActiveCall) => void;
}

/** The waiting calls of one dispatcher. */
export class WaitingRoom implements LocalSide {
  readonly #parts: WaitingRoomParts;
  readonly #load: Load;
  #pumping = false;
  #toPump = false;
  /** performance.now() of the last round. */
  #pumpedAt = -Infinity;

  constructor(parts: WaitingRoomParts) {
    this.#parts = parts;
    this.#load = new Load(parts.pool);
  }

  /** How many calls wait. */
  get size(): number {
    return this.#parts.queue.size;
  }

  /** Whether calls have waited too long for a while. */
  get overloaded(): boolean {
    return this.#parts.queue.overloaded;
  }

  expectedWaitMs(): number {
    return this.#load.expectedWaitMs(performance.now(), this.#parts.slotsReadyInMs());
  }

  waiting(limit: number): ActiveCall[] {
    return this.#parts.queue.first(limit);
  }

  freeInMs(): number[] {
    return [...this.#load.freeInMs(performance.now()), ...this.#parts.slotsReadyInMs()];
  }

  slotReadyInMs(call: ActiveCall): number | undefined {
    const comingMs = this.#parts.slotsReadyInMs();
    if (comingMs.length === 0) return undefined;
    return comingMs[call.waiting ? this.waiting(comingMs.length).indexOf(call) : this.size];
  }

  noRoomFor(call: ActiveCall): NoRoom | undefined {
    return this.#parts.queue.noRoomFor(call, performance.now(), this.#parts.mostSlots());
  }

  hasRoomFor({ concurrency }: ActiveCall): boolean {
    return !this.#parts.queue.hasLine(concurrency) && this.#parts.leasing.hasRoom(concurrency);
  }

  /**
   * Whether `count` further calls of a function had better stay with whoever has them for a moment: they would only stand in
   * line, and are little work together. Not while functions are reloaded: then it must be known of all that wait.
   */
  holdsBack(spec: FunctionSpec, record: FunctionRecord, count: number): boolean {
    const { queue, leasing, pool } = this.#parts;
    const ms = shortMs(spec, record);
    if (ms * count > HELD_BACK_MS || pool.mixed) return false;
    return queue.size > 0 || !leasing.hasRoomFor(ms, record.indexes);
  }

  leaves(call: ActiveCall): void {
    if (!call.waiting) return;
    this.#parts.queue.sendAway(call);
    this.#gone(call);
  }

  /** Lets a call in; it may be on a slot when this returns. @returns why it isn't admitted, if it isn't */
  enter(call: ActiveCall, why: Stays): NoRoom | undefined {
    const { queue, leasing, mostSlots } = this.#parts;
    const alone = queue.size === 0;
    const inLine = queue.hasLine(call.concurrency);
    const now = performance.now();
    const noRoom = queue.push(call, now, mostSlots());
    if (noRoom !== undefined) return noRoom;
    this.#waits(call, why, now);
    if (alone) leasing.reserve(call);
    // Those that wait may be waiting for another slot than it would take. Behind one that was tried when a slot last became
    // free there is nothing to try: that saves a long batch a look at every slot for each of its calls.
    else if (!inLine || queue.overloaded || queue.isFirst(call) || now - this.#pumpedAt >= LOOK_AGAIN_MS)
      this.pump();
    return undefined;
  }

  /** Lets a call in that was placed before: it is admitted already, and comes first. */
  enterAgain(call: ActiveCall): void {
    this.#parts.queue.pushRetry(call);
    this.#waits(call, undefined, performance.now());
    this.#parts.leasing.reserve(call);
  }

  /** Lets a call out that waits and is wanted no more; `inVain`: its time is over. */
  leave(call: ActiveCall, inVain: boolean): void {
    if (inVain) this.#parts.queue.failed(call);
    this.#parts.queue.remove(call);
    this.#gone(call);
  }

  /** Slots have become free, or have come, or have gone: places what waits. */
  readonly pump = (): void => {
    const { queue } = this.#parts;
    this.#toPump = queue.size > 0;
    if (this.#pumping) return; // an answer given below led here: the round under way is followed by another
    this.#pumping = true;
    try {
      while (this.#toPump) {
        this.#toPump = false;
        const now = performance.now();
        this.#pumpedAt = now;
        this.#round(queue.next(now), now);
      }
    } finally {
      this.#pumping = false;
    }
  };

  /** Where one that was lost finds no slot to be alone in, others like it are spared the look: a death brings a hundred at once. */
  #round(calls: readonly ActiveCall[], now: number): void {
    const { pool } = this.#parts;
    let stuck: ActiveCall | undefined;
    for (const call of calls) {
      if (!call.waiting) continue; // it left since the round began
      if (stuck !== undefined && needsTheSame(stuck, call) && !pool.mixed && call.deadlineAt > now) continue;
      this.#try(call, now);
      if (call.waiting && call.loss !== undefined) stuck = call;
    }
  }

  #try(call: ActiveCall, now: number): void {
    const { queue, leasing } = this.#parts;
    if (queue.tooLate(call, now)) call.expire();
    else if (leasing.place(call)) {
      queue.serve(call);
      this.#gone(call);
      this.#parts.started(call);
    } else {
      leasing.reserve(call);
      return;
    }
    this.#toPump = true;
  }

  /** It is out of the queue. */
  #gone(call: ActiveCall): void {
    const { queue, pool, left } = this.#parts;
    call.waiting = false;
    this.#load.left(call);
    left(call);
    if (!queue.hasWaiting(call.concurrency)) pool.unreserve(call.concurrency);
  }

  #waits(call: ActiveCall, why: Stays | undefined, now: number): void {
    call.waiting = true;
    call.waitingSince = now;
    this.#load.joined(call);
    this.#parts.entered(call, why);
  }
}

/** Whether two calls, of which the first was lost, look for the same kind of slot, as long as all slots run one bundle. */
function needsTheSame(lost: ActiveCall, other: ActiveCall): boolean {
  return lost.loss?.workerId === other.loss?.workerId && lost.concurrency === other.concurrency;
}
