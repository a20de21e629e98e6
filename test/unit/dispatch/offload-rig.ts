/** A balancer with a fake cloud whose calls end at the test's word. */
import { afterEach, beforeEach, expect } from 'vitest';
import { FakeBalancer, type FakeBalancerOptions, type MadeCall } from '../../fakes/balancer.ts';
import { FakeCloud, type FakeAnswer } from '../../fakes/cloud.ts';
import type { FakeSlot } from '../../fakes/slot.ts';
import { pass, settle, startTime, stopTime, timersLeft } from '../../fakes/virtual-time.ts';

const FUNCTIONS = {
  once: {},
  again: { idempotent: true },
  home: { offload: false },
  hasty: { idempotent: true, localTimeoutMs: 200 },
  hastyOnce: { localTimeoutMs: 200 },
  many: { idempotent: true, concurrency: 10, localTimeoutMs: 200 },
};

/** How the cloud may end a call. */
export const OK: FakeAnswer = { ok: true, json: '"cloud"' };
export const THROTTLED: FakeAnswer = { ok: false, failure: { reason: 'throttled', mayHaveRun: false } };
export const BROKEN: FakeAnswer = { ok: false, failure: { reason: 'unreachable', mayHaveRun: true } };

type CallOptions = Parameters<FakeBalancer['call']>[1];

/** One worker of one slot, and a cloud; made anew by start() in each test of a describe block. */
export class OffloadRig {
  balancer!: FakeBalancer;
  cloud!: FakeCloud;

  /** Stops the time in each test, and checks after it that nothing is left. */
  constructor() {
    beforeEach(stopTime);
    afterEach(() => {
      for (const held of [...this.cloud.held]) held.end(OK);
      this.balancer.close();
      pass(1000);
      expect(timersLeft()).toBe(0);
      startTime();
    });
  }

  start(options: Partial<FakeBalancerOptions> = {}): void {
    this.cloud = new FakeCloud();
    this.cloud.hold = true;
    this.cloud.degrade(undefined);
    const offload = { policy: 'threshold', waitMs: 50 } as const;
    this.balancer = new FakeBalancer({ functions: FUNCTIONS, cloud: this.cloud, offload, ...options });
  }

  get slot(): FakeSlot {
    return this.balancer.slots[0]!;
  }

  get counts(): object {
    return this.balancer.dispatcher.counts;
  }

  get underWay(): number {
    return this.balancer.dispatcher.underWay;
  }

  /** How many calls were sent to the cloud. */
  get sent(): number {
    return this.cloud.calls.length;
  }

  /** A call that is where it goes when this returns. */
  call(name: string, options: CallOptions = {}): MadeCall {
    const made = this.balancer.call(name, options);
    settle();
    return made;
  }

  /** A call that has left for the cloud after waiting behind another. */
  offloaded(name: string, options: CallOptions = {}): MadeCall {
    this.call('home');
    const made = this.call(name, options);
    pass(60);
    expect(this.cloud.held).toHaveLength(1);
    return made;
  }

  /** Ends what the slot runs. */
  answer(runMs = 0.1): void {
    this.slot.answer(undefined, '"pool"', runMs);
    settle();
  }

  /** The slot's process ends. */
  slotDies(): void {
    this.balancer.workers[0]!.endSlot(this.slot);
    settle();
  }

  /** Ends the oldest call in the cloud. */
  cloudEnds(how: FakeAnswer): void {
    this.cloud.held[0]!.end(how);
    settle();
  }

  /** Lets the function be known to take that long. */
  learn(name: string, ms: number): void {
    for (let i = 0; i < 7; i += 1) {
      this.call(name);
      this.answer(ms);
    }
  }
}
