/**
 * The tick: observe, decide, act. It looks once a second, and at once when a call has to queue; one set of changes is
 * carried out at a time. It keeps no load of its own between looks (the counters it is shown do), so a look that was
 * late or left out loses nothing.
 */
import { failedAgain, mayTry, NO_FAILURE, type Backoff } from './backoff.ts';
import { decide, type Decision } from './decide.ts';
import type { ScalingMemory } from './memory.ts';
import type { Limits, Observation } from './observation.ts';
import { isIdle, type Plan } from './plan.ts';

/** Time between two looks, in milliseconds. */
export const TICK_MS = 1_000;
/** However many calls queue, looks are at least this far apart, in milliseconds: a flood must not be slowed by them. */
export const AT_ONCE_GAP_MS = 10;
/** Nor may they take more than this share of the time: with ten thousand calls waiting a look takes a millisecond. */
const MOST_OF_THE_TIME = 0.02;
/** A set of changes that hasn't ended by then has failed, in milliseconds: an engine that hangs mustn't hang the pool. */
export const ACT_LIMIT_MS = 45_000;

/** What the autoscaler says. Errors are the launcher's own; their messages say what to do. */
export type ScalingReport =
  /** A plan is carried out, or there is a new reason not to change anything. */
  | { readonly kind: 'decided'; readonly decision: Decision }
  /** A plan failed. `what`: whether new workers aren't started, or nothing at all is changed, until it is tried again. */
  | {
      readonly kind: 'failed';
      readonly what: 'start' | 'all';
      readonly error: unknown;
      readonly retryInMs: number;
    }
  /** The first plan that worked after failures. */
  | { readonly kind: 'recovered'; readonly what: 'start' | 'all' };

/** The pool, as the autoscaler sees it. */
export interface ScaledPool {
  observe(): Observation;
  /**
   * Carries a plan out as far as it can. Resolves when every change has been made or, for a drain, begun; workers that
   * start needn't be ready. Rejects if any part failed; what could not be done is seen in the next observation.
   */
  act(plan: Plan): Promise<void>;
  report(report: ScalingReport): void;
}

/** The loop round the decisions for one pool. */
export class Autoscaler {
  readonly #pool: ScaledPool;
  #limits: Limits;
  #memory: ScalingMemory | undefined;
  #latest: Decision | undefined;
  #latestChange: Decision | undefined;
  /** The only timer: for the next look, or while changes are made, for the moment at which they have failed. */
  #timer: NodeJS.Timeout | undefined;
  #lookAtMs = Infinity;
  #lookedAtMs = -Infinity;
  /** How long the last look took. */
  #lookMs = 0;
  #acting: Promise<undefined> | undefined;
  #lookAgain = false;
  #stopped = true;
  /** Starting workers may fail (no memory, no disk) where resuming and draining still work: they back off apart. */
  #start = NO_FAILURE;
  #all = NO_FAILURE;

  constructor(pool: ScaledPool, limits: Limits) {
    this.#pool = pool;
    this.#limits = limits;
  }

  /** The last decision, for the status. */
  get latest(): Decision | undefined {
    return this.#latest;
  }

  /** The last one whose plan gave workers calls, or took them from them; undefined while there has been none. */
  get latestChange(): Decision | undefined {
    return this.#latestChange;
  }

  start(): void {
    this.#stopped = false;
    this.#lookAt(performance.now());
  }

  /** Changes nothing any more. Resolves when the changes under way are made, or have failed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#acting === undefined) clearTimeout(this.#timer);
    await this.#acting;
  }

  /**
   * A call found no free slot and has been put in the queue. It looks before this returns, if the last look is long
   * enough ago, so that the call's placement sees the slots that are coming: queue the call, say so here, then place it.
   */
  readonly callQueued = (): void => {
    this.#lookSoon();
  };

  /** N or another limit has changed. */
  resize(limits: Limits): void {
    this.#limits = limits;
    this.#lookSoon();
  }

  #lookSoon(): void {
    if (this.#stopped) return;
    if (this.#acting !== undefined) {
      this.#lookAgain = true;
      return;
    }
    const atMs = this.#lookedAtMs + Math.max(AT_ONCE_GAP_MS, this.#lookMs / MOST_OF_THE_TIME);
    if (performance.now() >= atMs) this.#look();
    else if (atMs < this.#lookAtMs) this.#lookAt(atMs);
  }

  #lookAt(atMs: number): void {
    clearTimeout(this.#timer);
    this.#lookAtMs = atMs;
    this.#timer = setTimeout(this.#look, Math.max(0, Math.ceil(atMs - performance.now())));
  }

  readonly #look = (): void => {
    clearTimeout(this.#timer);
    const nowMs = performance.now();
    this.#lookedAtMs = nowMs;
    this.#lookAtMs = Infinity;
    const plan = mayTry(this.#all, nowMs) ? this.#decide(nowMs) : undefined;
    this.#lookMs = performance.now() - nowMs;
    if (plan === undefined || isIdle(plan)) this.#lookAt(nowMs + TICK_MS);
    else {
      // Said first: what the changes bring about at once, such as a call that queues, may lead back here.
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#acting = promise;
      void this.#carryOut(plan).then(() => resolve(undefined));
    }
  };

  /** The plan to carry out; undefined where the pool couldn't be observed. */
  #decide(nowMs: number): Plan | undefined {
    try {
      const decision = decide(this.#pool.observe(), this.#memory, this.#limits, nowMs);
      this.#memory = decision.memory;
      const plan = mayTry(this.#start, nowMs) ? decision.plan : { ...decision.plan, start: 0 };
      if (!isIdle(plan) || decision.reason !== this.#latest?.reason)
        this.#report({ kind: 'decided', decision });
      this.#latest = decision;
      // Removing standbys changes nothing for the load, and has no reason of its own.
      if (!isIdle({ ...plan, discard: 0 })) this.#latestChange = decision;
      return plan;
    } catch (error) {
      this.#failed('all', error);
      return undefined;
    }
  }

  async #carryOut(plan: Plan): Promise<void> {
    try {
      await this.#withinLimit(this.#pool.act(plan));
      if (plan.start > 0) this.#worked('start');
      this.#worked('all');
    } catch (error) {
      this.#failed(plan.start > 0 ? 'start' : 'all', error);
    } finally {
      clearTimeout(this.#timer);
      this.#acting = undefined;
      const atMs = performance.now() + (this.#lookAgain ? AT_ONCE_GAP_MS : TICK_MS);
      this.#lookAgain = false;
      if (!this.#stopped) this.#lookAt(atMs);
    }
  }

  /** Settles as the changes do, or rejects when they take too long; how they end after that is nobody's business. */
  #withinLimit(changes: Promise<void>): Promise<undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#timer = setTimeout(() => {
      reject(
        new Error(`the changes were not made within ${ACT_LIMIT_MS / 1000} s: the engine is slow or hangs`),
      );
    }, ACT_LIMIT_MS);
    changes.then(() => resolve(undefined), reject);
    return promise;
  }

  #failed(what: 'start' | 'all', error: unknown): void {
    const nowMs = performance.now();
    const backoff: Backoff = failedAgain(what === 'start' ? this.#start : this.#all, nowMs);
    if (what === 'start') this.#start = backoff;
    else this.#all = backoff;
    this.#report({ kind: 'failed', what, error, retryInMs: backoff.pauseMs });
  }

  #worked(what: 'start' | 'all'): void {
    const { failures } = what === 'start' ? this.#start : this.#all;
    if (failures === 0) return;
    if (what === 'start') this.#start = NO_FAILURE;
    else this.#all = NO_FAILURE;
    this.#report({ kind: 'recovered', what });
  }

  /** A listener that throws mustn't end the loop. */
  #report(report: ScalingReport): void {
    try {
      this.#pool.report(report);
    } catch {
      // There is nobody left to tell.
    }
  }
}
