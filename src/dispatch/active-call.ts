/** One call under way, from its arrival to the end of its last lease. */
import type { CloudBackend, CloudOutcome } from '../cloud/backend.ts';
import { timeout, type CallError } from '../errors.ts';
import { failureError } from '../functions/failure.ts';
import { newCallId } from '../pool/call-ids.ts';
import type { SlotAnswer } from '../pool/answer.ts';
import { letGo } from '../pool/holders.ts';
import type { Slot, SlotCall } from '../pool/slot.ts';
import type { CallEvents } from './call-events.ts';
import type { CallReport, CallRequest, Loss, Outcome, PendingCall, Weighed } from './call.ts';
import type { RunTimes } from './estimates.ts';
import { shortMs, type FunctionRecord } from './function-record.ts';
import { Leases } from './leases.ts';
import type { Place } from './line.ts';
import type { Placed } from './predictor.ts';
import type { Watch } from './watch.ts';
import type { Params } from '../pool/params.ts';

/**
 * A call that was accepted. It is answered exactly once, and may meanwhile be leased to one slot, or to two, or be in the
 * cloud as well.
 */
export class ActiveCall implements SlotCall, PendingCall {
  readonly callId = newCallId();
  readonly request: CallRequest;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly deadlineAt: number;
  /** How often it was handed to a slot or the cloud, not counting where it certainly never started. */
  attempts = 0;
  /** The last loss; it is placed again on another worker. */
  loss: Loss | undefined;
  /** Whether it stands in the queue, and since when (performance.now()); the dispatcher's to say. */
  waiting = false;
  waitingSince = 0;
  /** Where it stands in the queue and in the calendar of deadlines; theirs. */
  place: Place<unknown> | undefined = undefined;
  due: Place<unknown> | undefined = undefined;
  /** When it is to be looked at again; Offload's. */
  watch: Watch | undefined;
  /** The cloud failed it once: it isn't sent there again. */
  refusedByCloud = false;
  /** What was expected of it when both places were weighed last; Offload's. */
  weighed: Weighed | undefined;
  /** The same, if it stayed then; Learning's. */
  stayed: Placed | undefined;
  inCloud = false;
  /** What is known of its function. */
  readonly record: FunctionRecord;
  readonly #events: CallEvents<ActiveCall>;
  #answer: ((outcome: Outcome) => void) | undefined;
  /** performance.now() when it was last handed over. */
  #startedAt: number | undefined;
  readonly #leases = new Leases();
  #ended = false;

  constructor(
    request: CallRequest,
    record: FunctionRecord,
    events: CallEvents<ActiveCall>,
    answer: (outcome: Outcome) => void,
  ) {
    this.request = request;
    this.traceparent = request.traceparent;
    this.tracestate = request.tracestate;
    this.deadlineAt = request.arrivedAt + request.timeoutMs;
    this.record = record;
    this.#events = events;
    this.#answer = answer;
  }

  /** The bundles that have its function. */
  get bundles(): ReadonlyMap<string, number> {
    return this.record.indexes;
  }

  functionIndexIn(bundle: string): number | undefined {
    return this.record.indexes.get(bundle);
  }

  get params(): Params | undefined {
    return this.request.params;
  }

  get concurrency(): number {
    return this.request.spec.concurrency;
  }

  get arrivedAt(): number {
    return this.request.arrivedAt;
  }

  /** One that was lost runs alone: it may be what its worker died of, and those beside it would die with it a second time. */
  get shortMs(): number {
    return this.loss === undefined ? shortMs(this.request.spec, this.record) : Infinity;
  }

  /** Whether somebody still waits for the answer. */
  get wanted(): boolean {
    return this.#answer !== undefined;
  }

  /** Whether a slot holds it. */
  get leased(): boolean {
    return this.#leases.any;
  }

  /** Whether neither a slot nor the cloud has it. */
  get unplaced(): boolean {
    return !this.leased && !this.inCloud;
  }

  /** What is known of its function's run times in the pool. */
  get local(): RunTimes {
    return this.record.local;
  }

  get expectedMs(): number | undefined {
    const { local } = this.record;
    return local.known ? local.wallMs.mean / this.concurrency : undefined;
  }

  get leastMs(): number {
    return this.record.local.leastMs;
  }

  get characters(): number {
    return this.request.params?.length ?? 0;
  }

  /** Whether this slot holds it. */
  isIn(slot: Slot): boolean {
    return this.#leases.has(slot);
  }

  /** How long a slot has had it; undefined if none has. */
  runningMs(now: number): number | undefined {
    return this.leased ? now - (this.#startedAt ?? now) : undefined;
  }

  remainingMs(elapsedMs: number): number {
    return this.record.local.remainingMs(elapsedMs) / this.concurrency;
  }

  likelyLeftMs(elapsedMs: number): number {
    const { estimates } = this.record;
    if (estimates === undefined) return this.remainingMs(elapsedMs);
    return estimates.local.remainingMs(elapsedMs, this.characters) / this.concurrency;
  }

  leftMs(now: number): number {
    return this.remainingMs(this.#leases.running ? now - (this.#startedAt ?? now) : 0);
  }

  /** Hands it to a slot that has room. */
  start(slot: Slot): void {
    this.attempts += 1;
    this.#startedAt = performance.now();
    this.#leases.add(slot, slot.run(this));
    if (this.request.spec.localTimeoutMs !== undefined) this.#events.started(this);
  }

  /** Sends it to the cloud, which takes calls just now; `ended` is told last. */
  startInCloud(cloud: CloudBackend, ended: (outcome: CloudOutcome) => void): void {
    const { spec, params, timeoutMs, traceparent, tracestate } = this.request;
    const callId = String(this.callId);
    const sentAt = performance.now();
    this.attempts += 1;
    this.inCloud = true;
    const asked = { callId, spec, params, deadline: this.deadlineAt, timeoutMs, traceparent, tracestate };
    cloud.call(asked, (outcome) => {
      this.inCloud = false;
      this.#cloudEnded(outcome, sentAt);
      this.#endIfOver();
      ended(outcome);
    });
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
    for (const { slot, callId } of this.#leases.all()) slot.takeBack(callId);
    this.#endIfOver();
  }

  expire(): void {
    if (this.waiting) this.#events.withdraw(this, true);
    for (const { slot, callId } of this.#leases.all()) slot.overdue(callId);
    this.fail(timeout(this.request.timeoutMs, this.attempts > 0));
  }

  answered(slot: Slot, answer: SlotAnswer): void {
    this.#leases.remove(slot);
    if (this.waiting) this.#events.withdraw(this);
    const { failure } = answer;
    if (failure === undefined && answer.warm) this.record.local.observe(answer.runMs, answer.cpuMs);
    this.#events.ran(this, answer);
    const report = { ...this.#report(answer.runMs), worker: slot.workerId };
    // The function may have noticed its deadline before this process did: the client is told of the deadline all the same.
    if (performance.now() >= this.deadlineAt) {
      this.#settle({ ok: false, error: timeout(this.request.timeoutMs, true), report });
    } else if (failure === undefined) this.#settle({ ok: true, json: answer.json, report });
    else {
      const error = failureError(failure, this.request.spec.name, this.#events.maxResultBytes);
      this.#settle({ ok: false, error, report });
    }
    this.#endIfOver();
  }

  dropped(slot: Slot): void {
    this.#leases.remove(slot);
    this.attempts -= 1;
    this.#placeAgain();
    this.#endIfOver();
  }

  lost(slot: Slot, reason: string): void {
    this.#leases.remove(slot);
    this.loss = { workerId: slot.workerId, reason };
    this.#placeAgain();
    this.#endIfOver();
  }

  heldUp(slot: Slot, callId: number): void {
    if (this.wanted && !this.waiting) this.#events.heldUp(this, slot, callId);
  }

  #cloudEnded(outcome: CloudOutcome, sentAt: number): void {
    if ('failure' in outcome) {
      const { failure } = outcome;
      if (!failure.mayHaveRun) this.attempts -= 1;
      this.refusedByCloud = true;
      if (this.wanted && !this.waiting && !this.leased) this.#events.cloudFailed(this, failure);
      return;
    }
    const { report: cloud } = outcome;
    const { runMs = 0, coldStart } = cloud;
    if (outcome.ok && coldStart === false) this.record.cloud.observe(runMs, undefined);
    const queueMs = sentAt - this.request.arrivedAt;
    const report: CallReport = { callId: this.callId, backend: 'cloud', queueMs, runMs, cloud };
    if (performance.now() >= this.deadlineAt) {
      this.#settle({ ok: false, error: timeout(this.request.timeoutMs, true), report });
    } else this.#settle({ ...outcome, report });
    if (this.waiting) this.#events.withdraw(this);
    // A slot that runs this call alone is freed. Among others it goes on: its slot would have to be emptied first.
    if (this.concurrency === 1) for (const { slot, callId } of this.#leases.all()) slot.overdue(callId);
  }

  #placeAgain(): void {
    if (!this.wanted || this.waiting || this.leased || this.inCloud) return;
    if (performance.now() >= this.deadlineAt) this.expire();
    else this.#events.unplaced(this);
  }

  #settle(outcome: Outcome): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    this.#answer = undefined;
    const { weighed: placement } = this;
    const report = placement === undefined ? outcome.report : { ...outcome.report, placement };
    const told = placement === undefined ? outcome : { ...outcome, report };
    this.#events.settled(this, told);
    try {
      answer(told);
    } catch (error) {
      // A fault of the front must not leave a slot or another call half accounted for.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #endIfOver(): void {
    if (this.#ended || this.leased || this.inCloud || this.wanted) return;
    this.#ended = true;
    this.#events.ended(this);
    const { params } = this.request;
    if (typeof params === 'object') letGo(params);
  }

  #report(runMs: number): CallReport {
    const until = this.#startedAt ?? performance.now();
    const cloud = this.#startedAt === undefined && (this.request.backend === 'cloud' || this.attempts > 0);
    const queueMs = until - this.request.arrivedAt;
    return { callId: this.callId, backend: cloud ? 'cloud' : 'pool', queueMs, runMs };
  }
}
