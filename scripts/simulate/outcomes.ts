/** What became of the calls of a trace. */
import type { Trace } from './trace.ts';

/** How a call ended: its answer came from the pool or the cloud, it was rejected, or its time was over. */
export const FATE = { pool: 1, cloud: 2, rejected: 3, late: 4 } as const;

export class Outcomes {
  /** By call: arrival to answer, in milliseconds; its deadline where it was rejected or late. */
  readonly latencyMs: Float64Array;
  /** By call: one of FATE; 0 while it has none. */
  readonly fate: Uint8Array;
  /** By call: 1 where it was sent to the cloud, in time or not. */
  readonly offloaded: Uint8Array;
  /** Calls without a fate. */
  open: number;
  /** When the last call had its fate. */
  endMs = 0;
  costUsd = 0;
  readonly #trace: Trace;

  constructor(trace: Trace) {
    const calls = trace.arrivalMs.length;
    this.latencyMs = new Float64Array(calls);
    this.fate = new Uint8Array(calls);
    this.offloaded = new Uint8Array(calls);
    this.open = calls;
    this.#trace = trace;
  }

  /** A call is over. Only its first fate counts. */
  over(call: number, fate: (typeof FATE)[keyof typeof FATE], nowMs: number): void {
    if (this.fate[call] !== 0) return;
    const answered = fate === FATE.pool || fate === FATE.cloud;
    this.fate[call] = fate;
    this.latencyMs[call] = answered ? nowMs - this.#trace.arrivalMs[call]! : this.#trace.deadlineMs[call]!;
    this.endMs = nowMs;
    this.open--;
  }
}
