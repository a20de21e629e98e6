/**
 * All estimates of one balancer behind two doors: `foresee` tells what is expected of a call, `learn…` takes what became of it.
 * Pure: the time and the dice are arguments.
 */
import type { Rate } from '../cloud/prices.ts';
import { CloudModel, type CloudAnswer, type CloudOutlook, type SentCall } from './cloud-model.ts';
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

/** What is known of one function. */
interface FunctionEstimates {
  readonly local: RunTimeModel;
  readonly speed: CloudSpeed;
  guard: Guard;
  /** When the cloud last answered a call of it. */
  cloudAt: number;
}

/** A call that was placed, with what was expected of it then. */
export interface Placed {
  readonly functionIndex: number;
  /** The length of its params. */
  readonly bytes: number;
  /** From the decision to the answer, had it stayed: wait + run; in milliseconds. */
  readonly expectedLocalMs: number;
  /** When it was decided, on the clock of all the others. */
  readonly decidedAt: number;
  /** Predictor.leftCalls then. */
  readonly leftBefore: number;
}

export class Predictor {
  readonly cloud: CloudModel;
  readonly #functions: FunctionEstimates[] = [];
  #exploreTokens = EXPLORE_BURST;
  #leftCalls = 0;

  /** @param functions how many there are: they are known by their index in the manifest */
  constructor(functions: number, rate: Rate) {
    this.cloud = new CloudModel(rate);
    for (let index = 0; index < functions; index++) {
      const speed = new CloudSpeed(this.cloud.speed);
      this.#functions.push({ local: new RunTimeModel(), speed, guard: OPEN, cloudAt: -Infinity });
    }
  }

  /** Calls that have left for the cloud so far. */
  get leftCalls(): number {
    return this.#leftCalls;
  }

  /** A call leaves for the cloud: those that stay will wait less than was expected of them. */
  left(): void {
    this.#leftCalls += 1;
  }

  /** A function's run times in the pool. */
  runTimes(functionIndex: number): RunTimeModel {
    return this.#of(functionIndex).local;
  }

  /** Whether offloading a function pays, and why not. */
  guard(functionIndex: number): Guard {
    return this.#of(functionIndex).guard;
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
    functionIndex: number,
    bytes: number,
    nowMs: number,
    outlook: CloudOutlook = this.cloud.outlook(nowMs),
  ): CallForesight {
    const { local, speed, guard } = this.#of(functionIndex);
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
  explores(functionIndex: number, idempotent: boolean, waitedMs: number, nowMs: number): boolean {
    this.#exploreTokens = Math.min(EXPLORE_BURST, this.#exploreTokens + EXPLORE_SHARE);
    if (!idempotent || waitedMs < EXPLORE_WAITED_MS || this.#exploreTokens < 1) return false;
    if (nowMs - this.#of(functionIndex).cloudAt < STALE_MS) return false;
    if (this.cloud.outlook(nowMs).throttleChance > 0) return false;
    this.#exploreTokens -= 1;
    return true;
  }

  /** A call ran in the pool for `runMs`. `placed` is absent where nothing was foreseen. */
  learnLocal(functionIndex: number, bytes: number, runMs: number): void {
    const { local, speed } = this.#of(functionIndex);
    if (local.known) speed.observe('pool', runMs, local.meanMs(bytes));
    local.observe(runMs, bytes);
  }

  /**
   * A call that the policy had weighed and kept was answered by the pool. It says how good the estimates are only if no other left
   * meanwhile: else it was sooner thanks to the very offloading that the guard judges.
   */
  learnStayed(placed: Placed, nowMs: number): void {
    if (placed.leftBefore !== this.#leftCalls) return;
    const estimates = this.#of(placed.functionIndex);
    const ended = {
      place: 'pool',
      tookMs: nowMs - placed.decidedAt,
      expectedMs: placed.expectedLocalMs,
    } as const;
    estimates.guard = judge(estimates.guard, ended, nowMs);
  }

  /** A call that was sent was answered. A copy that explores has no `placed.expectedLocalMs` to be judged by: see `judged`. */
  learnCloud(placed: Placed, sent: SentCall, answer: CloudAnswer, nowMs: number, judged = true): void {
    const estimates = this.#of(placed.functionIndex);
    this.cloud.answered(sent, answer, nowMs);
    if (answer.runMs !== undefined && estimates.local.known) {
      estimates.speed.observe('cloud', answer.runMs, estimates.local.meanMs(placed.bytes));
    }
    estimates.cloudAt = nowMs;
    if (!judged) return;
    const ended = {
      place: 'cloud',
      tookMs: nowMs - placed.decidedAt,
      expectedMs: placed.expectedLocalMs,
    } as const;
    estimates.guard = judge(estimates.guard, ended, nowMs);
  }

  #of(functionIndex: number): FunctionEstimates {
    const estimates = this.#functions[functionIndex];
    if (estimates === undefined) throw new Error(`predictor: no function has the index ${functionIndex}`);
    return estimates;
  }
}
