/** The shell round a scaling rule, on virtual time: when it looks, and how its plans are carried out. */
import { AT_ONCE_GAP_MS } from '../../src/scaling/autoscaler.ts';
import type { Observation } from '../../src/scaling/observation.ts';
import type { Plan } from '../../src/scaling/plan.ts';
import { RESUME_MS, type Fleet } from './fleet.ts';
import type { ScalingRule } from './rules.ts';
import type { Slots } from './slots.ts';

/** Launching blocks further changes until the engine has answered, in milliseconds (measured: create and start). */
const LAUNCH_MS = 190;

/** What the scaler needs of the simulation. */
export interface Scaled {
  readonly nowMs: number;
  readonly freeSlots: number;
  readonly connections: number;
  observe(): Observation;
  /** Asks for look() after a while. */
  lookAfter(delayMs: number): void;
  /** Asks for fleet.arrived() at that moment. */
  workerReadyAt(atMs: number): void;
}

export class Scaler {
  readonly #rule: ScalingRule;
  readonly #fleet: Fleet;
  readonly #slots: Slots;
  readonly #scaled: Scaled;
  /** When it may act again: one set of changes at a time. */
  #fromMs = 0;
  #pending = false;

  constructor(rule: ScalingRule, fleet: Fleet, slots: Slots, scaled: Scaled) {
    this.#rule = rule;
    this.#fleet = fleet;
    this.#slots = slots;
    this.#scaled = scaled;
  }

  /** A call found no free slot. */
  callQueued(): void {
    if (this.#rule.atOnce) this.tick();
  }

  /** Looks now, or as soon as the last changes are made. */
  tick(): void {
    const waitMs = this.#fromMs - this.#scaled.nowMs;
    if (waitMs <= 0) {
      this.look();
    } else if (!this.#pending) {
      this.#pending = true;
      this.#scaled.lookAfter(waitMs);
    }
  }

  look(): void {
    this.#pending = false;
    const { nowMs, connections } = this.#scaled;
    const plan = this.#rule.plan(() => this.#scaled.observe(), nowMs, connections);
    const launchMs = plan === undefined ? 0 : plan.start > 0 ? LAUNCH_MS : plan.resume > 0 ? RESUME_MS : 0;
    this.#fromMs = nowMs + Math.max(AT_ONCE_GAP_MS, launchMs);
    if (plan !== undefined) this.#carryOut(plan);
  }

  #carryOut(plan: Plan): void {
    for (let left = plan.readmit; left > 0; left--) {
      this.#slots.markLeaving(false);
      this.#fleet.readmit();
    }
    for (let left = plan.drain; left > 0; left--) {
      const idle = this.#scaled.freeSlots > 0;
      this.#fleet.drain();
      if (idle) this.#fleet.drained(this.#scaled.nowMs);
      else this.#slots.markLeaving(true);
    }
    for (const atMs of this.#fleet.grow(plan, this.#scaled.nowMs)) this.#scaled.workerReadyAt(atMs);
  }
}
