/** The calls that are in the cloud, and what it will say of them. */
import type { Barriers } from './barriers.ts';
import type { SentToCloud, SimulatedCloud } from './cloud.ts';
import type { Estimator } from './estimators.ts';
import type { Outcomes } from './outcomes.ts';
import type { Trace } from './trace.ts';

/** How a call ended there: with its result, without one since it ran too long, or it never ran. */
export type CloudEnd = 'ran' | 'stopped' | 'refused';

export class CloudTraffic {
  readonly #trace: Trace;
  readonly #cloud: SimulatedCloud | undefined;
  readonly #outcomes: Outcomes;
  readonly #barriers: Barriers;
  readonly #estimator: Estimator | undefined;
  readonly #sent = new Map<number, SentToCloud>();

  constructor(
    trace: Trace,
    cloud: SimulatedCloud | undefined,
    outcomes: Outcomes,
    barriers: Barriers,
    estimator: Estimator | undefined,
  ) {
    this.#trace = trace;
    this.#cloud = cloud;
    this.#outcomes = outcomes;
    this.#barriers = barriers;
    this.#estimator = estimator;
  }

  get size(): number {
    return this.#sent.size;
  }

  /** Whether a call, or its copy, is there. */
  has(call: number): boolean {
    return this.#sent.has(call);
  }

  /**
   * Sends a call. Returns how long it will take, in milliseconds; undefined without a cloud.
   * @param localMs what was expected of it here; undefined: it is a copy
   */
  send(call: number, localMs: number | undefined, nowMs: number): number | undefined {
    const sent = this.#cloud?.send(this.#trace.durationMs[call]!, nowMs);
    if (sent === undefined) return undefined;
    this.#estimator?.sent(call, localMs, sent, nowMs);
    this.#sent.set(call, sent);
    this.#outcomes.costUsd += sent.costUsd;
    return sent.takesMs;
  }

  /** A call is back. */
  back(call: number, nowMs: number): CloudEnd {
    const sent = this.#sent.get(call)!;
    this.#sent.delete(call);
    const refused = sent.refused === true;
    this.#cloud?.settled(nowMs, refused);
    this.#estimator?.returned(call, sent, nowMs);
    if (refused) return 'refused';
    if (sent.stopped === true) return 'stopped';
    this.#barriers.ran(call, sent);
    return 'ran';
  }
}
