/** Places every call: on a free slot, behind a short one, or in the queue; and again when that didn't work out. */
import type { CloudFailure } from '../cloud/backend.ts';
import { cloudFailed, methodNotFound, outOfTime, overloaded, shuttingDown, workerLost } from '../errors.ts';
import type { FunctionSpec, Manifest } from '../functions/manifest.ts';
import type { Pool } from '../pool/pool.ts';
import type { Slot } from '../pool/slot.ts';
import type { SlotAnswer } from '../pool/answer.ts';
import { ActiveCall } from './active-call.ts';
import type { CallEvents } from './call-events.ts';
import type { CallRequest, Outcome } from './call.ts';
import { Deadlines } from './deadlines.ts';
import { Demand, type Workload } from './demand.ts';
import type { DispatchOptions } from './dispatch-options.ts';
import type { FunctionRecord } from './function-record.ts';
import { Leasing } from './leasing.ts';
import type { CallObserver } from './observer.ts';
import { Offload, type Stays } from './offload.ts';
import { MAX_RUNS, mayPlaceAgain } from './placement.ts';
import { Queue } from './queue.ts';
import { Records } from './records.ts';
import { RetryAfter } from './retry-after.ts';
import { RetryBudget } from './retry-budget.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Counts since the start. */
export interface CallCounts {
  readonly total: number;
  readonly failed: number;
  readonly offloaded: number;
  readonly retried: number;
}

/** The dispatcher of one balancer. */
export class Dispatcher implements CallEvents<ActiveCall> {
  readonly maxResultBytes: number;
  /** Which calls leave for the cloud. */
  readonly offload: Offload;
  /** Slots have become free, or have come, or have gone: places what waits. */
  readonly pump: () => void;
  readonly #leasing: Leasing;
  readonly #queue: Queue<ActiveCall>;
  readonly #room: WaitingRoom;
  readonly #counts = { total: 0, failed: 0, retried: 0 };
  readonly #deadlines = new Deadlines<ActiveCall>();
  readonly #observer: CallObserver | undefined;
  readonly #demand = new Demand();
  readonly #budget = new RetryBudget(performance.now());
  readonly #records = new Records();
  #underWay = 0;
  #stopping = false;
  #onIdle: (() => void) | undefined;
  /** Told that a call has had to queue, before it is placed once more: it may bring a slot at once. */
  onQueued: () => void = () => undefined;
  readonly #retryAfter = new RetryAfter(() => this.expectedWaitMs());

  constructor(pool: Pool, options: DispatchOptions, queue = new Queue<ActiveCall>(options.queueCalls)) {
    this.maxResultBytes = options.maxResultBytes;
    this.#queue = queue;
    this.#observer = options.observer;
    this.#leasing = new Leasing(pool);
    this.#room = new WaitingRoom({
      pool,
      queue,
      leasing: this.#leasing,
      mostSlots: () => Math.max(pool.slots.length, options.mostSlots?.() ?? 0),
      slotsReadyInMs: options.slotsReadyInMs ?? (() => []),
      entered: (call, why) => {
        if (why !== undefined) this.#observer?.placed(call, 'queue', why.reason, why.expected);
        this.offload.watchWait(call);
        this.onQueued();
      },
      started: (call) => this.offload.explore(call),
      left: (call) => this.offload.leftQueue(call),
    });
    this.offload = new Offload(options.offload, this.#room, {
      observer: options.observer,
      demand: this.#demand,
      usdPerHour: options.offloadUsdPerHour ?? Infinity,
    });
    this.pump = this.#room.pump;
  }

  get counts(): CallCounts {
    return { ...this.#counts, offloaded: this.offload.sent };
  }

  /** Learns the functions of a bundle; before the first call. Those of earlier bundles stay known: see forget(). */
  useManifest(manifest: Manifest, bundle: string): void {
    this.#records.learn(manifest, bundle);
    this.pump();
  }

  /** What is known of a function. */
  known(spec: FunctionSpec): FunctionRecord {
    return this.#records.of(spec);
  }

  /** Whether `count` further calls of a function had better stay with whoever has them: see WaitingRoom.holdsBack. */
  holdsBack(spec: FunctionSpec, count: number): boolean {
    return this.offload.rule.policy !== 'always' && this.#room.holdsBack(spec, this.known(spec), count);
  }

  /** Whether a call waits that only this bundle can run. */
  waitsFor(bundle: string): boolean {
    for (const call of this.#deadlines.all()) {
      if (call.waiting && call.bundles.size === 1 && call.bundles.has(bundle)) return true;
    }
    return false;
  }

  /** No worker runs this bundle any more. Calls of functions that only it had are told that there is no such method. */
  forget(bundle: string): void {
    this.#records.forget(bundle);
    for (const call of [...this.#deadlines.all()]) {
      if (!call.waiting || call.bundles.size > 0) continue;
      this.withdraw(call);
      call.fail(methodNotFound(call.request.spec.name));
    }
  }

  /** The work there is, for the scaling decision. */
  workload(): Workload {
    return this.#demand.workload(this.#deadlines.all(), performance.now());
  }

  /** Calls that have arrived and not ended: running, waiting, in the cloud. */
  get underWay(): number {
    return this.#underWay;
  }

  /** How many calls wait. */
  get queued(): number {
    return this.#room.size;
  }

  /** How many retries the budget has left. */
  get retriesLeft(): number {
    return this.#budget.left(performance.now());
  }

  /** The verb of the data path; see the type Dispatch. */
  readonly dispatch = (request: CallRequest, answer: (outcome: Outcome) => void): ActiveCall => {
    this.#counts.total += 1;
    this.#budget.deposit();
    const record = this.#records.of(request.spec);
    const call = new ActiveCall(request, record, this, answer);
    this.#underWay += 1;
    this.#demand.arrived(record.local, request.spec.concurrency);
    if (this.#stopping) call.fail(shuttingDown());
    else if (record.indexes.size === 0) call.fail(methodNotFound(request.spec.name));
    else {
      this.#deadlines.add(call);
      this.#arrive(call);
    }
    return call;
  };

  /** What a call arriving now would wait for a slot, in milliseconds: see Load. */
  expectedWaitMs(): number {
    return this.#room.expectedWaitMs();
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
      // One that keeps away from a worker must not stand in line: all those behind it would keep away with it.
      if (call.loss !== undefined) return this.#again(call, 'cloud failed');
      this.#counts.retried += 1;
      this.#observer?.placedAgain(call, 'cloud failed');
      if (this.#queue.size > 0 || !this.#leasing.place(call)) this.#wait(call, { reason });
    } else call.fail(cloudFailed(reason, `The cloud failed the call: ${reason}`, attempts > 0));
  }

  heldUp(call: ActiveCall, slot: Slot, callId: number): void {
    const now = performance.now();
    if (!call.request.spec.idempotent || call.attempts >= MAX_RUNS || call.deadlineAt <= now) return;
    if (!this.#budget.take(now)) return;
    slot.takeBack(callId);
    this.#again(call);
  }

  withdraw(call: ActiveCall, inVain = false): void {
    this.#room.leave(call, inVain);
    this.pump(); // a slot may have been held back for it
  }

  settled(call: ActiveCall, outcome: Outcome): void {
    if (!outcome.ok) this.#counts.failed += 1;
    this.#observer?.answered(call, outcome);
  }

  ran(call: ActiveCall, { runMs, cpuMs, failure, warm }: SlotAnswer): void {
    this.#demand.ran(cpuMs ?? call.local.cpuMs.mean);
    if (failure === undefined && warm) this.offload.ran(call, runMs);
  }

  ended(call: ActiveCall): void {
    this.offload.unwatch(call);
    this.#deadlines.delete(call);
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#onIdle?.();
  }

  /** A free slot decides before anything else is asked, since most calls find one. */
  #arrive(call: ActiveCall): void {
    const cloudFirst = this.offload.asksFirst(call);
    if (!cloudFirst && this.#queue.size === 0 && this.#leasing.place(call)) {
      this.#observer?.placed(call, 'pool', 'slot free');
      return;
    }
    // First, so that the placement knows of the slots that are coming.
    this.onQueued();
    const stays = this.offload.take(call);
    if (stays === undefined) return;
    // Those that waited before it may just have left, or a slot has come: alone in the queue nobody would look for it.
    if (this.#queue.size > 0 || !this.#leasing.place(call)) this.#wait(call, stays);
    else this.#observer?.placed(call, 'pool', cloudFirst ? stays.reason : 'slot free', stays.expected);
  }

  #again(call: ActiveCall, why = call.loss === undefined ? 'held up' : 'worker lost'): void {
    this.#counts.retried += 1;
    this.#observer?.placedAgain(call, why);
    if (!this.#leasing.place(call)) this.#room.enterAgain(call);
  }

  #wait(call: ActiveCall, why: Stays): void {
    const noRoom = this.#room.enter(call, why);
    if (noRoom === undefined) return;
    // Those in the queue can't use what room there is among calls of another concurrency.
    if (!this.#queue.hasLine(call.concurrency) && this.#leasing.place(call)) return;
    this.#refuse(call, { reason: noRoom, expected: why.expected });
  }

  #refuse(call: ActiveCall, { reason, expected }: Stays): void {
    this.#queue.failed(call);
    this.#observer?.placed(call, 'reject', reason, expected);
    call.fail((reason === 'queue full' ? overloaded : outOfTime)(this.#retryAfter.ms(performance.now())));
  }

  #giveUp(): void {
    this.#stopping = true;
    for (const call of [...this.#deadlines.all()]) {
      if (call.waiting) this.#room.leave(call, false);
      call.fail(shuttingDown());
    }
  }
}
