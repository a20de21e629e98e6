/** One run of a trace through placement and scaling, on virtual time: the next event is always the next thing done. */
import { waitBehind } from '../../src/dispatch/expected-wait.ts';
import { TICK_MS } from '../../src/scaling/autoscaler.ts';
import type { Observation } from '../../src/scaling/observation.ts';
import type { SimulatedCloud } from './cloud.ts';
import { Fleet, RESUME_MS, START_MS } from './fleet.ts';
import { NumberHeap } from './heap.ts';
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

/** Runs the trace. The same trace and settings give the same run. */
export function simulate(trace: Trace, settings: SimulationSettings): Run {
  return new Simulation(trace, settings).run();
}

class Simulation implements Scaled {
  nowMs = 0;
  readonly #trace: Trace;
  readonly #settings: SimulationSettings;
  readonly #fleet: Fleet;
  readonly #slots: Slots;
  readonly #queue: CallQueue;
  readonly #scaler: Scaler;
  readonly #outcomes: Outcomes;
  readonly #timers = new NumberHeap();
  #inCloud = 0;
  #arrivedWorkMs = 0;
  #offloaded = { calls: 0, workMs: 0 };

  constructor(trace: Trace, settings: SimulationSettings) {
    this.#trace = trace;
    this.#settings = settings;
    this.#fleet = new Fleet(settings.rule.initial, settings.rule.standbys);
    this.#slots = new Slots(trace, settings.cores, settings.cpuShare);
    this.#queue = new CallQueue(trace.arrivalMs.length);
    this.#outcomes = new Outcomes(trace);
    this.#scaler = new Scaler(settings.rule, this.#fleet, this.#slots, this);
  }

  run(): Run {
    const { arrivalMs } = this.#trace;
    let next = 0;
    let tickMs = TICK_MS;
    while (this.#outcomes.open > 0) {
      const arrival = arrivalMs[next] ?? Infinity;
      const phaseEnd = this.#slots.nextEndMs();
      const timer = this.#timers.leastKey;
      this.nowMs = Math.min(arrival, phaseEnd, timer, tickMs);
      this.#slots.advance(this.nowMs);
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
    return { outcomes: this.#outcomes, fleet: this.#fleet };
  }

  get freeSlots(): number {
    // Every draining worker runs a call.
    return this.#fleet.serving - this.#slots.running;
  }

  /** Calls being served, waiting, or in the cloud. */
  get connections(): number {
    return this.#slots.running + this.#queue.size + this.#inCloud;
  }

  lookAfter(delayMs: number): void {
    this.#after(delayMs, LOOK);
  }

  workerReadyAt(atMs: number): void {
    this.#after(atMs - this.nowMs, WORKER_READY);
  }

  observe(): Observation {
    const oldest = this.#queue.first();
    const standbyAgesMs = this.#fleet.standbyAgesMs(this.nowMs);
    const remainingMs = this.#slots.remainingMs();
    const { busyMs, usedMs } = this.#slots;
    return {
      workers: this.#fleet.counts(),
      standbyAgesMs,
      slotsPerWorker: 1,
      newWorkerMs: standbyAgesMs.length > 0 ? RESUME_MS : START_MS,
      busyMs,
      arrivedWorkMs: this.#arrivedWorkMs,
      offloaded: this.#offloaded,
      running: { slots: remainingMs.length, remainingMs: remainingMs.reduce((sum, ms) => sum + ms, 0) },
      waiting: {
        slots: this.#queue.size,
        workMs: this.#queue.workMs,
        oldestMs: oldest === -1 ? 0 : this.nowMs - this.#trace.arrivalMs[oldest]!,
      },
      cpu: { cores: this.#settings.cores, workersMs: usedMs, hostMs: usedMs },
    };
  }

  /**
   * A call that finds no slot first queues, and the scaling rule looks: so it sees the call even if that is offloaded
   * then, and the call sees the slots that are coming.
   */
  #arrive(call: number): void {
    this.#arrivedWorkMs += this.#slots.expectedMs(call);
    if (this.freeSlots === 0) {
      if (this.#queue.size < this.#settings.queue) this.#enqueue(call);
      this.#scaler.callQueued();
    }
    this.#place(call, 0);
  }

  /** Places a call that has just arrived, or has waited for `waitedMs`. */
  #place(call: number, waitedMs: number): void {
    const { policy, cloud } = this.#settings;
    const question = this.#ask(call, waitedMs);
    const { place, reviewInMs } = policy(question);
    const waits = this.#queue.has(call);
    if (waits && place !== 'pool') this.#queue.remove(call);
    if (place === 'cloud' && cloud !== undefined) {
      this.#send(call, cloud);
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
    const waits = this.#queue.has(call);
    const freeSlot = this.freeSlots > 0;
    const readyInMs = freeSlot ? [] : this.#fleet.readyInMs(this.nowMs);
    const ahead = readyInMs.length === 0 ? 0 : this.#queue.ahead(call, readyInMs.length);
    // A call that has waited is judged by how long it has.
    const known = waitedMs === 0 && this.#slots.runTimes(call).known;
    return {
      expectedWaitMs: freeSlot ? 0 : known ? this.#waitOf(call, readyInMs) : undefined,
      waitedMs,
      slotReadyInMs: readyInMs[ahead] ?? Infinity,
      freeSlot,
      queueFull: !freeSlot && !waits,
      connections: this.connections - (waits ? 1 : 0),
      mostWorkers,
      cloudDelayMs: cloud?.delayMs(),
    };
  }

  /** The expected wait of a call that has just queued, or can't. */
  #waitOf(call: number, readyInMs: readonly number[]): number {
    const waits = this.#queue.has(call);
    const ahead = this.#queue.size - (waits ? 1 : 0);
    const aheadMs = this.#queue.workMs - (waits ? this.#slots.expectedMs(call) : 0);
    const remainingMs = this.#slots.remainingMs();
    if (this.#settings.waitFormula === 'list') {
      return waitBehind([...remainingMs, ...readyInMs], ahead, ahead === 0 ? 0 : aheadMs / ahead);
    }
    const runningMs = remainingMs.reduce((sum, ms) => sum + ms, 0);
    // The plain formula, kept to be compared with: all work over the slots.
    const slots = this.#fleet.counts().ready;
    return slots === 0 ? Infinity : (runningMs + aheadMs) / slots;
  }

  #start(call: number): void {
    this.#slots.start(call);
    const { cores, mostWorkers } = this.#settings;
    this.#watchDeadline(call, this.#trace.durationMs[call]! * Math.max(1, mostWorkers / cores));
  }

  #enqueue(call: number): void {
    this.#queue.push(call, this.#slots.expectedMs(call));
    this.#watchDeadline(call, Infinity);
  }

  #send(call: number, cloud: SimulatedCloud): void {
    const { takesMs, costUsd } = cloud.send(this.#trace.durationMs[call]!, this.nowMs);
    const { calls, workMs } = this.#offloaded;
    this.#offloaded = { calls: calls + 1, workMs: workMs + this.#slots.expectedMs(call) };
    this.#outcomes.offloaded[call] = 1;
    this.#outcomes.costUsd += costUsd;
    this.#inCloud++;
    this.#after(takesMs, CLOUD_OVER, call);
    this.#watchDeadline(call, takesMs);
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
      this.#fleet.arrived(this.nowMs);
      this.#fill();
    } else if (kind === REVIEW) {
      if (this.#queue.has(call)) this.#place(call, this.nowMs - this.#trace.arrivalMs[call]!);
    } else if (kind === DEADLINE) {
      this.#deadline(call);
    } else if (kind === CLOUD_OVER) {
      this.#inCloud--;
      this.#settings.cloud?.settled();
      this.#outcomes.over(call, FATE.cloud, this.nowMs);
    } else {
      this.#scaler.look();
    }
  }

  /** A waiting call never runs, a running one is killed; one in the cloud goes on, unheard. */
  #deadline(call: number): void {
    if (this.#outcomes.fate[call] !== 0) return;
    this.#outcomes.over(call, FATE.late, this.nowMs);
    if (this.#queue.has(call)) {
      this.#queue.remove(call);
    } else if (this.#outcomes.offloaded[call] === 0) {
      this.#slots.kill(call);
      this.#leave(call);
    }
  }

  #endPhase(): void {
    const call = this.#slots.endPhase();
    if (call === -1) return;
    this.#outcomes.over(call, FATE.pool, this.nowMs);
    this.#leave(call);
  }

  #leave(call: number): void {
    if (this.#slots.leave(call)) this.#fleet.drained(this.nowMs);
    this.#fill();
  }

  /** Free slots take the calls that wait longest. */
  #fill(): void {
    while (this.#queue.size > 0 && this.freeSlots > 0) {
      const call = this.#queue.first();
      this.#queue.remove(call);
      this.#start(call);
    }
  }
}
