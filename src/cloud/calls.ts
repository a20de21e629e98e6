/**
 * The life of a call in the cloud: entered in the ledger, sent, understood, settled, answered. Also of a probe, which
 * is a call that runs nothing.
 */
import { failureError } from '../functions/failure.ts';
import { readFailure } from '../pool/protocol.ts';
import type { CloudCall, CloudListener, CloudOutcome, CloudReason, PendingCloudCall } from './backend.ts';
import type { Channel, Exchange } from './channel.ts';
import { classify, cloudLimit, type HandlerVerdict, type Verdict } from './classify.ts';
import { ABORT_GRACE_MS, MAX_RUN_MS, PROBE_METHOD, encodeEvent, type EventHead } from './event.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { PendingAnswer, billedMsOf } from './pending-answer.ts';
import { callNanoUsd, refusedNanoUsd, worstNanoUsd, type Rate } from './prices.ts';

/** What calls need. */
export interface CallsSettings {
  readonly channel: Channel;
  readonly ledger: Ledger;
  readonly rate: Rate;
  readonly bundleHash: string;
  /** A longer result is TooLarge, in bytes. */
  readonly maxResultBytes: number;
  /** Hears what each exchange says about the cloud: undefined is a sign of health. */
  readonly health: (failure: { readonly reason: CloudReason; readonly detail: string } | undefined) => void;
  /** Hears of each call that is sent. */
  readonly listener?: CloudListener | undefined;
  /** Where the cloud keeps what functions print. */
  readonly logGroup: string;
}

/** How a probe ended; undefined: the gateway answers, and the right bundle stands behind it. */
export type ProbeFailure = { readonly reason: CloudReason; readonly detail: string } | undefined;

/** The gateway gives up at 29 s; by then its answer is on the way. */
const GATEWAY_LIMIT_MS = 29_000;
/**
 * How long after its deadline a call's answer is still waited for, in milliseconds: nobody needs the result any more,
 * but the true cost is far below the worst case.
 */
const LATE_MS = 3000;
const PROBE_MS = 10_000;
const NANO = 1e9;

/** The calls of one deployment. */
export class CloudCalls {
  readonly #settings: CallsSettings;
  #sent = 0;
  #inFlight = 0;
  readonly #idle: (() => void)[] = [];

  constructor(settings: CallsSettings) {
    this.#settings = settings;
  }

  /** Calls sent. */
  get sent(): number {
    return this.#sent;
  }

  /** Calls sent whose end isn't known yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Settles when no call is in flight. */
  async whenIdle(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Ends the connections; calls in flight end as broken, at their worst case. */
  close(): void {
    this.#settings.channel.close();
  }

  /** As CloudBackend.call. */
  call(call: CloudCall, answer: (outcome: CloudOutcome) => void): PendingCloudCall {
    const pending = new PendingAnswer(call, answer);
    const remainingMs = call.deadline - performance.now();
    const entry = this.#enter(call.spec.name, remainingMs, (entered, error) => {
      this.#start(call, entered, error, pending);
    });
    if (entry === undefined) {
      // Never before this returns: the caller hasn't got its handle yet.
      queueMicrotask(() => {
        pending.fail({ reason: 'budget spent', mayHaveRun: false }, 0);
      });
    }
    return pending;
  }

  /** Calls without running anything; also paid for. */
  async probe(): Promise<ProbeFailure> {
    return new Promise((resolve) => {
      const entry = this.#enter('probe', 0, (entered, error) => {
        if (error !== undefined) {
          resolve({ reason: 'failing', detail: `the ledger can't be written: ${error.message}` });
          return;
        }
        const head = { ...this.#head(PROBE_METHOD, 'probe'), remainingMs: PROBE_MS };
        this.#settings.channel.send(encodeEvent(head, undefined), PROBE_MS, (exchange) => {
          const verdict = classify(exchange);
          this.#settle(entered, verdict);
          resolve(this.#probeFailure(verdict));
        });
      });
      if (entry === undefined)
        resolve({ reason: 'budget spent', detail: 'there is no money left for a probe today' });
    });
  }

  #probeFailure(verdict: Verdict): ProbeFailure {
    if (verdict.from === 'gateway') return verdict.refusal;
    if (verdict.report.bundle === this.#settings.bundleHash) return undefined;
    return {
      reason: 'wrong bundle',
      detail: `the function runs the bundle ${verdict.report.bundle ?? 'unknown'}`,
    };
  }

  #enter(
    what: string,
    remainingMs: number,
    kept: (entry: LedgerEntry, error: Error | undefined) => void,
  ): LedgerEntry | undefined {
    const { ledger, rate } = this.#settings;
    const worst = worstNanoUsd(rate, Math.max(0, remainingMs));
    const entry: LedgerEntry | undefined = ledger.enter(what, worst, Date.now(), (error) => {
      // `kept` is only called after enter has returned an entry.
      if (entry !== undefined) kept(entry, error);
    });
    return entry;
  }

  #head(method: string, callId: string): Omit<EventHead, 'remainingMs'> {
    const { bundleHash, maxResultBytes } = this.#settings;
    return { method, callId, bundle: bundleHash, maxResultBytes };
  }

  #start(call: CloudCall, entry: LedgerEntry, error: Error | undefined, pending: PendingAnswer): void {
    const { channel, ledger, health, listener } = this.#settings;
    if (error !== undefined) {
      health({ reason: 'failing', detail: `the ledger can't be written: ${error.message}` });
      pending.fail({ reason: 'failing', mayHaveRun: false }, 0);
      return;
    }
    const remainingMs = Math.floor(call.deadline - performance.now());
    if (remainingMs <= 0 || pending.done) {
      ledger.settle(entry, 0, Date.now());
      pending.late(0, false);
      return;
    }
    this.#sent += 1;
    this.#inFlight += 1;
    const sentAt = performance.now();
    pending.watch(remainingMs, entry.worstNano / NANO);
    const { traceparent, tracestate } = call;
    const trace = {
      ...(traceparent !== undefined && { traceparent }),
      ...(tracestate !== undefined && { tracestate }),
    };
    const head = { ...this.#head(call.spec.name, call.callId), remainingMs, ...trace };
    const body = encodeEvent(head, call.params);
    listener?.sent(call);
    channel.send(body, Math.min(remainingMs, GATEWAY_LIMIT_MS) + LATE_MS, (exchange) => {
      this.#inFlight -= 1;
      const elapsedMs = performance.now() - sentAt;
      this.#finish(call, entry, exchange, { remainingMs, elapsedMs }, pending);
      if (this.#inFlight > 0) return;
      for (const idle of this.#idle.splice(0)) idle();
    });
  }

  #finish(
    call: CloudCall,
    entry: LedgerEntry,
    exchange: Exchange,
    { remainingMs, elapsedMs }: Times,
    pending: PendingAnswer,
  ): void {
    const { health } = this.#settings;
    const verdict = classify(exchange);
    const costUsd = this.#settle(entry, verdict) / NANO;
    if (verdict.from === 'gateway') {
      const { refusal } = verdict;
      // A call over its time is ended with its process, which the gateway tells like a crash.
      const overMs = elapsedMs - Math.min(remainingMs, MAX_RUN_MS);
      const overdue = refusal.mayHaveRun && overMs > ABORT_GRACE_MS;
      if (refusal.othersToo && !(overdue && refusal.reason === 'failing')) health(refusal);
      const failure = {
        reason: overdue ? 'timeout' : refusal.reason,
        mayHaveRun: refusal.mayHaveRun,
      } as const;
      this.#tell(call, pending, verdict, costUsd, failure);
      pending.fail(failure, costUsd);
      return;
    }
    const { outcome, body, report } = verdict;
    if (outcome === 'wrong-bundle' || outcome === 'probe') {
      health({
        reason: 'wrong bundle',
        detail: `the function runs the bundle ${report.bundle ?? 'unknown'}`,
      });
      const failure = { reason: 'wrong bundle', mayHaveRun: false } as const;
      this.#tell(call, pending, verdict, costUsd, failure);
      pending.fail(failure, costUsd, report);
      return;
    }
    health(undefined);
    if (outcome === 'result') {
      this.#tell(call, pending, verdict, costUsd);
      pending.succeed(body, costUsd, report);
      return;
    }
    const limit = cloudLimit(verdict, remainingMs);
    if (limit === undefined) return this.#failed(call, verdict, costUsd, pending);
    const failure = { reason: limit, mayHaveRun: true } as const;
    this.#tell(call, pending, verdict, costUsd, failure);
    pending.fail(failure, costUsd, report);
  }

  /** The handler says that the call failed. */
  #failed(call: CloudCall, verdict: HandlerVerdict, costUsd: number, pending: PendingAnswer): void {
    const { body, report } = verdict;
    const told = readFailure(body);
    if (told === undefined) {
      const failure = { reason: 'failing', mayHaveRun: true } as const;
      this.#tell(call, pending, verdict, costUsd, failure);
      pending.fail(failure, costUsd, report);
      return;
    }
    const error = failureError(told, call.spec.name, this.#settings.maxResultBytes);
    this.#tell(call, pending, verdict, costUsd, { reason: error.name, mayHaveRun: true });
    pending.failFunction(error, costUsd, report);
  }

  /** Tells the listener how it ended; before the answer, which is the last step of a call. */
  #tell(
    call: CloudCall,
    pending: PendingAnswer,
    verdict: Verdict,
    costUsd: number,
    failure?: { readonly reason: string; readonly mayHaveRun: boolean },
  ): void {
    const { listener, logGroup } = this.#settings;
    if (listener === undefined) return;
    const { reason: outcome, mayHaveRun } = failure ?? { reason: 'ok', mayHaveRun: true };
    const end = { outcome, mayHaveRun, logGroup };
    if (verdict.from === 'gateway') {
      const { detail, gatewayRequestId } = verdict.refusal;
      const told = {
        ...end,
        answered: false,
        report: pending.report(costUsd),
        prints: [],
        printsLeftOut: 0,
        detail,
      };
      listener.ended(call, gatewayRequestId === undefined ? told : { ...told, gatewayRequestId });
      return;
    }
    const { prints, printsLeftOut = 0, logStream } = verdict.report;
    const report = pending.report(costUsd, verdict.report);
    const told = { ...end, answered: true, report, prints, printsLeftOut };
    listener.ended(call, logStream === undefined ? told : { ...told, logStream });
  }

  /** Settles the entry by what is known of the cost; returns it in nano-dollars. */
  #settle(entry: LedgerEntry, verdict: Verdict): number {
    return this.#settings.ledger.settle(entry, this.#cost(verdict), Date.now());
  }

  #cost(verdict: Verdict): number | undefined {
    const { rate } = this.#settings;
    if (verdict.from === 'gateway') {
      const { costs } = verdict.refusal;
      if (costs === 'unknown') return undefined;
      return costs === 'nothing' ? 0 : refusedNanoUsd(rate);
    }
    const billedMs = billedMsOf(verdict.report);
    if (billedMs === undefined) return undefined;
    return callNanoUsd(rate, {
      billedMs,
      resultBytes: verdict.body.length + verdict.report.printsBytes,
      logBytes: verdict.report.logBytes ?? 0,
    });
  }
}

/** What was left of the call's time when it was sent, and what it took; in milliseconds. */
interface Times {
  readonly remainingMs: number;
  readonly elapsedMs: number;
}
