/** Places every call: on a free slot, behind a short one, or in the queue; and again when that didn't work out. */
import { cloudFailed, methodNotFound, overloaded, shuttingDown, workerLost } from '../errors.ts';
import type { Manifest } from '../functions/manifest.ts';
import type { Pool } from '../pool/pool.ts';
import type { Slot } from '../pool/slot.ts';
import { ActiveCall, type CallEvents } from './active-call.ts';
import type { CallRequest, Outcome, PendingCall } from './call.ts';
import { Deadlines } from './deadlines.ts';
import { Demand, type Workload } from './demand.ts';
import { expectedWaitMs } from './estimates.ts';
import { Queue } from './queue.ts';
import { Records } from './records.ts';
import { RetryBudget } from './retry-budget.ts';

/** How much longer than expected a call may run before those handed ahead behind it are placed again, in milliseconds. */
const HELD_UP_MS = 5;
/** A call runs at most twice (DESIGN decision 6). */
const MAX_ATTEMPTS = 2;
/** What a rejected client is told to wait at the least and at the most, in milliseconds. */
const MIN_RETRY_AFTER_MS = 50;
const MAX_RETRY_AFTER_MS = 10_000;
/** How long one such figure serves, in milliseconds. */
const RETRY_AFTER_KEPT_MS = 50;

/** How dispatch is set up. */
export interface DispatchOptions {
  /** The most calls that may wait. */
  readonly queueCalls: number;
  /** The largest result allowed, in bytes. */
  readonly maxResultBytes: number;
}

/** Counts since the start. */
export interface CallCounts {
  total: number;
  failed: number;
  offloaded: number;
  retried: number;
}

/** The dispatcher of one balancer. */
export class Dispatcher implements CallEvents {
  readonly maxResultBytes: number;
  readonly counts: CallCounts = { total: 0, failed: 0, offloaded: 0, retried: 0 };
  readonly #pool: Pool;
  readonly #queue: Queue<ActiveCall>;
  readonly #deadlines = new Deadlines<ActiveCall>();
  readonly #demand = new Demand();
  readonly #budget = new RetryBudget(performance.now());
  readonly #records = new Records();
  #underWay = 0;
  #stopping = false;
  #onIdle: (() => void) | undefined;
  #frontCheck: NodeJS.Timeout | undefined;
  #retryAfter = { at: -Infinity, ms: 0 };
  /** Told that a call has had to queue, before it is placed once more: it may bring a slot at once. */
  onQueued: () => void = () => undefined;
  #pumping = false;
  #toPump = false;

  constructor(pool: Pool, options: DispatchOptions) {
    this.#pool = pool;
    this.maxResultBytes = options.maxResultBytes;
    this.#queue = new Queue(options.queueCalls);
  }

  /** Learns the functions of a bundle; before the first call. Those of earlier bundles stay known: see forget(). */
  useManifest(manifest: Manifest, bundle: string): void {
    this.#records.learn(manifest, bundle);
    this.pump();
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

  /** How many calls wait. */
  get queued(): number {
    return this.#queue.size;
  }

  /** The verb of the data path; see the type Dispatch. */
  readonly dispatch = (request: CallRequest, answer: (outcome: Outcome) => void): PendingCall => {
    this.counts.total += 1;
    this.#budget.deposit();
    const record = this.#records.of(request.spec);
    const call = new ActiveCall(request, record, this, answer);
    this.#underWay += 1;
    this.#demand.arrived(record.local, request.spec.concurrency);
    if (this.#stopping) call.fail(shuttingDown());
    else if (record.indexes.size === 0) call.fail(methodNotFound(request.spec.name));
    else if (request.backend === 'cloud') call.fail(cloudFailed('off', 'The cloud is off', false));
    else {
      this.#deadlines.add(call);
      if (this.#queue.size > 0 || !this.#place(call)) this.#wait(call);
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

  /**
   * What a call arriving now would wait for a slot, in milliseconds: see expectedWaitMs. Waiting calls of functions
   * that aren't known yet count as no work: they are judged by their real wait.
   */
  expectedWaitMs(): number {
    const slots = this.#pool.slots.filter((slot) => slot.usable);
    if (slots.some((slot) => slot.running === 0)) return 0;
    const { runningMs, waiting } = this.workload();
    return expectedWaitMs({ freeSlots: 0, slots: slots.length, runningMs, queuedMs: waiting.workMs });
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
    clearInterval(this.#frontCheck);
    this.#frontCheck = undefined;
  }

  unplaced(call: ActiveCall): void {
    if (call.attempts >= MAX_ATTEMPTS) {
      call.fail(workerLost('Two workers ended while they ran the call'));
    } else if (!call.request.spec.idempotent) {
      call.fail(workerLost('The worker ended while it ran the call, which may not be repeated'));
    } else {
      this.#again(call);
    }
  }

  heldUp(call: ActiveCall, slot: Slot, callId: number): void {
    if (call.attempts >= MAX_ATTEMPTS || !this.#budget.take(performance.now())) return;
    slot.takeBack(callId);
    this.#again(call);
  }

  withdraw(call: ActiveCall): void {
    this.#leaveQueue(call);
    this.pump(); // a slot may have been held back for it
  }

  settled(_call: ActiveCall, outcome: Outcome): void {
    if (!outcome.ok) this.counts.failed += 1;
  }

  ran(cpuMs: number): void {
    this.#demand.ran(cpuMs);
  }

  ended(call: ActiveCall): void {
    this.#deadlines.delete(call);
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#onIdle?.();
  }

  #again(call: ActiveCall): void {
    this.counts.retried += 1;
    if (this.#place(call)) return;
    call.waiting = true;
    this.#queue.pushRetry(call);
    this.#pool.reserve(call.concurrency, this.#avoid(call));
  }

  #leaveQueue(call: ActiveCall): void {
    call.waiting = false;
    this.#queue.remove(call);
    if (!this.#queue.hasWaiting(call.concurrency)) this.#pool.unreserve(call.concurrency);
  }

  #wait(call: ActiveCall): void {
    const alone = this.#queue.size === 0;
    if (this.#queue.push(call)) {
      call.waiting = true;
      if (alone) this.#pool.reserve(call.concurrency, undefined);
      // Those that wait may be waiting for another slot than it would take.
      else this.pump();
      this.onQueued();
      return;
    }
    // Those in the queue can't use what room there is among calls of another concurrency.
    if (!this.#queue.hasLine(call.concurrency) && this.#place(call)) return;
    this.#deadlines.delete(call); // it is no part of the load that it is told of
    call.fail(overloaded(this.#retryAfterMs()));
  }

  #tryWaiting(call: ActiveCall, now: number): void {
    if (!call.waiting) return; // it left the queue since the round began
    if (call.deadlineAt <= now) call.expire();
    else if (this.#place(call)) this.#leaveQueue(call);
    else {
      this.#pool.reserve(call.concurrency, this.#avoid(call));
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

  /** Told to every rejected client, so it is worked out at most once in RETRY_AFTER_KEPT_MS. */
  #retryAfterMs(): number {
    const now = performance.now();
    if (now - this.#retryAfter.at > RETRY_AFTER_KEPT_MS) {
      const waitMs = this.expectedWaitMs();
      const ms = Math.ceil(Math.min(MAX_RETRY_AFTER_MS, Math.max(MIN_RETRY_AFTER_MS, waitMs)));
      this.#retryAfter = { at: now, ms };
    }
    return this.#retryAfter.ms;
  }

  /** A call whose worker died under it goes to another one, so that a poison call can't take the pool down. */
  #avoid(call: ActiveCall): string | undefined {
    const lostOn = call.loss?.workerId;
    return lostOn !== undefined && this.#pool.hasOther(lostOn) ? lostOn : undefined;
  }

  #place(call: ActiveCall): boolean {
    // Its time is over, which it will be told within a step of the deadlines; a slot would be ended for it.
    if (performance.now() >= call.deadlineAt) return false;
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
    call.start(ahead);
    this.#frontCheck ??= setInterval(this.#checkFronts, HELD_UP_MS);
    return true;
  }

  readonly #checkFronts = (): void => {
    const now = performance.now();
    let any = false;
    for (const slot of this.#pool.slots) if (slot.checkFront(now, HELD_UP_MS)) any = true;
    if (any) return;
    clearInterval(this.#frontCheck);
    this.#frontCheck = undefined;
  };
}
