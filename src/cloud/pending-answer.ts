/** The client's side of a call in the cloud: what it is answered, and when. */
import { timeout, type CallError } from '../errors.ts';
import type { CloudCall, CloudFailure, CloudOutcome, CloudReport, PendingCloudCall } from './backend.ts';
import type { HandlerReport } from './classify.ts';

/** From the handler's end to the end of what is billed, in milliseconds: the runtime hands the answer over. */
const BILLING_MARGIN_MS = 5;

/** billed = run + start of the process + the handing over of the answer, rounded up; undefined if the handler said no time. */
export function billedMsOf({ runMs, initMs }: HandlerReport): number | undefined {
  return runMs === undefined ? undefined : Math.ceil(runMs + (initMs ?? 0) + BILLING_MARGIN_MS);
}

/** Answers a call once: with its end, or at its deadline, or not at all once it is cancelled. */
export class PendingAnswer implements PendingCloudCall {
  readonly #call: CloudCall;
  readonly #startedAt = performance.now();
  #answer: ((outcome: CloudOutcome) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(call: CloudCall, answer: (outcome: CloudOutcome) => void) {
    this.#call = call;
    this.#answer = answer;
  }

  get done(): boolean {
    return this.#answer === undefined;
  }

  cancel(): void {
    this.#answer = undefined;
    clearTimeout(this.#timer);
  }

  /** Answers when the time is up, unless the cloud has answered before. */
  watch(remainingMs: number, worstUsd: number): void {
    this.#timer = setTimeout(() => {
      this.late(worstUsd, true);
    }, remainingMs);
  }

  late(costUsd: number, mayHaveRun: boolean): void {
    this.#end({ ok: false, error: timeout(this.#call.timeoutMs, mayHaveRun), report: this.report(costUsd) });
  }

  succeed(json: Buffer, costUsd: number, report: HandlerReport): void {
    this.#end({ ok: true, json, report: this.report(costUsd, report) });
  }

  failFunction(error: CallError, costUsd: number, report: HandlerReport): void {
    this.#end({ ok: false, error, report: this.report(costUsd, report) });
  }

  fail(failure: CloudFailure, costUsd: number, report?: HandlerReport): void {
    this.#end({ ok: false, failure, report: this.report(costUsd, report) });
  }

  #end(outcome: CloudOutcome): void {
    const answer = this.#answer;
    this.cancel();
    answer?.(outcome);
  }

  /** What it took until now; also of one that was answered or cancelled before. */
  report(costUsd: number, handler?: HandlerReport): CloudReport {
    const elapsedMs = performance.now() - this.#startedAt;
    if (handler === undefined) return { elapsedMs, costUsd };
    const billedMs = billedMsOf(handler);
    return {
      elapsedMs,
      costUsd,
      coldStart: handler.initMs !== undefined,
      ...(handler.runMs !== undefined && { runMs: handler.runMs }),
      ...(billedMs !== undefined && { billedMs }),
      ...(handler.memoryMb !== undefined && { memoryMb: handler.memoryMb }),
      ...(handler.requestId !== undefined && { requestId: handler.requestId }),
    };
  }
}
