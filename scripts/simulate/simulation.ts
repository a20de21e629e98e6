/** One run of a trace through placement and scaling, on virtual time: the next event is always the next thing done. */
import { TICK_MS } from '../../src/scaling/autoscaler.ts';
import type { Observation } from '../../src/scaling/observation.ts';
import { ask } from './asking.ts';
import { Barriers } from './barriers.ts';
import { CloudTraffic } from './cloud-traffic.ts';
import { Fleet } from './fleet.ts';
import { ForeseenPlacement } from './foreseen.ts';
import { NumberHeap } from './heap.ts';
import { observationOf } from './observing.ts';
import { FATE, Outcomes } from './outcomes.ts';
import { CallQueue } from './queue.ts';
import { Scaler, type Scaled } from './scaler.ts';
import type { Run, SimulationSettings } from './simulation-settings.ts';
import { Slots } from './slots.ts';
import { REVIEW_EVERY_MS, SOONEST_REVIEW_MS, TIMER } from './timers.ts';
import type { Trace } from './trace.ts';

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
  readonly barriers: Barriers;
  readonly #scaler: Scaler;
  readonly #outcomes: Outcomes;
  readonly #timers = new NumberHeap();
  readonly #foreseen: ForeseenPlacement | undefined;
  readonly #traffic: CloudTraffic;
  #reviewing = false;
  #arrivedWorkMs = 0;
  #offloaded = { calls: 0, workMs: 0 };

  constructor(trace: Trace, settings: SimulationSettings) {
    this.#trace = trace;
    this.#settings = settings;
    this.fleet = new Fleet(settings.rule.initial, settings.rule.standbys);
    this.slots = new Slots(trace, settings.cores, settings.cpuShare);
    this.barriers = new Barriers(trace, this.slots);
    this.queue = new CallQueue(trace.arrivalMs.length);
    this.#outcomes = new Outcomes(trace);
    this.#scaler = new Scaler(settings.rule, this.fleet, this.slots, this);
    const { cloud, estimatorOf, usdPerHour = Infinity } = settings;
    if (cloud !== undefined && estimatorOf !== undefined)
      this.#foreseen = new ForeseenPlacement(trace, cloud, estimatorOf, usdPerHour, this);
    const estimator = this.#foreseen?.estimator;
    this.#traffic = new CloudTraffic(trace, cloud, this.#outcomes, this.barriers, estimator);
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
    return this.slots.running + this.queue.size + this.#traffic.size;
  }

  lookAfter(delayMs: number): void {
    this.#after(delayMs, TIMER.look);
  }

  workerReadyAt(atMs: number): void {
    this.#after(atMs - this.nowMs, TIMER.workerReady);
  }

  observe(): Observation {
    const { nowMs, fleet, slots, queue } = this;
    const { cores } = this.#settings;
    const work = { arrivedWorkMs: this.#arrivedWorkMs, offloaded: this.#offloaded };
    return observationOf({ trace: this.#trace, fleet, slots, queue, nowMs, cores, ...work });
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
    this.#after(REVIEW_EVERY_MS, TIMER.reviewAll);
  }

  /** Places a call that has just arrived, or has waited for `waitedMs`. */
  #place(call: number, waitedMs: number): void {
    const { policy, cloud } = this.#settings;
    const question = ask(this, this.#settings, call, waitedMs);
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
      this.#after(Math.max(SOONEST_REVIEW_MS, reviewInMs), TIMER.review, call);
    }
  }

  #start(call: number): void {
    this.slots.start(call);
    const cloud = this.#settings.cloud;
    if (
      cloud?.delayMs(this.nowMs) !== undefined &&
      this.barriers.mayLeave(call) &&
      this.#foreseen?.estimator.explores(call, this.nowMs) === true
    ) {
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
    const takesMs = this.#traffic.send(call, localMs, this.nowMs);
    if (takesMs === undefined) return;
    const { calls, workMs } = this.#offloaded;
    this.#offloaded = { calls: calls + 1, workMs: workMs + this.slots.expectedMs(call) };
    this.#outcomes.offloaded[call] = 1;
    this.#after(takesMs, TIMER.cloudOver, call);
    this.#watchDeadline(call, takesMs);
  }

  #sendCopy(call: number): void {
    if (this.#traffic.has(call)) return;
    const takesMs = this.#traffic.send(call, undefined, this.nowMs);
    if (takesMs !== undefined) this.#after(takesMs, TIMER.copyOver, call);
  }

  /** A call is back, or a copy of one. A refused call waits here, before all others; a copy that failed changes nothing. */
  #back(call: number, isCopy: boolean): void {
    const end = this.#traffic.back(call, this.nowMs);
    if (end === 'ran') {
      // A copy was sooner than the queue: its call needs no slot any more.
      if (this.queue.has(call)) this.queue.remove(call);
      this.#outcomes.over(call, FATE.cloud, this.nowMs);
    } else if (end === 'stopped' && !isCopy) {
      this.#outcomes.over(call, FATE.late, this.nowMs);
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
    if (longestMs > leftMs) this.#after(leftMs, TIMER.deadline, call);
  }

  #after(delayMs: number, kind: number, call = 0): void {
    this.#timers.push(this.nowMs + Math.max(0, delayMs), call * 8 + kind);
  }

  #fire(timer: number): void {
    const kind = timer & 7;
    const call = timer >> 3;
    if (kind === TIMER.workerReady) {
      this.fleet.arrived(this.nowMs);
      this.#fill();
    } else if (kind === TIMER.review) {
      if (this.queue.has(call)) this.#place(call, this.nowMs - this.#trace.arrivalMs[call]!);
    } else if (kind === TIMER.deadline) {
      this.#deadline(call);
    } else if (kind === TIMER.cloudOver || kind === TIMER.copyOver) {
      this.#back(call, kind === TIMER.copyOver);
    } else if (kind === TIMER.reviewAll) {
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
