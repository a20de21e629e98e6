/** One run of a trace through placement and scaling, on virtual time: the next event is always the next thing done. */
import { expectedWaitMs } from '../../src/dispatch/estimates.ts';
import { waitBehind } from '../../src/dispatch/expected-wait.ts';
import { TICK_MS } from '../../src/scaling/autoscaler.ts';
import type { Observation } from '../../src/scaling/observation.ts';
import type { SentToCloud, SimulatedCloud } from './cloud.ts';
import { Fleet } from './fleet.ts';
import { ForeseenPlacement, type EstimatorOf } from './foreseen.ts';
import { NumberHeap } from './heap.ts';
import { observationOf } from './observing.ts';
import { FATE, Outcomes } from './outcomes.ts';
import type { PlacementPolicy, PlacementQuestion } from './placement.ts';
import { CallQueue } from './queue.ts';
import type { ScalingRule } from './rules.ts';
import { Scaler, type Scaled } from './scaler.ts';
import { Slots } from './slots.ts';
import type { Trace } from './trace.ts';

export interface SimulationSettings {
  readonly policy: PlacementPolicy;
  readonly rule: ScalingRule;
  /** Absent: there is no cloud. */
  readonly cloud?: SimulatedCloud;
  /** 2N. */
  readonly mostWorkers: number;
  readonly cores: number;
  /** The part of a run time that is CPU work, 0 … 1; the rest is waiting, and needs no core. */
  readonly cpuShare: number;
  /** The most calls waiting (SPILLWAY_QUEUE). */
  readonly queue: number;
  /** How a wait is expected: by the order in which slots become free, or as all work over the slots. */
  readonly waitFormula: WaitFormula;
  /** For predictive and the oracle: what is believed of calls, and the most an hour of saved waiting may cost, in US dollars. */
  readonly estimatorOf?: EstimatorOf | undefined;
  readonly usdPerHour?: number;
}

export const WAIT_FORMULAS = ['list', 'plain'] as const;
export type WaitFormula = (typeof WAIT_FORMULAS)[number];

/** What became of the calls, and of the workers. */
export interface Run {
  readonly outcomes: Outcomes;
  readonly fleet: Fleet;
}

/** A review a rounding error away would be asked for again and again, at one moment; in milliseconds. */
const SOONEST_REVIEW_MS = 0.01;

/** Kinds of timers; a timer's value is call × 8 + kind. */
const WORKER_READY = 0;
const REVIEW = 1;
const DEADLINE = 2;
const CLOUD_OVER = 3;
const LOOK = 4;
const REVIEW_ALL = 5;
const COPY_OVER = 6;

/** How often the waiting calls are looked at again, in milliseconds. */
const REVIEW_EVERY_MS = 20;
/** At most so many leave at one look: the next follows within REVIEW_EVERY_MS. */
const LEAVE_AT_ONCE = 4;

/** Runs the trace. The same trace and settings give the same run. */
export function simulate(trace: Trace, settings: SimulationSettings): Run {
  return new Simulation(trace, settings).run();
}

class Simulation implements Scaled {
  nowMs = 0;
  readonly #trace: Trace;
  readonly #settings: SimulationSettings;
  readonly fleet: Fleet;
  readonly slots: Slots;
  readonly queue: CallQueue;
  readonly #scaler: Scaler;
  readonly #outcomes: Outcomes;
  readonly #timers = new NumberHeap();
  readonly #foreseen: ForeseenPlacement | undefined;
  /** What the cloud will say of the calls that are there. */
  readonly #sent = new Map<number, SentToCloud>();
  #inCloud = 0;
  #reviewing = false;
  #arrivedWorkMs = 0;
  #offloaded = { calls: 0, workMs: 0 };

  constructor(trace: Trace, settings: SimulationSettings) {
    this.#trace = trace;
    this.#settings = settings;
    this.fleet = new Fleet(settings.rule.initial, settings.rule.standbys);
    this.slots = new Slots(trace, settings.cores, settings.cpuShare);
    this.queue = new CallQueue(trace.arrivalMs.length);
    this.#outcomes = new Outcomes(trace);
    this.#scaler = new Scaler(settings.rule, this.fleet, this.slots, this);
    const { cloud, estimatorOf, usdPerHour = Infinity } = settings;
    if (cloud !== undefined && estimatorOf !== undefined)
      this.#foreseen = new ForeseenPlacement(trace, cloud, estimatorOf, usdPerHour, this);
  }

  run(): Run {
    const { arrivalMs } = this.#trace;
    let next = 0;
    let tickMs = TICK_MS;
    while (this.#outcomes.open > 0) {
      const arrival = arrivalMs[next] ?? Infinity;
      const phaseEnd = this.slots.nextEndMs();
      const timer = this.#timers.leastKey;
      this.nowMs = Math.min(arrival, phaseEnd, timer, tickMs);
      this.slots.advance(this.nowMs);
      // Of what happens at one moment, slots are freed first.
      if (phaseEnd === this.nowMs) {
        this.#endPhase();
      } else if (timer === this.nowMs) {
        this.#fire(this.#timers.pop());
      } else if (arrival === this.nowMs) {
        this.#arrive(next++);
      } else {
        tickMs += TICK_MS;
        this.#scaler.tick();
      }
    }
    return { outcomes: this.#outcomes, fleet: this.fleet };
  }

  get freeSlots(): number {
    // Every draining worker runs a call.
    return this.fleet.serving - this.slots.running;
  }

  /** Calls being served, waiting, or in the cloud. */
  get connections(): number {
    return this.slots.running + this.queue.size + this.#inCloud;
  }

  lookAfter(delayMs: number): void {
    this.#after(delayMs, LOOK);
  }

  workerReadyAt(atMs: number): void {
    this.#after(atMs - this.nowMs, WORKER_READY);
  }

  observe(): Observation {
    const { nowMs } = this;
    return observationOf({
      trace: this.#trace,
      fleet: this.fleet,
      slots: this.slots,
      queue: this.queue,
      nowMs,
      cores: this.#settings.cores,
      arrivedWorkMs: this.#arrivedWorkMs,
      offloaded: this.#offloaded,
    });
  }

  /**
   * A call that finds no slot first queues, and the scaling rule looks: so it sees the call even if that is offloaded
   * then, and the call sees the slots that are coming.
   */
  #arrive(call: number): void {
    this.#arrivedWorkMs += this.slots.expectedMs(call);
    if (this.freeSlots === 0) {
      if (this.queue.size < this.#settings.queue) this.#enqueue(call);
      this.#scaler.callQueued();
    }
    if (this.#foreseen !== undefined) this.#placeForeseen(call, this.#foreseen);
    else this.#place(call, 0);
  }

  /** predictive: those of the waiting leave that have the most to gain; then the arrival itself is placed. */
  #placeForeseen(call: number, foreseen: ForeseenPlacement): void {
    if (this.queue.has(call)) {
      this.#letLeave(foreseen);
      if (!this.queue.has(call)) return;
    }
    const { place, expected } = foreseen.arrives(call);
    if (place === 'pool') {
      this.#start(call);
    } else if (place === 'queue') {
      foreseen.estimator.stays(call, expected?.localMs ?? 0, this.nowMs);
      this.#reviewLater();
    } else {
      if (this.queue.has(call)) this.queue.remove(call);
      if (place === 'cloud') this.#send(call, expected?.localMs ?? 0);
      else this.#outcomes.over(call, FATE.rejected, this.nowMs);
    }
  }

  #letLeave(foreseen: ForeseenPlacement): void {
    for (let left = LEAVE_AT_ONCE; left > 0; left--) {
      const leaving = foreseen.leaves();
      if (leaving === undefined) return;
      if (leaving.copy) {
        this.#sendCopy(leaving.call);
      } else {
        this.queue.remove(leaving.call);
        this.#send(leaving.call, leaving.localMs);
      }
    }
  }

  #reviewLater(): void {
    if (this.#reviewing) return;
    this.#reviewing = true;
    this.#after(REVIEW_EVERY_MS, REVIEW_ALL);
  }

  /** Places a call that has just arrived, or has waited for `waitedMs`. */
  #place(call: number, waitedMs: number): void {
    const { policy, cloud } = this.#settings;
    const question = this.#ask(call, waitedMs);
    const { place, reviewInMs } = policy(question);
    const waits = this.queue.has(call);
    if (waits && place !== 'pool') this.queue.remove(call);
    if (place === 'cloud' && cloud !== undefined) {
      this.#send(call, 0);
    } else if (place !== 'pool') {
      this.#outcomes.over(call, FATE.rejected, this.nowMs);
    } else if (!waits) {
      this.#start(call);
    } else if (reviewInMs !== undefined) {
      this.#after(Math.max(SOONEST_REVIEW_MS, reviewInMs), REVIEW, call);
    }
  }

  #ask(call: number, waitedMs: number): PlacementQuestion {
    const { cloud, mostWorkers } = this.#settings;
    const waits = this.queue.has(call);
    const freeSlot = this.freeSlots > 0;
    const readyInMs = freeSlot ? [] : this.fleet.readyInMs(this.nowMs);
    const ahead = readyInMs.length === 0 ? 0 : this.queue.ahead(call, readyInMs.length);
    // A call that has waited is judged by how long it has.
    const known = waitedMs === 0 && this.slots.runTimes(call).known;
    return {
      expectedWaitMs: freeSlot ? 0 : known ? this.#waitOf(call, readyInMs) : undefined,
      waitedMs,
      slotReadyInMs: readyInMs[ahead] ?? Infinity,
      freeSlot,
      queueFull: !freeSlot && !waits,
      connections: this.connections - (waits ? 1 : 0),
      mostWorkers,
      cloudDelayMs: cloud?.delayMs(this.nowMs),
    };
  }

  /** The expected wait of a call that has just queued, or can't. */
  #waitOf(call: number, readyInMs: readonly number[]): number {
    const waits = this.queue.has(call);
    const ahead = this.queue.size - (waits ? 1 : 0);
    const aheadMs = this.queue.workMs - (waits ? this.slots.expectedMs(call) : 0);
    const remainingMs = this.slots.remainingMs();
    if (this.#settings.waitFormula === 'list') {
      return waitBehind([...remainingMs, ...readyInMs], ahead, ahead === 0 ? 0 : aheadMs / ahead);
    }
    const runningMs = remainingMs.reduce((sum, ms) => sum + ms, 0);
    return expectedWaitMs({ freeSlots: 0, slots: this.fleet.counts().ready, runningMs, queuedMs: aheadMs });
  }

  #start(call: number): void {
    this.slots.start(call);
    const cloud = this.#settings.cloud;
    if (cloud?.delayMs(this.nowMs) !== undefined && this.#foreseen?.estimator.explores(call, this.nowMs) === true) {
      this.#sendCopy(call);
    }
    const { cores, mostWorkers } = this.#settings;
    this.#watchDeadline(call, this.#trace.durationMs[call]! * Math.max(1, mostWorkers / cores));
  }

  #enqueue(call: number): void {
    this.queue.push(call, this.slots.expectedMs(call));
    this.#watchDeadline(call, Infinity);
  }

  /** @param localMs what was expected of it here, where that was weighed */
  #send(call: number, localMs: number): void {
    const sent = this.#toCloud(call, localMs);
    if (sent === undefined) return;
    const { calls, workMs } = this.#offloaded;
    this.#offloaded = { calls: calls + 1, workMs: workMs + this.slots.expectedMs(call) };
    this.#outcomes.offloaded[call] = 1;
    this.#after(sent.takesMs, CLOUD_OVER, call);
    this.#watchDeadline(call, sent.takesMs);
  }

  #sendCopy(call: number): void {
    if (!this.#sent.has(call)) this.#after(this.#toCloud(call, undefined)?.takesMs ?? 0, COPY_OVER, call);
  }

  #toCloud(call: number, localMs: number | undefined): SentToCloud | undefined {
    const sent = this.#settings.cloud?.send(this.#trace.durationMs[call]!, this.nowMs);
    if (sent === undefined) return undefined;
    this.#foreseen?.estimator.sent(call, localMs, sent, this.nowMs);
    this.#sent.set(call, sent);
    this.#outcomes.costUsd += sent.costUsd;
    this.#inCloud++;
    return sent;
  }

  /** A call is back, or a copy of one. A refused call waits here, before all others. */
  #back(call: number, isCopy: boolean): void {
    const sent = this.#sent.get(call)!;
    this.#sent.delete(call);
    this.#inCloud--;
    const refused = sent.refused === true;
    this.#settings.cloud?.settled(this.nowMs, refused);
    this.#foreseen?.estimator.returned(call, sent, this.nowMs);
    if (!refused) {
      // A copy was sooner than the queue: its call needs no slot any more.
      if (this.queue.has(call)) this.queue.remove(call);
      this.#outcomes.over(call, FATE.cloud, this.nowMs);
    } else if (!isCopy && this.#outcomes.fate[call] === 0) {
      this.#outcomes.offloaded[call] = 0;
      this.#foreseen?.refused(call);
      this.queue.pushFirst(call, this.slots.expectedMs(call));
      this.#watchDeadline(call, Infinity);
      this.#fill();
    }
    if (this.#foreseen !== undefined) this.#letLeave(this.#foreseen);
  }

  /** Looks at a call when its deadline passes, if what it does now may last that long. */
  #watchDeadline(call: number, longestMs: number): void {
    const leftMs = this.#trace.arrivalMs[call]! + this.#trace.deadlineMs[call]! - this.nowMs;
    if (longestMs > leftMs) this.#after(leftMs, DEADLINE, call);
  }

  #after(delayMs: number, kind: number, call = 0): void {
    this.#timers.push(this.nowMs + Math.max(0, delayMs), call * 8 + kind);
  }

  #fire(timer: number): void {
    const kind = timer & 7;
    const call = timer >> 3;
    if (kind === WORKER_READY) {
      this.fleet.arrived(this.nowMs);
      this.#fill();
    } else if (kind === REVIEW) {
      if (this.queue.has(call)) this.#place(call, this.nowMs - this.#trace.arrivalMs[call]!);
    } else if (kind === DEADLINE) {
      this.#deadline(call);
    } else if (kind === CLOUD_OVER || kind === COPY_OVER) {
      this.#back(call, kind === COPY_OVER);
    } else if (kind === REVIEW_ALL) {
      this.#reviewing = false;
      if (this.#foreseen === undefined || this.queue.size === 0) return;
      this.#letLeave(this.#foreseen);
      this.#reviewLater();
    } else {
      this.#scaler.look();
    }
  }

  /** A waiting call never runs, a running one is killed; one in the cloud goes on, unheard. */
  #deadline(call: number): void {
    if (this.#outcomes.fate[call] !== 0) return;
    this.#outcomes.over(call, FATE.late, this.nowMs);
    if (this.queue.has(call)) {
      this.queue.remove(call);
    } else if (this.#outcomes.offloaded[call] === 0) {
      this.slots.kill(call);
      this.#leave(call);
    }
  }

  #endPhase(): void {
    const call = this.slots.endPhase();
    if (call === -1) return;
    this.#outcomes.over(call, FATE.pool, this.nowMs);
    this.#leave(call);
  }

  #leave(call: number): void {
    this.#foreseen?.estimator.ran(call, this.slots.elapsedMs(call), this.nowMs);
    if (this.slots.leave(call)) this.fleet.drained(this.nowMs);
    this.#fill();
  }

  /** Free slots take the calls that wait longest. */
  #fill(): void {
    while (this.queue.size > 0 && this.freeSlots > 0) {
      const call = this.queue.first();
      this.queue.remove(call);
      this.#start(call);
    }
  }
}
