/** One slot as the balancer sees it: the calls leased to it, and how many more it may take. */
import { MAX_AHEAD, MAX_AHEAD_MS, MOST_COUNTED_MS, WARM_AFTER_CALLS } from './ahead-limits.ts';
import type { Answer } from './answer.ts';
import { AT_ONCE_MS, BusyPoll } from './busy-poll.ts';
import { newCallId } from './call-ids.ts';
import { LeasedCalls, type Leased } from './leased-calls.ts';
import { PeakEwma } from './peak-ewma.ts';
import type { CallIn } from './slot-call.ts';

/** A call as a slot sees it. */
export type SlotCall = CallIn<Slot>;

/** What the slot needs of its data connection. */
export interface SlotConnection {
  /** While it answers: whether another answer has come with this one, and follows at once. */
  readonly more: boolean;
  run(callId: number, call: SlotCall, short: boolean): void;
  takeBack(callId: number): void;
  cancel(callId: number): void;
}

/** What the pool wants to hear of a slot. */
export interface SlotEvents {
  /** It may have room for a call again. */
  room(): void;
  /** A call that it ran has ended; `failed`: with an error, past its deadline, or with the slot. */
  ended(failed: boolean): void;
  /** End the slot's process: at once, or only if its event loop is stuck. */
  end(slot: Slot, how: 'now' | 'if-stuck'): void;
  /** A call known to be short has kept it busy for so many milliseconds. */
  ranShort(ms: number): void;
}

/** One slot of a worker. */
export class Slot {
  readonly key: string;
  readonly workerId: string;
  /** The hash of the bundle it runs. */
  readonly bundle: string;
  /** The concurrency for whose next call it is held back until it is empty; 0: for none. */
  reservedFor = 0;
  /** How long it takes to answer, for the peak-ewma policy. */
  readonly latency = new PeakEwma();
  readonly #connection: SlotConnection;
  readonly #events: SlotEvents;
  readonly #calls = new LeasedCalls<SlotCall>();
  readonly #busyPoll = new BusyPoll(() => this.#endsAtOnce());
  #concurrency = 1;
  #shortMs = 0;
  #abandoned = 0;
  /** Calls that aren't known to be short. */
  #long = 0;
  #frontSince = 0;
  #handed = 0;
  #done = 0;
  #open = false;
  #retiring = false;
  #heldUp = false;

  constructor(
    { key, workerId, bundle }: { key: string; workerId: string; bundle: string },
    connection: SlotConnection,
    events: SlotEvents,
  ) {
    this.key = key;
    this.workerId = workerId;
    this.bundle = bundle;
    this.#connection = connection;
    this.#events = events;
  }

  /** The concurrency of the calls it runs; 0 when it is empty. */
  get mode(): number {
    return this.#calls.size === 0 ? 0 : this.#concurrency;
  }

  /** How many calls are leased to it. */
  get running(): number {
    return this.#calls.size;
  }

  /**
   * The share of it that calls occupy: 0 … 1. Calls known to be short don't count while they are here: under load they are
   * on their way, or in line, for a hundred times as long as they run. See ranShort.
   */
  get occupied(): number {
    return Math.min(1, this.#long / this.#concurrency);
  }

  /** Lets calls in: its worker is ready. */
  open(): void {
    this.#open = true;
    this.#events.room();
  }

  /** Lets no new call in: its worker is draining. */
  shut(): void {
    this.#open = false;
  }

  /** Its worker is silent: tells every call in it, so that those that may are placed elsewhere as well. */
  doubt(): void {
    this.reservedFor = 0;
    for (const { callId, call, abandoned } of this.#calls.all()) if (!abandoned) call.heldUp(this, callId);
  }

  /** Whether it takes calls, now or when it has room. */
  get usable(): boolean {
    return this.#open && !this.#retiring;
  }

  /** How many calls of that concurrency it could start now. Calls of different concurrency never share a slot. */
  room(concurrency: number): number {
    if (!this.usable) return 0;
    if (this.reservedFor !== 0 && (this.reservedFor !== concurrency || this.#calls.size > 0)) return 0;
    if (this.#calls.size === 0) return concurrency;
    if (this.#concurrency !== concurrency) return 0;
    return Math.max(0, concurrency - this.#calls.size);
  }

  /** Expected milliseconds of what it runs and holds, if one more call of `shortMs` may be handed ahead; else Infinity. */
  aheadMs(shortMs: number): number {
    if (!this.usable || this.#heldUp || this.reservedFor !== 0) return Infinity;
    if (this.#concurrency !== 1 || this.#calls.size === 0) return Infinity;
    if (this.#handed < WARM_AFTER_CALLS || this.#calls.size > MAX_AHEAD) return Infinity;
    const total = this.#shortMs + shortMs;
    return total < MAX_AHEAD_MS ? total : Infinity;
  }

  /** How long until it is empty, as far as can be expected, in milliseconds from `now`; `likely`: by likelyLeftMs. */
  freeInMs(now: number, likely = false): number {
    let ms = 0;
    // Those that wait behind the first haven't begun.
    let since = this.#frontSince;
    for (let leased = this.#calls.first; leased !== undefined; leased = leased.after) {
      const elapsedMs = now - (this.#concurrency > 1 ? leased.at : since);
      ms += likely ? leased.call.likelyLeftMs(elapsedMs) : leased.call.remainingMs(elapsedMs);
      since = now;
    }
    return ms;
  }

  /** Leases the slot to a call and hands it over. The caller has seen that there is room. */
  run(call: SlotCall): number {
    const callId = this.#idFor(call);
    const now = performance.now();
    if (this.#calls.size === 0) {
      this.#concurrency = call.concurrency;
      this.#frontSince = now;
      this.reservedFor = 0;
    }
    const { shortMs } = call;
    this.#calls.add(callId, call, now, shortMs);
    this.#shortMs += shortMs;
    if (shortMs === Infinity) this.#long += 1;
    this.#handed += 1;
    this.#connection.run(callId, call, shortMs !== Infinity);
    if (this.#endsAtOnce()) this.#busyPoll.expect();
    return callId;
  }

  /** The slot answered. False: it was never asked, so its worker lies. */
  answer(callId: number, answer: Answer): boolean {
    const now = performance.now();
    const leased = this.#release(callId, now);
    if (leased === undefined) return false;
    this.latency.observe(now - leased.at, now);
    const warm = this.#done > 0;
    this.#done += 1;
    const { json, failure, runMs, cpuMs } = answer;
    if (leased.shortMs !== Infinity) {
      this.#events.ranShort(Math.min(runMs, now - leased.at, MOST_COUNTED_MS));
    }
    this.#events.ended(failure !== undefined || (leased.abandoned && leased.call.deadlineAt <= now));
    leased.call.answered(this, { json, failure, runMs, cpuMs, warm });
    this.#afterRelease(now);
    return true;
  }

  /** The slot gave a call back unstarted. False: it wasn't asked to, so its worker lies. */
  drop(callId: number): boolean {
    if (this.#calls.find(callId)?.abandoned !== true) return false;
    const now = performance.now();
    this.#release(callId, now)?.call.dropped(this);
    this.#afterRelease(now);
    return true;
  }

  /** Its connection is gone: every call leased to it is lost. */
  lose(reason: string): void {
    this.#open = false;
    const calls = this.#calls.all();
    for (const { callId } of calls) if (this.runs(callId)) this.#events.ended(true);
    this.#calls.clear();
    this.#long = 0;
    for (const { call } of calls) call.lost(this, reason);
  }

  /** Whether a call that it has was started: all were where it runs several at once, else the first. */
  runs(callId: number): boolean {
    return this.#concurrency > 1 || this.#calls.first?.callId === callId;
  }

  /**
   * Takes a call back that waits behind the first; the slot gives it back, or answers it if it had begun. One that runs,
   * for all that is known here, stays.
   */
  takeBack(callId: number): void {
    if (!this.runs(callId) && this.#abandon(callId)) this.#connection.takeBack(callId);
  }

  /**
   * A call's deadline passed in here. If it runs, that ends the process: at once if nobody waits for anything else in
   * it, or if it is stuck, else as soon as it is idle. One that waits behind another has no part in that.
   */
  overdue(callId: number): void {
    if (!this.#abandon(callId)) return;
    this.#connection.cancel(callId);
    if (this.runs(callId)) this.#retire();
  }

  /**
   * Tells the calls handed ahead if the one before them has taken `slackMs` longer than it should. If that one's deadline
   * had passed before its turn, it wasn't given back as it was asked to: that ends the process.
   * @returns whether there are calls handed ahead at all, or one that nobody waits for.
   */
  checkFront(now: number, slackMs: number): boolean {
    const { first, size } = this.#calls;
    if (first === undefined || this.#concurrency !== 1 || (size === 1 && !first.abandoned)) return false;
    if (now - this.#frontSince < first.shortMs + slackMs) return true;
    if (first.abandoned && first.call.deadlineAt <= now && !this.#retiring) this.#retire();
    this.#heldUp = true;
    for (const leased of this.#calls.all()) {
      if (leased !== first && !leased.abandoned) leased.call.heldUp(this, leased.callId);
    }
    return true;
  }

  /** Unique among those the slot has: a call may outlast a turn of the counter, or come back before it was given up. */
  #idFor(call: SlotCall): number {
    let { callId } = call;
    while (this.#calls.has(callId)) callId = newCallId();
    return callId;
  }

  /** Whether all that it has is one call, which will be answered at once. */
  #endsAtOnce(): boolean {
    const { first, size } = this.#calls;
    return size === 1 && first !== undefined && first.shortMs < AT_ONCE_MS;
  }

  #abandon(callId: number): boolean {
    const leased = this.#calls.find(callId);
    if (leased === undefined) return false;
    if (!leased.abandoned) this.#abandoned += 1;
    leased.abandoned = true;
    return true;
  }

  #release(callId: number, now: number): Leased<SlotCall> | undefined {
    const leased = this.#calls.find(callId);
    if (leased === undefined) return undefined;
    if (this.runs(callId)) {
      this.#frontSince = now;
      this.#heldUp = false;
    }
    this.#calls.remove(leased);
    if (leased.abandoned) this.#abandoned -= 1;
    if (leased.shortMs === Infinity) this.#long -= 1;
    // Infinity minus Infinity is NaN: an empty slot starts from zero.
    this.#shortMs = this.#calls.size === 0 ? 0 : this.#shortMs - leased.shortMs;
    return leased;
  }

  #afterRelease(now: number): void {
    if (this.#retiring) {
      // A retiring slot is ended as soon as nobody waits for anything in it.
      if (this.#abandoned === this.#calls.size) this.#events.end(this, 'now');
      return;
    }
    const { first } = this.#calls;
    // Its deadline passed while it waited, and now it may run. As long as it takes calls, checkFront gives it some time.
    if (!this.#open && first?.abandoned === true && first.call.deadlineAt <= now) return this.#retire();
    // Of answers that came together only the last one tells: what waits is looked at once, not once for each.
    if (!this.#connection.more) this.#events.room();
  }

  #retire(): void {
    this.#retiring = true;
    this.#events.end(this, this.#abandoned === this.#calls.size ? 'now' : 'if-stuck');
  }
}
