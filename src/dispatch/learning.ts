/**
 * Keeps the estimates true: what becomes of every call, under every policy, is told to the Predictor, so that predictive has
 * something to go by whenever it is switched on.
 */
import type { CloudOutcome } from '../cloud/backend.ts';
import type { ActiveCall } from './active-call.ts';
import type { CloudOutlook, PriceList } from './cloud-model.ts';
import type { CallForesight } from './foresight.ts';
import { Predictor, type FunctionEstimates, type Placed } from './predictor.ts';

/** How a call goes to the cloud. */
export interface Departure {
  /** What was expected of it here, in milliseconds, if both places were weighed: by that it is judged whether it paid. */
  readonly localMs: number | undefined;
  /** It is waiting or running here as well. */
  readonly copy: boolean;
}

/** What one balancer learns of one cloud. */
export class Learning {
  readonly predictor: Predictor;

  constructor(prices: PriceList) {
    this.predictor = new Predictor(prices);
  }

  /** What is known of a call's function; it begins with the first call that is asked about. */
  of({ record }: ActiveCall): FunctionEstimates {
    return (record.estimates ??= this.predictor.newFunction());
  }

  /** What is expected of a call now. */
  foresee(call: ActiveCall, now: number, outlook?: CloudOutlook): CallForesight {
    return this.predictor.foresee(this.of(call), call.characters, now, outlook);
  }

  /** A slot has run a call for `runMs`, as a warm one does. */
  ran(call: ActiveCall, runMs: number): void {
    this.predictor.learnLocal(this.of(call), call.characters, runMs);
    if (call.stayed !== undefined) this.predictor.learnStayed(call.stayed, runMs, performance.now());
  }

  /** Both places were weighed, and the call stays. */
  stays(call: ActiveCall, localMs: number): void {
    // Without a slot nothing can be expected.
    if (localMs !== Infinity) call.stayed = this.#placed(call, localMs, performance.now());
  }

  /** A call is being sent. @returns who is to be told how that ended */
  sent(call: ActiveCall, { localMs, copy }: Departure): (outcome: CloudOutcome) => void {
    const { predictor } = this;
    const now = performance.now();
    if (!copy) {
      predictor.left();
      call.stayed = undefined;
    }
    const weighed = localMs !== undefined && localMs !== Infinity && !copy;
    const placed = this.#placed(call, weighed ? localMs : 0, now);
    const sent = predictor.cloud.sent(this.foresee(call, now).warmMs, now);
    return (outcome) => {
      if ('failure' in outcome) {
        if (outcome.failure.reason === 'throttled') predictor.cloud.throttled(sent, performance.now());
        else predictor.cloud.failed(sent);
        return;
      }
      // A function's error comes sooner than its result would: it says nothing of how long a call takes.
      const { elapsedMs } = outcome.report;
      const answer = outcome.ok ? outcome.report : { elapsedMs };
      const over = outcome.ok || outcome.error.name === 'Timeout';
      predictor.learnCloud(placed, sent, answer, performance.now(), weighed && over);
    };
  }

  #placed(call: ActiveCall, expectedLocalMs: number, decidedAt: number): Placed {
    const { leftCalls: leftBefore } = this.predictor;
    const of = this.of(call);
    const expectedRunMs = of.local.meanMs(call.characters);
    return { of, bytes: call.characters, expectedLocalMs, expectedRunMs, decidedAt, leftBefore };
  }
}
