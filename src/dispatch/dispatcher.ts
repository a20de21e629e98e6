/** Places every call: on a free slot, behind a short one, or in the queue; and again when that didn't work out. */
import { performance } from 'node:perf_hooks';
import { cloudFailed, overloaded, shuttingDown, workerLost } from '../errors.ts';
import type { FunctionSpec, Manifest } from '../functions/manifest.ts';
import type { Pool } from '../pool/pool.ts';
import type { Slot } from '../pool/slot.ts';
import { ActiveCall, type CallEvents, type FunctionRecord } from './active-call.ts';
import type { CallRequest, Outcome, PendingCall } from './call.ts';
import { Deadlines } from './deadlines.ts';
import { RunTimes, expectedWaitMs } from './estimates.ts';
import { Queue } from './queue.ts';
import { RetryBudget } from './retry-budget.ts';

/** How much longer than expected a call may run before those handed ahead behind it are placed again, in milliseconds. */
const HELD_UP_MS = 5;
/** A call runs at most twice (DESIGN decision 6). */
const MAX_ATTEMPTS = 2;
/** What a rejected client is told to wait at the least, in milliseconds. */
const MIN_RETRY_AFTER_MS = 50;
/** And at the most, in milliseconds. */
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
  readonly #budget = new RetryBudget(performance.now());
  readonly #records = new Map<FunctionSpec, FunctionRecord>();
  #underWay = 0;
  #stopping = false;
  #onIdle: (() => void) | undefined;
  #frontCheck: NodeJS.Timeout | undefined;
  #retryAfter = { at: -Infinity, ms: 0 };

  constructor(pool: Pool, options: DispatchOptions) {
    this.#pool = pool;
    this.maxResultBytes = options.maxResultBytes;
    this.#queue = new Queue(options.queueCalls);
  }

  /** Learns the functions; before the first call. */
  useManifest(manifest: Manifest): void {
    let index = 0;
    for (const spec of manifest.values()) {
      this.#records.set(spec, { index, local: new RunTimes() });
      index += 1;
    }
  }

  /** How many calls wait. */
  get queued(): number {
    return this.#queue.size;
  }

  /** The verb of the data path; see the type Dispatch. */
  readonly dispatch = (request: CallRequest, answer: (outcome: Outcome) => void): PendingCall => {
    this.counts.total += 1;
    this.#budget.deposit();
    const record = this.#records.get(request.spec);
    if (record === undefined) throw new Error(`dispatch: unknown function ${request.spec.name}`);
    const call = new ActiveCall(request, record, this, answer);
    this.#underWay += 1;
    this.#deadlines.add(call);
    if (this.#stopping) call.fail(shuttingDown());
    else if (request.backend === 'cloud') call.fail(cloudFailed('off', 'The cloud is off', false));
    else if (this.#queue.hasWaiting(call.concurrency) || !this.#place(call)) this.#wait(call);
    return call;
  };

  /** Slots have become free, or have come, or have gone: places what waits. */
  readonly pump = (): void => {
    if (this.#queue.size === 0) return;
    for (const call of this.#queue.retries()) if (this.#place(call)) this.#leaveQueue(call);
    let placed = true;
    while (placed) {
      placed = false;
      for (const call of this.#queue.heads()) {
        if (!this.#place(call)) {
          this.#pool.reserve(call.concurrency);
          continue;
        }
        this.#leaveQueue(call);
        placed = true;
      }
    }
  };

  /**
   * What a call arriving now would wait for a slot, in milliseconds: see expectedWaitMs. Waiting calls of functions
   * that aren't known yet count as no work: they are judged by their real wait.
   */
  expectedWaitMs(): number {
    const now = performance.now();
    let freeSlots = 0;
    for (const slot of this.#pool.slots) if (slot.running === 0) freeSlots += 1;
    let runningMs = 0;
    let queuedMs = 0;
    if (freeSlots === 0) {
      for (const call of this.#deadlines.all()) {
        if (call.leased) runningMs += call.remainingMs(now);
        else queuedMs += call.expectedMs ?? 0;
      }
    }
    return expectedWaitMs({ freeSlots, slots: this.#pool.slots.length, runningMs, queuedMs });
  }

  /** Takes no more calls. Resolves when every one under way has ended, or after `graceMs`, when the rest get ShuttingDown. */
  async drain(graceMs: number): Promise<void> {
    this.#stopping = true;
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const call of [...this.#deadlines.all()]) {
      if (call.waiting) this.#leaveQueue(call);
      call.fail(shuttingDown());
    }
  }

  /** Stops every timer. */
  close(): void {
    this.#deadlines.close();
    clearInterval(this.#frontCheck);
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
    if (!this.#queue.hasWaiting(call.concurrency)) this.#pool.unreserve(call.concurrency);
  }

  settled(_call: ActiveCall, outcome: Outcome): void {
    if (!outcome.ok) this.counts.failed += 1;
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
  }

  #leaveQueue(call: ActiveCall): void {
    call.waiting = false;
    this.#queue.remove(call);
  }

  #wait(call: ActiveCall): void {
    if (this.#queue.push(call)) {
      call.waiting = true;
      this.#pool.reserve(call.concurrency);
      return;
    }
    call.fail(overloaded(this.#retryAfterMs()));
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

  #place(call: ActiveCall): boolean {
    // A call whose worker died under it goes to another one, so that a poison call can't take the pool down.
    const lostOn = call.loss?.workerId;
    const avoid = lostOn !== undefined && this.#pool.hasOther(lostOn) ? lostOn : undefined;
    const free = this.#pool.free(call.concurrency, avoid);
    if (free !== undefined) {
      call.start(free);
      return true;
    }
    const { shortMs } = call;
    const ahead = shortMs === Infinity ? undefined : this.#pool.ahead(shortMs, avoid);
    if (ahead === undefined) return false;
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
