/** One call under way, from its arrival to the end of its last lease. */
import {
  functionError,
  invalidParams,
  methodNotFound,
  timeout,
  tooLarge,
  type CallError,
} from '../errors.ts';
import type { Failure } from '../pool/protocol.ts';
import type { Slot, SlotAnswer, SlotCall } from '../pool/slot.ts';
import type { CallReport, CallRequest, Outcome, PendingCall } from './call.ts';
import type { RunTimes } from './estimates.ts';

/** What dispatch keeps for each function of the bundle. */
export interface FunctionRecord {
  /** Its place in the manifest of each bundle that has it, which is how workers know it; by the bundle's hash. */
  readonly indexes: ReadonlyMap<string, number>;
  readonly local: RunTimes;
}

/** What a call tells the dispatcher. */
export interface CallEvents {
  /** Its last slot was lost, or gave it back unstarted. */
  unplaced(call: ActiveCall): void;
  /** It is held up behind another in a slot. */
  heldUp(call: ActiveCall, slot: Slot, callId: number): void;
  /** It waits, and must not any more. */
  withdraw(call: ActiveCall): void;
  /** It was answered, with that outcome. */
  settled(call: ActiveCall, outcome: Outcome): void;
  /** It took so much CPU time in a slot, measured or else expected, in milliseconds. */
  ran(cpuMs: number): void;
  /** Nothing runs it any more and nobody waits for it. */
  ended(call: ActiveCall): void;
  /** The largest result allowed, in bytes. */
  readonly maxResultBytes: number;
}

/** Why a call's slot was lost; undefined while none was. */
export interface Loss {
  readonly workerId: string;
  readonly reason: string;
}

/** A slot that holds a call, and the id it knows it by. */
interface Lease {
  readonly slot: Slot;
  readonly callId: number;
}

/** A call that was accepted. It is answered exactly once, and may meanwhile be leased to one slot, or to two. */
export class ActiveCall implements SlotCall, PendingCall {
  readonly request: CallRequest;
  readonly deadlineAt: number;
  /** How often it was handed to a slot, not counting those that gave it back unstarted. */
  attempts = 0;
  /** The last loss; it is placed again on another worker. */
  loss: Loss | undefined;
  /** Whether it stands in the queue; the dispatcher's to say. */
  waiting = false;
  readonly #record: FunctionRecord;
  readonly #events: CallEvents;
  #answer: ((outcome: Outcome) => void) | undefined;
  /** performance.now() when it was last handed over. */
  #startedAt: number | undefined;
  /** The slots that hold it: one, or two after it was held up in the first. */
  readonly #leases: Lease[] = [];
  #ended = false;

  constructor(
    request: CallRequest,
    record: FunctionRecord,
    events: CallEvents,
    answer: (outcome: Outcome) => void,
  ) {
    this.request = request;
    this.deadlineAt = request.arrivedAt + request.timeoutMs;
    this.#record = record;
    this.#events = events;
    this.#answer = answer;
  }

  /** The bundles that have its function. */
  get bundles(): ReadonlyMap<string, number> {
    return this.#record.indexes;
  }

  functionIndexIn(bundle: string): number | undefined {
    return this.#record.indexes.get(bundle);
  }

  get params(): string | undefined {
    return this.request.params;
  }

  get concurrency(): number {
    return this.request.spec.concurrency;
  }

  get arrivedAt(): number {
    return this.request.arrivedAt;
  }

  get shortMs(): number {
    const { spec } = this.request;
    return spec.idempotent && spec.concurrency === 1 ? this.#record.local.shortMs : Infinity;
  }

  /** Whether somebody still waits for the answer. */
  get wanted(): boolean {
    return this.#answer !== undefined;
  }

  /** Whether a slot holds it. */
  get leased(): boolean {
    return this.#leases.length > 0;
  }

  /** The work it is expected to be, in slot-milliseconds; undefined while its function isn't known. */
  get expectedMs(): number | undefined {
    const { local } = this.#record;
    return local.known ? local.wallMs.mean / this.concurrency : undefined;
  }

  /** Whether this slot holds it. */
  isIn(slot: Slot): boolean {
    return this.#leases.some((lease) => lease.slot === slot);
  }

  /** What is left of it, in slot-milliseconds, at `now`. */
  remainingMs(now: number): number {
    return this.#record.local.remainingMs(now - (this.#startedAt ?? now)) / this.concurrency;
  }

  /** Hands it to a slot that has room. */
  start(slot: Slot): void {
    this.attempts += 1;
    this.#startedAt = performance.now();
    this.#leases.push({ slot, callId: slot.run(this) });
  }

  /** Answers it without a slot's word. A second answer is no answer. */
  fail(error: CallError): void {
    this.#settle({ ok: false, error, report: this.#report(0) });
    this.#endIfOver();
  }

  cancel(): void {
    this.#answer = undefined;
    if (this.waiting) this.#events.withdraw(this);
    // Behind another call in its slot it hasn't been started, and needn't be.
    for (const { slot, callId } of this.#leases) slot.takeBack(callId);
    this.#endIfOver();
  }

  expire(): void {
    if (this.waiting) this.#events.withdraw(this);
    for (const { slot, callId } of [...this.#leases]) slot.overdue(callId);
    this.fail(timeout(this.request.timeoutMs, this.attempts > 0));
  }

  answered(slot: Slot, answer: SlotAnswer): void {
    this.#release(slot);
    if (this.waiting) this.#events.withdraw(this);
    const { failure } = answer;
    if (failure === undefined && answer.warm) this.#record.local.observe(answer.runMs, answer.cpuMs);
    this.#events.ran(answer.cpuMs ?? this.#record.local.cpuMs.mean);
    const report = { ...this.#report(answer.runMs), worker: slot.workerId };
    // The function may have noticed its deadline before this process did: the client is told of the deadline all the same.
    if (performance.now() >= this.deadlineAt) {
      this.#settle({ ok: false, error: timeout(this.request.timeoutMs, true), report });
    } else if (failure === undefined) this.#settle({ ok: true, json: answer.json, report });
    else this.#settle({ ok: false, error: this.#callError(failure), report });
    this.#endIfOver();
  }

  dropped(slot: Slot): void {
    this.#release(slot);
    this.attempts -= 1;
    this.#placeAgain();
    this.#endIfOver();
  }

  lost(slot: Slot, reason: string): void {
    this.#release(slot);
    this.loss = { workerId: slot.workerId, reason };
    this.#placeAgain();
    this.#endIfOver();
  }

  heldUp(slot: Slot, callId: number): void {
    if (this.wanted && !this.waiting) this.#events.heldUp(this, slot, callId);
  }

  #release(slot: Slot): void {
    const at = this.#leases.findIndex((lease) => lease.slot === slot);
    if (at >= 0) this.#leases.splice(at, 1);
  }

  #placeAgain(): void {
    if (!this.wanted || this.waiting || this.#leases.length > 0) return;
    if (performance.now() >= this.deadlineAt) this.expire();
    else this.#events.unplaced(this);
  }

  #settle(outcome: Outcome): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    this.#answer = undefined;
    this.#events.settled(this, outcome);
    try {
      answer(outcome);
    } catch (error) {
      // A fault of the front must not leave a slot or another call half accounted for.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #endIfOver(): void {
    if (this.#ended || this.#leases.length > 0 || this.wanted) return;
    this.#ended = true;
    this.#events.ended(this);
  }

  #report(runMs: number): CallReport {
    const until = this.#startedAt ?? performance.now();
    return { backend: 'pool', queueMs: until - this.request.arrivedAt, runMs };
  }

  #callError(failure: Failure): CallError {
    switch (failure.kind) {
      case 'InvalidParams':
        return invalidParams(failure.message, failure.data);
      case 'MethodNotFound':
        return methodNotFound(this.request.spec.name);
      case 'TooLarge':
        return tooLarge('result', this.#events.maxResultBytes);
      case 'FunctionError':
        return functionError({
          name: failure.name ?? 'Error',
          message: failure.message,
          ...(failure.code !== undefined && { code: failure.code }),
          data: failure.data,
        });
    }
  }
}
