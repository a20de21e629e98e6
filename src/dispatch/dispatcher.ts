/** Places every call: on a free slot, behind a short one, or in the queue; and again when that didn't work out. */
import type { CloudFailure } from '../cloud/backend.ts';
import { cloudFailed, overloaded, shuttingDown, workerLost } from '../errors.ts';
import type { FunctionSpec, Manifest } from '../functions/manifest.ts';
import type { Pool } from '../pool/pool.ts';
import type { Slot } from '../pool/slot.ts';
import { ActiveCall, type CallEvents, type FunctionRecord } from './active-call.ts';
import type { CallRequest, Outcome } from './call.ts';
import { Deadlines } from './deadlines.ts';
import { RunTimes } from './estimates.ts';
import { Leasing } from './leasing.ts';
import { Load } from './load.ts';
import type { CallObserver } from './observer.ts';
import { Offload, type LocalSide, type OffloadRule, type Stays } from './offload.ts';
import { MAX_RUNS, mayPlaceAgain } from './placement.ts';
import { Queue } from './queue.ts';
import { RetryAfter } from './retry-after.ts';
import { RetryBudget } from './retry-budget.ts';

/** How dispatch is set up. */
export interface DispatchOptions {
  /** The most calls that may wait. */
  readonly queueCalls: number;
  /** The largest result allowed, in bytes. */
  readonly maxResultBytes: number;
  readonly offload: OffloadRule;
  /** Who counts, and tells the operator. */
  readonly observer?: CallObserver;
}

/** Counts since the start. */
export interface CallCounts {
  total: number;
  failed: number;
  offloaded: number;
  retried: number;
}

/** The dispatcher of one balancer. */
export class Dispatcher implements CallEvents, LocalSide {
  readonly maxResultBytes: number;
  readonly counts: CallCounts = { total: 0, failed: 0, offloaded: 0, retried: 0 };
  /** Which calls leave for the cloud. */
  readonly offload: Offload;
  readonly #pool: Pool;
  readonly #leasing: Leasing;
  readonly #queue: Queue<ActiveCall>;
  readonly #load: Load;
  readonly #deadlines = new Deadlines<ActiveCall>();
  readonly #observer: CallObserver | undefined;
  readonly #budget = new RetryBudget(performance.now());
  readonly #records = new Map<FunctionSpec, FunctionRecord>();
  #underWay = 0;
  #stopping = false;
  #onIdle: (() => void) | undefined;
  readonly #retryAfter = new RetryAfter(() => this.expectedWaitMs());
  #pumping = false;
  #toPump = false;

  constructor(pool: Pool, options: DispatchOptions) {
    this.#pool = pool;
    this.maxResultBytes = options.maxResultBytes;
    this.#observer = options.observer;
    this.#queue = new Queue(options.queueCalls);
    this.#load = new Load(pool);
    this.#leasing = new Leasing(pool);
    this.offload = new Offload(options.offload, this, options.observer);
  }

  /** Learns the functions; before the first call. */
  useManifest(manifest: Manifest): void {
    let index = 0;
    for (const spec of manifest.values()) {
      this.#records.set(spec, { index, local: new RunTimes(), cloud: new RunTimes() });
      index += 1;
    }
  }

  /** Calls that have arrived and not ended: running, waiting, in the cloud. */
  get underWay(): number {
    return this.#underWay;
  }

  /** How many calls wait. */
  get queued(): number {
    return this.#queue.size;
  }

  /** How many retries the budget has left. */
  get retriesLeft(): number {
    return this.#budget.left(performance.now());
  }

  /** The verb of the data path; see the type Dispatch. */
  readonly dispatch = (request: CallRequest, answer: (outcome: Outcome) => void): ActiveCall => {
    this.counts.total += 1;
    this.#budget.deposit();
    const record = this.#records.get(request.spec);
    if (record === undefined) throw new Error(`dispatch: unknown function ${request.spec.name}`);
    const call = new ActiveCall(request, record, this, answer);
    this.#underWay += 1;
    if (this.#stopping) call.fail(shuttingDown());
    else {
      this.#deadlines.add(call);
      this.#arrive(call);
    }
    return call;
  };

  /** Slots have become free, or have come, or have gone: places what waits. */
  readonly pump = (): void => {
    this.#toPump = this.#queue.size > 0;
    if (this.#pumping) return; // an answer given below led here: the round under way is followed by another
    this.#pumping = true;
    try {
      while (this.#toPump) {
        this.#toPump = false;
        const now = performance.now();
        for (const call of this.#queue.next()) this.#tryWaiting(call, now);
      }
    } finally {
      this.#pumping = false;
    }
  };

  /** What a call arriving now would wait for a slot, in milliseconds: see Load. */
  expectedWaitMs(): number {
    return this.#load.expectedWaitMs(performance.now());
  }

  /**
   * Resolves when every call under way has ended, or after `graceMs`; then the rest, and all that still come, get
   * ShuttingDown. Until then calls are taken: the rest of a batch that has begun belongs to what is finished. The front
   * turns new ones away.
   */
  async drain(graceMs: number): Promise<void> {
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#giveUp();
  }

  /** Takes no more calls, answers what is left, and stops every timer. */
  close(): void {
    this.#stopping = true;
    this.#giveUp();
    this.#deadlines.close();
    this.offload.close();
    this.#leasing.close();
  }

  started(call: ActiveCall): void {
    this.offload.watchRun(call);
  }

  unplaced(call: ActiveCall): void {
    if (call.attempts >= MAX_RUNS) {
      const twice = call.refusedByCloud ? 'Its worker and the cloud both' : 'Two workers';
      call.fail(workerLost(`${twice} ended while they ran the call`));
    } else if (!call.request.spec.idempotent) {
      call.fail(workerLost('The worker ended while it ran the call, which may not be repeated'));
    } else {
      this.#again(call);
    }
  }

  cloudFailed(call: ActiveCall, { reason, mayHaveRun }: CloudFailure): void {
    const { request, attempts } = call;
    const now = performance.now();
    const failed = {
      forced: request.backend,
      mayHaveRun,
      idempotent: request.spec.idempotent,
      runs: attempts,
      remainingMs: call.deadlineAt - now,
    };
    if (failed.remainingMs <= 0) call.expire();
    else if (mayPlaceAgain(failed) && (!mayHaveRun || this.#budget.take(now))) {
      this.counts.retried += 1;
      this.#observer?.placedAgain(call, 'cloud failed');
      if (this.#queue.size > 0 || !this.#leasing.place(call)) this.#wait(call, reason);
    } else call.fail(cloudFailed(reason, `The cloud failed the call: ${reason}`, attempts > 0));
  }

  heldUp(call: ActiveCall, slot: Slot, callId: number): void {
    if (call.attempts >= MAX_RUNS || !this.#budget.take(performance.now())) return;
    slot.takeBack(callId);
    this.#again(call);
  }

  get mayWait(): boolean {
    return !this.#queue.full;
  }

  hasRoomFor({ concurrency }: ActiveCall): boolean {
    return !this.#queue.hasLine(concurrency) && this.#pool.slots.some((slot) => slot.room(concurrency) > 0);
  }

  leaves(call: ActiveCall): void {
    this.counts.offloaded += 1;
    if (call.waiting) this.#leaveQueue(call);
  }

  withdraw(call: ActiveCall): void {
    this.#leaveQueue(call);
    this.pump(); // a slot may have been held back for it
  }

  settled(call: ActiveCall, outcome: Outcome): void {
    if (!outcome.ok) this.counts.failed += 1;
    this.#observer?.answered(call, outcome);
  }

  ended(call: ActiveCall): void {
    this.offload.unwatch(call);
    this.#deadlines.delete(call);
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#onIdle?.();
  }

  /** A free slot decides before anything else is asked, since most calls find one. */
  #arrive(call: ActiveCall): void {
    const cloudFirst = this.offload.asksFirst(call.request);
    if (!cloudFirst && this.#queue.size === 0 && this.#leasing.place(call)) {
      this.#observer?.placed(call, 'pool', 'slot free');
      return;
    }
    const stays = this.offload.take(call);
    if (stays === undefined) return;
    if (!cloudFirst || this.#queue.size > 0 || !this.#leasing.place(call)) this.#wait(call, stays);
    else this.#observer?.placed(call, 'pool', stays);
  }

  #again(call: ActiveCall): void {
    this.counts.retried += 1;
    this.#observer?.placedAgain(call, call.loss === undefined ? 'held up' : 'worker lost');
    if (this.#leasing.place(call)) return;
    this.#queue.pushRetry(call);
    this.#waits(call);
    this.#leasing.reserve(call);
  }

  #waits(call: ActiveCall): void {
    call.waiting = true;
    call.waitingSince = performance.now();
    this.#load.joined(call);
    this.offload.watchWait(call);
  }

  #leaveQueue(call: ActiveCall): void {
    call.waiting = false;
    this.#load.left(call);
    this.#queue.remove(call);
    this.offload.leftQueue(call);
    if (!this.#queue.hasWaiting(call.concurrency)) this.#pool.unreserve(call.concurrency);
  }

  #wait(call: ActiveCall, why: Stays): void {
    const alone = this.#queue.size === 0;
    if (this.#queue.push(call)) {
      this.#observer?.placed(call, 'queue', why);
      this.#waits(call);
      if (alone) this.#leasing.reserve(call);
      // Those that wait may be waiting for another slot than it would take.
      else this.pump();
      return;
    }
    // Those in the queue can't use what room there is among calls of another concurrency.
    if (!this.#queue.hasLine(call.concurrency) && this.#leasing.place(call)) return;
    this.#observer?.placed(call, 'reject', 'queue full');
    call.fail(overloaded(this.#retryAfter.ms(performance.now())));
  }

  #tryWaiting(call: ActiveCall, now: number): void {
    if (!call.waiting) return; // it left the queue since the round began
    if (call.deadlineAt <= now) call.expire();
    else if (this.#leasing.place(call)) this.#leaveQueue(call);
    else {
      this.#leasing.reserve(call);
      return;
    }
    this.#toPump = true;
  }

  #giveUp(): void {
    this.#stopping = true;
    for (const call of [...this.#deadlines.all()]) {
      if (call.waiting) this.#leaveQueue(call);
      call.fail(shuttingDown());
    }
  }
}
