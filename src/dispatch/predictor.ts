/**
 * All estimates of one balancer behind two doors: `foresee` tells what is expected of a call, `learn…` takes what became of it.
 * Pure: the time and the dice are arguments.
 */
import {
  CloudModel,
  type CloudAnswer,
  type CloudOutlook,
  type PriceList,
  type SentCall,
} from './cloud-model.ts';
import { CloudSpeed } from './cloud-speed.ts';
import type { CallForesight } from './foresight.ts';
import { OPEN, judge, maySpill, type Guard } from './guard.ts';
import { RunTimeModel } from './run-time-model.ts';

/** The least by which the cloud must be sooner, in milliseconds: below, scheduling noise decides. */
const LEAST_MARGIN_MS = 5;

/** A call explores at most this often, as a share of the calls; and so many at once at the start. */
const EXPLORE_SHARE = 0.01;
const EXPLORE_BURST = 2;
/** It explores only if it has waited this long, in milliseconds: where nothing waits there is nothing to decide. */
const EXPLORE_WAITED_MS = 20;
/** How long an answer of the cloud stays good, in milliseconds. */
const STALE_MS = 600_000;

/** What is known of one function; made by Predictor.newFunction(). */
export interface FunctionEstimates {
  /** Its run times in the pool. */
  readonly local: RunTimeModel;
  readonly speed: CloudSpeed;
  /** Whether offloading it pays, and why not. */
  guard: Guard;
  /** Whether the cloud runs it faster, as of its last answer: only then may it be sooner than a free slot. */
  fasterThere: boolean;
  /** When the cloud last answered a call of it. */
  cloudAt: number;
}

/** A call that was placed, with what was expected of it then. */
export interface Placed {
  readonly of: FunctionEstimates;
  /** The length of its params. */
  readonly bytes: number;
  /** From the decision to the answer, had it stayed: wait + run; in milliseconds. */
  readonly expectedLocalMs: number;
  /** The run's part of that. */
  readonly expectedRunMs: number;
  /** When it was decided, on the clock of all the others. */
  readonly decidedAt: number;
  /** Predictor.leftCalls then. */
  readonly leftBefore: number;
}

/** Of one balancer and one cloud. */
export class Predictor {
  readonly cloud: CloudModel;
  #exploreTokens = EXPLORE_BURST;
  #leftCalls = 0;

  /** @param prices what is paid for a call in the cloud */
  constructor(prices: PriceList) {
    this.cloud = new CloudModel(prices);
  }

  /** The estimates of a function of which nothing is known. */
  newFunction(): FunctionEstimates {
    const speed = new CloudSpeed(this.cloud.speed);
    return { local: new RunTimeModel(), speed, guard: OPEN, fasterThere: false, cloudAt: -Infinity };
  }

  /** Calls that have left for the cloud so far. */
  get leftCalls(): number {
    return this.#leftCalls;
  }

  /** A call leaves for the cloud: those that stay will wait less than was expected of them. */
  left(): void {
    this.#leftCalls += 1;
  }

  /**
   * What is expected of a call now.
   *     margin = 5 ms + mean deviation of the round trip + coldChance·((1 − coldChance)·cold start + its
   *              mean deviation) + max(0, ratio − 1)·(p95 − mean)
   *              + error·ratio·run
   * The fourth part: where the cloud's CPU is slower, a call that turns out long loses more there the longer it is. The last: how
   * far off the ratio may well be (cloud-speed.ts), since a small error of it outweighs a wait where calls are long.
   */
  foresee(
    { local, speed, guard }: FunctionEstimates,
    bytes: number,
    nowMs: number,
    outlook: CloudOutlook = this.cloud.outlook(nowMs),
  ): CallForesight {
    const { ratio } = speed;
    const runMs = local.meanMs(bytes);
    const { coldChance, coldStartMs } = outlook;
    const tailMs = Math.max(0, local.p95Ms(bytes) - runMs) * Math.max(0, ratio - 1);
    const errorMs = speed.error * ratio * runMs;
    const warmMarginMs = LEAST_MARGIN_MS + outlook.roundTripSpreadMs + tailMs + errorMs;
    const coldDoubtMs = coldChance * ((1 - coldChance) * coldStartMs + outlook.coldStartSpreadMs);
    const warmMs = outlook.roundTripMs + ratio * runMs;
    return {
      runMs,
      cloudMs: warmMs + coldChance * coldStartMs,
      warmMs,
      marginMs: warmMarginMs + coldDoubtMs,
      warmMarginMs,
      costUsd: this.cloud.costUsd(ratio * runMs),
      throttleChance: outlook.throttleChance,
      suspended: !maySpill(guard, nowMs),
    };
  }

  /**
   * Whether a call that starts in the pool should be copied to the cloud, to learn of it: so exploring never makes a call slower,
   * it costs money only. Idempotent calls that have waited, of functions of which the cloud has answered none for ten
   * minutes; at most one call in a hundred, and two at the start. Counts the call as explored if so.
   */
  explores({ cloudAt }: FunctionEstimates, idempotent: boolean, waitedMs: number, nowMs: number): boolean {
    this.#exploreTokens = Math.min(EXPLORE_BURST, this.#exploreTokens + EXPLORE_SHARE);
    if (!idempotent || waitedMs < EXPLORE_WAITED_MS || this.#exploreTokens < 1) return false;
    if (nowMs - cloudAt < STALE_MS) return false;
    if (this.cloud.outlook(nowMs).throttleChance > 0) return false;
    this.#exploreTokens -= 1;
    return true;
  }

  /** A call ran in the pool for `runMs`. */
  learnLocal({ local, speed }: FunctionEstimates, bytes: number, runMs: number): void {
    if (local.known) speed.observe('pool', runMs, local.meanMs(bytes));
    local.observe(runMs, bytes);
  }

  /**
   * A call that the policy had weighed and kept was answered by the pool. It says how good the estimates are only if no other left
   * meanwhile: else it was sooner thanks to the very offloading that the guard judges.
   */
  learnStayed(placed: Placed, runMs: number, nowMs: number): void {
    if (placed.leftBefore !== this.#leftCalls) return;
    const estimates = placed.of;
    const ended = {
      place: 'pool',
      tookMs: nowMs - placed.decidedAt,
      expectedMs: placed.expectedLocalMs - placed.expectedRunMs + runMs,
    } as const;
    estimates.guard = judge(estimates.guard, ended, nowMs);
  }

  /** A call that was sent was answered. A copy that explores has no `placed.expectedLocalMs` to be judged by: see `judged`. */
  learnCloud(placed: Placed, sent: SentCall, answer: CloudAnswer, nowMs: number, judged = true): void {
    const estimates = placed.of;
    this.cloud.answered(sent, answer, nowMs);
    if (answer.runMs !== undefined && estimates.local.known) {
      estimates.speed.observe('cloud', answer.runMs, estimates.local.meanMs(placed.bytes));
    }
    estimates.cloudAt = nowMs;
    estimates.fasterThere = estimates.speed.ratio < 1;
    if (!judged) return;
    const ended = {
      place: 'cloud',
      tookMs: nowMs - placed.decidedAt,
      expectedMs:
        placed.expectedLocalMs +
        (answer.runMs === undefined ? 0 : answer.runMs / estimates.speed.ratio - placed.expectedRunMs),
    } as const;
    estimates.guard = judge(estimates.guard, ended, nowMs);
  }
}
