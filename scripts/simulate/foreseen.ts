/** The dispatcher's part under predictive: asks the balancer's own place() and chooseToLeave() about simulated calls. */
import {
  MOST_THROTTLE_CHANCE,
  chooseToLeave,
  queueWaits,
  type WaitingCall,
} from '../../src/dispatch/foresight.ts';
import { Inflow } from '../../src/dispatch/inflow.ts';
import { place, type Placement } from '../../src/dispatch/placement.ts';
import type { Barriers } from './barriers.ts';
import type { SimulatedCloud } from './cloud.ts';
import type { Estimator, EstimatorOf } from './estimators.ts';
import type { Fleet } from './fleet.ts';
import type { CallQueue } from './queue.ts';
import type { Slots } from './slots.ts';
import type { Trace } from './trace.ts';

/** What it sees of the simulation. */
export interface Seen {
  readonly nowMs: number;
  readonly freeSlots: number;
  readonly queue: CallQueue;
  readonly slots: Slots;
  readonly fleet: Fleet;
  readonly barriers: Barriers;
}

/** A call that leaves the queue for the cloud, and what was expected of it here. */
export interface Leaving {
  readonly call: number;
  readonly localMs: number;
  /** Only a copy goes. */
  readonly copy: boolean;
}

export class ForeseenPlacement {
  readonly estimator: Estimator;
  readonly #trace: Trace;
  readonly #cloud: SimulatedCloud;
  readonly #usdPerHour: number;
  readonly #seen: Seen;
  /** Calls that the cloud has refused: they stay. */
  readonly #refused = new Set<number>();
  readonly #copied = new Set<number>();
  readonly #inflow = new Inflow();
  #arrived = 0;
  #arrivedWorkMs = 0;

  constructor(trace: Trace, cloud: SimulatedCloud, estimatorOf: EstimatorOf, usdPerHour: number, seen: Seen) {
    this.#trace = trace;
    this.#cloud = cloud;
    this.#usdPerHour = usdPerHour;
    this.#seen = seen;
    this.estimator = estimatorOf(trace, cloud);
  }

  /** A call that has a slot, or finds the queue full, or has just queued as the last one. */
  arrives(call: number): Placement {
    const { freeSlots, queue, nowMs } = this.#seen;
    this.#arrived += 1;
    this.#arrivedWorkMs += this.estimator.foresee(call, nowMs).runMs;
    if (freeSlots > 0) return this.#place(call, 0, true, 0);
    const waits = queue.has(call);
    const runsMs = queue.all().map((one) => this.estimator.foresee(one, nowMs).runMs);
    const waitsMs = queueWaits(this.#freeInMs(), waits ? runsMs : [...runsMs, 0]);
    return this.#place(call, waitsMs.at(-1) ?? Infinity, waits, 0);
  }

  /** Which of the waiting calls should leave now. */
  leaves(): Leaving | undefined {
    const { queue, nowMs } = this.#seen;
    if (queue.size === 0 || this.#cloud.delayMs(nowMs) === undefined) return undefined;
    const first = this.estimator.foresee(queue.first(), nowMs);
    // The cloud is at its limit, for whomever.
    if (first.throttleChance > MOST_THROTTLE_CHANCE) return undefined;
    this.#inflow.observe(this.#arrived, this.#arrivedWorkMs, nowMs);
    const calls = queue.all();
    const waiting = this.#waiting(calls);
    const freeInMs = this.#freeInMs();
    const runsMs = waiting.map(({ foresight }) => foresight.runMs);
    const waitsMs = queueWaits(freeInMs, runsMs);
    const backlogMs = runsMs.reduce((sum, ms) => sum + ms, 0);
    const supply = {
      slots: freeInMs.length,
      starting: this.estimator.starting(nowMs),
      usdPerHour: this.#usdPerHour,
      toCome: this.#inflow.callsToCome(freeInMs.length, backlogMs),
    };
    const choice = chooseToLeave(waiting, waitsMs, supply);
    if (choice === undefined) return undefined;
    const { waitMs, relievesMs, forOthers, copy } = choice;
    const call = calls[choice.index]!;
    if (copy) {
      this.#copied.add(call);
      return { call, localMs: 0, copy };
    }
    const placement = this.#place(call, waitMs, true, relievesMs, forOthers);
    if (placement.place !== 'cloud') return undefined;
    const othersMs = placement.reason === 'relieves others' ? relievesMs : 0;
    return { call, localMs: (placement.expected?.localMs ?? 0) + othersMs, copy };
  }

  /** The cloud has refused a call. */
  refused(call: number): void {
    this.#refused.add(call);
  }

  #place(call: number, waitMs: number, mayWait: boolean, relievesMs: number, forOthers = false): Placement {
    const { nowMs, freeSlots, barriers } = this.#seen;
    return place({
      policy: 'predictive',
      offloadWaitMs: 50,
      forced: undefined,
      slotFree: freeSlots > 0,
      noRoom: mayWait ? undefined : 'queue full',
      waitedMs: nowMs - this.#trace.arrivalMs[call]!,
      expectedWaitMs: waitMs,
      offload: true,
      ...barriers.of(call),
      cloud: this.#cloud.delayMs(nowMs) === undefined ? (this.#cloud.reason?.(nowMs) ?? 'off') : undefined,
      foresight: this.estimator.foresee(call, nowMs),
      remainingMs: this.#remainingMs(call),
      relievesMs,
      forOthers,
      usdPerHour: this.#usdPerHour,
    });
  }

  #waiting(calls: readonly number[]): WaitingCall[] {
    const { nowMs, barriers } = this.#seen;
    return calls.map((call) => ({
      foresight: this.estimator.foresee(call, nowMs),
      remainingMs: this.#remainingMs(call),
      mayLeave: !this.#refused.has(call) && !this.#copied.has(call) && barriers.mayLeave(call),
      mayCopy: !this.#copied.has(call),
    }));
  }

  #freeInMs(): number[] {
    const { slots, fleet, nowMs } = this.#seen;
    const running = slots.map((call, elapsedMs) => this.estimator.remainingMs(call, elapsedMs));
    return [...running, ...fleet.readyInMs(nowMs)];
  }

  #remainingMs(call: number): number {
    return this.#trace.arrivalMs[call]! + this.#trace.deadlineMs[call]! - this.#seen.nowMs;
  }
}
