/** What a simulated balancer believes of calls: what it has learned, or, for the oracle, the truth. */
import { callNanoUsd } from '../../src/cloud/prices.ts';
import { Predictor, type FunctionEstimates, type Placed } from '../../src/dispatch/predictor.ts';
import type { CloudOutlook, SentCall } from '../../src/dispatch/cloud-model.ts';
import type { CallForesight } from '../../src/dispatch/foresight.ts';
import { runThere, type SentToCloud, type SimulatedCloud } from './cloud.ts';
import { RATE } from './cloud-profile.ts';
import type { PolicyName } from './placement.ts';
import type { Trace } from './trace.ts';

export interface Estimator {
  foresee(call: number, nowMs: number): CallForesight;
  /** What is left of a running call, in milliseconds. */
  remainingMs(call: number, elapsedMs: number): number;
  /** Instances that are being started. */
  starting(nowMs: number): number;
  /** Whether a call that starts here is copied to the cloud, to learn. */
  explores(call: number, nowMs: number): boolean;
  /** A call stays, for what was expected of it. */
  stays(call: number, expectedLocalMs: number, nowMs: number): void;
  /** It ran here. */
  ran(call: number, runMs: number, nowMs: number): void;
  /** It is sent, in place of what was expected here; a copy isn't judged. */
  sent(call: number, expectedLocalMs: number | undefined, result: SentToCloud, nowMs: number): void;
  /** It came back. */
  returned(call: number, result: SentToCloud, nowMs: number): void;
}

/** The balancer's own estimates. */
class Learned implements Estimator {
  readonly #trace: Trace;
  readonly #predictor = new Predictor({ rate: RATE });
  readonly #functions: readonly FunctionEstimates[];
  readonly #stayed = new Map<number, Placed>();
  readonly #sent = new Map<number, { placed: Placed; sent: SentCall; judged: boolean }>();

  #outlook: CloudOutlook | undefined;
  /** The moment that is of: many calls are looked at in one. */
  #outlookAt = -1;

  constructor(trace: Trace) {
    this.#trace = trace;
    this.#functions = trace.methods.map(() => this.#predictor.newFunction());
  }

  foresee(call: number, nowMs: number): CallForesight {
    if (this.#outlookAt !== nowMs) {
      this.#outlookAt = nowMs;
      this.#outlook = this.#predictor.cloud.outlook(nowMs);
    }
    return this.#predictor.foresee(this.#of(call), this.#trace.bytes[call]!, nowMs, this.#outlook);
  }

  starting(nowMs: number): number {
    return this.#predictor.cloud.outlook(nowMs).starting;
  }

  remainingMs(call: number, elapsedMs: number): number {
    return this.#of(call).local.remainingMs(elapsedMs, this.#trace.bytes[call]!);
  }

  explores(call: number, nowMs: number): boolean {
    return this.#predictor.explores(this.#of(call), true, nowMs - this.#trace.arrivalMs[call]!, nowMs);
  }

  stays(call: number, expectedLocalMs: number, nowMs: number): void {
    this.#stayed.set(call, this.#placed(call, expectedLocalMs, nowMs));
  }

  ran(call: number, runMs: number, nowMs: number): void {
    this.#predictor.learnLocal(this.#of(call), this.#trace.bytes[call]!, runMs);
    const placed = this.#stayed.get(call);
    if (placed === undefined) return;
    this.#stayed.delete(call);
    this.#predictor.learnStayed(placed, runMs, nowMs);
  }

  sent(call: number, expectedLocalMs: number | undefined, _result: SentToCloud, nowMs: number): void {
    if (expectedLocalMs !== undefined) {
      this.#stayed.delete(call);
      this.#predictor.left();
    }
    const placed = this.#placed(call, expectedLocalMs ?? 0, nowMs);
    const judged = expectedLocalMs !== undefined;
    const sent = this.#predictor.cloud.sent(this.foresee(call, nowMs).warmMs, nowMs);
    this.#outlookAt = -1;
    this.#sent.set(call, { placed, sent, judged });
  }

  returned(call: number, { refused, stopped, runMs, cold, takesMs }: SentToCloud, nowMs: number): void {
    this.#outlookAt = -1;
    const { placed, sent, judged } = this.#sent.get(call)!;
    this.#sent.delete(call);
    if (refused === true) {
      this.#predictor.cloud.throttled(sent, nowMs);
      return;
    }
    // A run that was stopped doesn't tell how long it would have taken.
    const answer = stopped === true ? { elapsedMs: takesMs } : { elapsedMs: takesMs, runMs, coldStart: cold };
    this.#predictor.learnCloud(placed, sent, answer, nowMs, judged);
  }

  #of(call: number): FunctionEstimates {
    return this.#functions[this.#trace.method[call]!]!;
  }

  #placed(call: number, expectedLocalMs: number, decidedAt: number): Placed {
    return {
      of: this.#of(call),
      bytes: this.#trace.bytes[call]!,
      expectedLocalMs,
      expectedRunMs: this.#of(call).local.meanMs(this.#trace.bytes[call]!),
      decidedAt,
      leftBefore: this.#predictor.leftCalls,
    };
  }
}

/** SPILLWAY_OFFLOAD_USD_PER_HOUR's default. */
export const USD_PER_HOUR = 10;

/** Makes the estimator of one run. */
export type EstimatorOf = (trace: Trace, cloud: SimulatedCloud) => Estimator;

/** The same margin as a call has of which everything is known. */
const LEAST_MARGIN_MS = 5;

/** The truth, but for the scatter of the round trip and for cores that are shared. */
class Oracle implements Estimator {
  readonly #trace: Trace;
  readonly #cloud: SimulatedCloud;
  readonly #limit: number;
  #inFlight = 0;
  #starting = 0;
  readonly #cold = new Set<number>();

  constructor(trace: Trace, cloud: SimulatedCloud, limit: number) {
    this.#trace = trace;
    this.#cloud = cloud;
    this.#limit = limit;
  }

  foresee(call: number, nowMs: number): CallForesight {
    const runMs = this.#trace.durationMs[call]!;
    const thereMs = runMs * (this.#cloud.slowdown ?? 1);
    // What the handler would stop is never answered.
    const answeredMs = runThere(thereMs).stopped ? Infinity : thereMs;
    return {
      runMs,
      cloudMs: (this.#cloud.delayMs(nowMs) ?? Infinity) + answeredMs,
      warmMs: (this.#cloud.warmMs ?? Infinity) + answeredMs,
      marginMs: LEAST_MARGIN_MS,
      warmMarginMs: LEAST_MARGIN_MS,
      costUsd: costUsd(thereMs),
      throttleChance: this.#inFlight >= this.#limit ? 1 : 0,
      suspended: false,
    };
  }

  remainingMs(call: number, elapsedMs: number): number {
    return Math.max(0, this.#trace.durationMs[call]! - elapsedMs);
  }

  explores(): boolean {
    return false;
  }

  stays(): void {
    // It has nothing to learn.
  }

  ran(): void {
    // Likewise.
  }

  starting(): number {
    return this.#starting;
  }

  sent(call: number, _expectedLocalMs: number | undefined, { cold }: SentToCloud): void {
    this.#inFlight++;
    if (cold !== true) return;
    this.#starting++;
    this.#cold.add(call);
  }

  returned(call: number): void {
    this.#inFlight--;
    if (this.#cold.delete(call)) this.#starting--;
  }
}

function costUsd(runMs: number): number {
  return callNanoUsd(RATE, { billedMs: runMs, resultBytes: 0, logBytes: 0 }) / 1e9;
}

/** What is believed under a policy; undefined where it weighs nothing. `limit`: the calls the cloud takes at once. */
export function estimatorFor(policy: PolicyName, limit = Infinity): EstimatorOf | undefined {
  if (policy === 'predictive') return (trace) => new Learned(trace);
  return policy === 'oracle' ? (trace, cloud) => new Oracle(trace, cloud, limit) : undefined;
}
