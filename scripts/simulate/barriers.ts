/** What keeps a call from the cloud, by what the balancer knows of it: the size of its params, and how long it should run there. */
import { MAX_PAYLOAD_BYTES } from '../../src/cloud/event.ts';
import { RunTimes } from '../../src/dispatch/estimates.ts';
import { cloudRunMs } from '../../src/dispatch/observation.ts';
import { MAX_CLOUD_RUN_MS, type Observation } from '../../src/dispatch/placement.ts';
import type { SentToCloud } from './cloud.ts';
import type { Slots } from './slots.ts';
import type { Trace } from './trace.ts';

/** What a placement is told of it. */
export type KnownOfCall = Pick<Observation, 'fitsEvent' | 'cloudRunMs'>;

export class Barriers {
  readonly #trace: Trace;
  readonly #slots: Slots;
  /** By function: its run times in warm instances, as the balancer has measured them. */
  readonly #cloud: readonly RunTimes[];

  constructor(trace: Trace, slots: Slots) {
    this.#trace = trace;
    this.#slots = slots;
    this.#cloud = trace.methods.map(() => new RunTimes());
  }

  /** What is known of a call now. */
  of(call: number): KnownOfCall {
    return {
      // The balancer counts what JSON escapes as well; of a trace only the size is known.
      fitsEvent: this.#trace.bytes[call]! < MAX_PAYLOAD_BYTES,
      cloudRunMs: cloudRunMs({ record: { local: this.#slots.runTimes(call), cloud: this.#ofCloud(call) } }),
    };
  }

  /** Whether a call may go to the cloud at all. */
  mayLeave(call: number): boolean {
    const known = this.of(call);
    return known.fitsEvent && (known.cloudRunMs ?? 0) <= MAX_CLOUD_RUN_MS;
  }

  /** The cloud ran a call to its end. A cold instance's run says nothing of the next. */
  ran(call: number, { runMs, cold }: SentToCloud): void {
    if (cold === false && runMs !== undefined) this.#ofCloud(call).observe(runMs, undefined);
  }

  #ofCloud(call: number): RunTimes {
    return this.#cloud[this.#trace.method[call]!]!;
  }
}
