/** The pool that follows the load: workers, calls and decisions put together. A part of the composition root. */
import type { Config } from './config.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { Logger } from './log.ts';
import type { PoolBundle } from './pool/bundle.ts';
import type { Pool } from './pool/pool.ts';
import type { Launcher } from './runtime/launcher.ts';
import { Autoscaler } from './scaling/autoscaler.ts';
import { Crew, type CrewEvent } from './scaling/crew.ts';
import type { Decision } from './scaling/decide.ts';
import { hostCpu } from './scaling/host-cpu.ts';
import type { Limits } from './scaling/observation.ts';
import { swapBundle, type Swap } from './scaling/reload.ts';

/** What it is made of. */
export interface ElasticOptions {
  readonly config: Config;
  readonly launcher: Launcher;
  readonly pool: Pool;
  readonly dispatcher: Dispatcher;
  readonly token: (workerId: string) => string;
  readonly log: Logger;
  readonly onProgress: (step: string) => void;
  /** Every worker that an earlier balancer left is expected now, and may dial in. */
  readonly onExpecting: () => void;
  /** Hears what workers go through. */
  readonly onEvent: (event: CrewEvent, reason: string) => void;
}

/** The crew, and the autoscaler that tells it what to do. */
export class Elastic {
  readonly crew: Crew<PoolBundle>;
  readonly #autoscaler: Autoscaler;
  readonly #options: ElasticOptions;
  #n: number;
  #swapping = false;

  constructor(options: ElasticOptions) {
    const { config, launcher, pool, dispatcher } = options;
    const readCpu = hostCpu(launcher.runtime === 'process');
    this.#options = options;
    this.#n = config.workers;
    this.crew = new Crew({
      ...options,
      limits: this.limits,
      load: () => {
        const { arrivedWorkMs, offloaded, cpuMs, runningMs, waiting } = dispatcher.workload();
        const cpu = readCpu();
        return {
          slotsPerWorker: config.workerSlots,
          busyMs: pool.busyMs(performance.now()),
          arrivedWorkMs,
          offloaded,
          running: { slots: pool.busySlots, remainingMs: runningMs },
          waiting,
          ...(cpu !== undefined && { cpu: { ...cpu, workersMs: cpuMs } }),
        };
      },
    });
    this.#autoscaler = new Autoscaler(this.crew, this.limits);
    dispatcher.offload.onRule = () => this.#useLimits();
  }

  /** N. */
  get n(): number {
    return this.#n;
  }

  /** N … 2N, and the standbys, which follow N unless their number was set. */
  get limits(): Limits {
    const { standbys, standbysSet, standbyMs } = this.#options.config;
    return {
      min: this.#n,
      max: 2 * this.#n,
      standbys: standbysSet ? standbys : this.#n,
      standbyMs,
      waitMs: this.#options.dispatcher.offload.rule.waitMs,
    };
  }

  /** When each slot will be ready that is starting or being resumed, in milliseconds from now, in ascending order. */
  slotsReadyInMs(): number[] {
    const slots = Array.from({ length: this.#options.config.workerSlots });
    return this.crew.workersReadyInMs().flatMap((ms) => slots.map(() => ms));
  }

  /** The last scaling decision. */
  get latest(): Decision | undefined {
    return this.#autoscaler.latest;
  }

  /** The last one that changed how many workers take calls. */
  get latestChange(): Decision | undefined {
    return this.#autoscaler.latestChange;
  }

  /** Resolves when N workers are ready, and follows the load from then on. Rejects as Crew.start does. */
  async start(): Promise<void> {
    await this.crew.start();
    this.#options.dispatcher.onQueued = this.#autoscaler.callQueued;
    this.#autoscaler.start();
  }

  async stop(): Promise<void> {
    this.#options.dispatcher.onQueued = () => undefined;
    await Promise.all([this.#autoscaler.stop(), this.crew.stop()]);
  }

  /** In place of stop(): leaves the workers to the next balancer. */
  async leave(): Promise<void> {
    this.#options.dispatcher.onQueued = () => undefined;
    await Promise.all([this.#autoscaler.stop(), this.crew.leave()]);
  }

  /** Sets N. */
  resize(n: number): void {
    this.#n = n;
    this.#useLimits();
  }

  /** See swapBundle. @throws Error if a swap is under way already. */
  async swap(swap: Swap<PoolBundle>): Promise<void> {
    if (this.#swapping) throw new Error('the functions are being reloaded already');
    this.#swapping = true;
    try {
      await swapBundle(this.crew, this.#options.pool, swap);
    } finally {
      this.#swapping = false;
    }
  }

  #useLimits(): void {
    this.crew.limits = this.limits;
    this.#autoscaler.resize(this.limits);
  }
}
