/** The calls that run: on a core for their CPU work, then off it while they wait for something else. */
import { RunTimes } from '../../src/dispatch/estimates.ts';
import { NumberHeap } from './heap.ts';
import { Processors } from './processors.ts';
import type { Trace } from './trace.ts';

/** Phases of a call that occupies a slot. */
const ON_CORE = 1;
const OFF_CORE = 2;

export class Slots {
  readonly #trace: Trace;
  readonly #cpuShare: number;
  /** By function: what the balancer has measured of it, never the trace's own figures. */
  readonly #runTimes: readonly RunTimes[];
  readonly #processors: Processors;
  /** Calls off the core, by when they are over. Killed ones stay in it and are skipped. */
  readonly #offCore = new NumberHeap();
  readonly #phase: Uint8Array;
  readonly #startedMs: Float64Array;
  /** By call: whether the worker that runs it is draining. */
  readonly #leaving: Uint8Array;
  /** The running calls, in no order, and where each of them stands in this list. */
  readonly #running: number[] = [];
  readonly #at: Int32Array;
  #nowMs = 0;
  #busyMs = 0;

  /** @param cpuShare the part of a run time that is CPU work, 0 … 1 */
  constructor(trace: Trace, cores: number, cpuShare: number) {
    const calls = trace.arrivalMs.length;
    this.#trace = trace;
    this.#cpuShare = cpuShare;
    this.#runTimes = trace.methods.map(() => new RunTimes());
    this.#processors = new Processors(cores);
    this.#phase = new Uint8Array(calls);
    this.#startedMs = new Float64Array(calls);
    this.#leaving = new Uint8Array(calls);
    this.#at = new Int32Array(calls);
  }

  get running(): number {
    return this.#running.length;
  }

  /** Slot-milliseconds occupied up to now. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /** CPU milliseconds used up to now. */
  get usedMs(): number {
    return this.#processors.usedMs;
  }

  /** What is known of a call's function. */
  runTimes(call: number): RunTimes {
    return this.#runTimes[this.#trace.method[call]!]!;
  }

  /** What a call is expected to take, in milliseconds; 0 where too few of its function's were measured. */
  expectedMs(call: number): number {
    const runTimes = this.runTimes(call);
    return runTimes.known ? runTimes.wallMs.mean : 0;
  }

  /** What each running call is expected to need still, in milliseconds. */
  remainingMs(): number[] {
    return this.map((call, elapsedMs) => this.runTimes(call).remainingMs(elapsedMs));
  }

  /** What `of` makes of each running call and how long it has run, in milliseconds. */
  map<T>(of: (call: number, elapsedMs: number) => T): T[] {
    return this.#running.map((call) => of(call, this.elapsedMs(call)));
  }

  /** How long a running call has run, in milliseconds. */
  elapsedMs(call: number): number {
    return this.#nowMs - this.#startedMs[call]!;
  }

  advance(nowMs: number): void {
    this.#busyMs += (nowMs - this.#nowMs) * this.#running.length;
    this.#nowMs = nowMs;
    this.#processors.advance(nowMs);
  }

  start(call: number): void {
    this.#at[call] = this.#running.push(call) - 1;
    this.#startedMs[call] = this.#nowMs;
    const cpuMs = this.#trace.durationMs[call]! * this.#cpuShare;
    if (cpuMs > 0) {
      this.#phase[call] = ON_CORE;
      this.#processors.run(call, cpuMs);
    } else {
      this.#leaveCore(call);
    }
  }

  /** When the next phase of a running call is over; Infinity when none runs. */
  nextEndMs(): number {
    while (this.#offCore.size > 0 && this.#phase[this.#offCore.leastValue] !== OFF_CORE) this.#offCore.pop();
    return Math.min(this.#offCore.leastKey, this.#processors.nextEndMs());
  }

  /** Ends that phase. Returns the call if it is over with it, else -1. Its slot is still to be left. */
  endPhase(): number {
    if (this.#offCore.leastKey <= this.#processors.nextEndMs()) return this.#offCore.pop();
    const call = this.#processors.take();
    if (this.#cpuShare === 1) return call;
    this.#leaveCore(call);
    return -1;
  }

  /** A call is over: its run time is known. Returns whether its worker was draining, and so is drained now. */
  leave(call: number): boolean {
    this.runTimes(call).observe(this.elapsedMs(call), undefined);
    const last = this.#running.pop()!;
    if (last !== call) {
      this.#running[this.#at[call]!] = last;
      this.#at[last] = this.#at[call]!;
    }
    this.#phase[call] = 0;
    const leaving = this.#leaving[call] === 1;
    this.#leaving[call] = 0;
    return leaving;
  }

  /** Takes a running call off its core before it is done; its slot is still to be left. */
  kill(call: number): void {
    if (this.#phase[call] === ON_CORE) this.#processors.kill(call);
  }

  /** The worker of some running call begins to drain, or is taken back. */
  markLeaving(leaving: boolean): void {
    const call = this.#running.find((one) => (this.#leaving[one] === 1) !== leaving);
    if (call !== undefined) this.#leaving[call] = leaving ? 1 : 0;
  }

  #leaveCore(call: number): void {
    this.#phase[call] = OFF_CORE;
    this.#offCore.push(this.#nowMs + this.#trace.durationMs[call]! * (1 - this.#cpuShare), call);
  }
}
