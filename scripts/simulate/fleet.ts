/** The simulated workers: their states, the time changes of state take, and how long how many were there. */
import type { WorkerCounts } from '../../src/scaling/observation.ts';
import type { Plan } from '../../src/scaling/plan.ts';

/** Measured on a real engine, in milliseconds (medians): unpause to ready, create to ready. */
export const RESUME_MS = 20;
export const START_MS = 300;
/** Each further container of those started together is ready that much later: four together take 690. */
const START_TOGETHER_MS = 130;

/** How many containers there were from a moment on. */
export interface FleetSample {
  readonly atMs: number;
  readonly containers: number;
  readonly standbys: number;
}

export class Fleet {
  readonly #standbyCap: number;
  #ready: number;
  #draining = 0;
  /** When each starting worker will be ready, ascending. */
  readonly #readyAtMs: number[] = [];
  /** When each standby was paused, oldest first. */
  readonly #pausedAtMs: number[] = [];
  readonly samples: FleetSample[] = [];

  constructor(initial: number, standbyCap: number) {
    this.#ready = initial;
    this.#standbyCap = standbyCap;
    this.#sample(0);
  }

  /** Workers that take calls or still run one. */
  get serving(): number {
    return this.#ready + this.#draining;
  }

  counts(): WorkerCounts {
    return { ready: this.#ready, starting: this.#readyAtMs.length, ejected: 0, draining: this.#draining };
  }

  standbyAgesMs(nowMs: number): number[] {
    return this.#pausedAtMs.map((at) => nowMs - at);
  }

  /** When each starting worker will be ready, from now, ascending. */
  readyInMs(nowMs: number): number[] {
    return this.#readyAtMs.map((at) => at - nowMs);
  }

  /**
   * Resumes, starts and discards as planned.
   * @returns when each of the new workers will be ready
   */
  grow({ resume, start, discard }: Plan, nowMs: number): number[] {
    if (resume + start + discard === 0) return [];
    const resumed = this.#pausedAtMs.splice(this.#pausedAtMs.length - resume, resume).length;
    this.#pausedAtMs.splice(0, discard);
    const readyAtMs = [
      ...Array.from({ length: resumed }, () => nowMs + RESUME_MS),
      ...Array.from({ length: start }, (_, at) => nowMs + START_MS + at * START_TOGETHER_MS),
    ];
    this.#readyAtMs.push(...readyAtMs);
    this.#readyAtMs.sort((one, other) => one - other);
    this.#sample(nowMs);
    return readyAtMs;
  }

  /** The next starting worker is ready. */
  arrived(nowMs: number): void {
    this.#readyAtMs.shift();
    this.#ready++;
    this.#sample(nowMs);
  }

  /** A ready worker takes no more calls. */
  drain(): void {
    this.#ready--;
    this.#draining++;
  }

  /** A draining worker takes calls again. */
  readmit(): void {
    this.#draining--;
    this.#ready++;
  }

  /** A draining worker has no call left: it becomes a standby, or goes. */
  drained(nowMs: number): void {
    this.#draining--;
    if (this.#pausedAtMs.length < this.#standbyCap) this.#pausedAtMs.push(nowMs);
    this.#sample(nowMs);
  }

  /** Container-seconds and standby-seconds up to a moment. A paused standby uses memory but no CPU. */
  seconds(endMs: number): { container: number; standby: number } {
    let container = 0;
    let standby = 0;
    for (const [at, sample] of this.samples.entries()) {
      const untilMs = Math.min(this.samples[at + 1]?.atMs ?? endMs, endMs);
      const seconds = Math.max(0, untilMs - sample.atMs) / 1000;
      container += seconds * sample.containers;
      standby += seconds * sample.standbys;
    }
    return { container, standby };
  }

  #sample(atMs: number): void {
    const containers = this.#ready + this.#draining + this.#readyAtMs.length;
    this.samples.push({ atMs, containers, standbys: this.#pausedAtMs.length });
  }
}
