/**
 * Cores shared by calls (processor sharing): with more running calls than cores, each gets cores/running of one.
 * All running calls progress at one rate, so a virtual clock counts the CPU time each has received, and a call ends
 * when that clock reaches its start plus its need: one heap, no matter how often the rate changes.
 */
import { NumberHeap } from './heap.ts';

export class Processors {
  readonly #cores: number;
  readonly #ends = new NumberHeap();
  readonly #gone = new Set<number>();
  #running = 0;
  #virtualMs = 0;
  #atMs = 0;
  #usedMs = 0;

  constructor(cores: number) {
    this.#cores = cores;
  }

  /** CPU milliseconds used up to the last moment it was told of. */
  get usedMs(): number {
    return this.#usedMs;
  }

  get running(): number {
    return this.#running;
  }

  /** Lets time pass. */
  advance(nowMs: number): void {
    const elapsed = nowMs - this.#atMs;
    this.#virtualMs += elapsed * this.#rate();
    this.#usedMs += elapsed * Math.min(this.#running, this.#cores);
    this.#atMs = nowMs;
  }

  /** Runs a call that needs `cpuMs` on a core of its own. Time must have been advanced to now. */
  run(call: number, cpuMs: number): void {
    this.#ends.push(this.#virtualMs + cpuMs, call);
    this.#running++;
  }

  /** Ends a running call before it is done. */
  kill(call: number): void {
    this.#gone.add(call);
    this.#running--;
  }

  /** When the next call will be done if none starts before; Infinity when none runs. */
  nextEndMs(): number {
    this.#dropKilled();
    if (this.#running === 0) return Infinity;
    return this.#atMs + Math.max(0, this.#ends.leastKey - this.#virtualMs) / this.#rate();
  }

  /** Takes the call that is done next. */
  take(): number {
    this.#dropKilled();
    this.#running--;
    return this.#ends.pop();
  }

  /** Progress of one call, in CPU milliseconds a millisecond. */
  #rate(): number {
    return this.#running <= this.#cores ? 1 : this.#cores / this.#running;
  }

  #dropKilled(): void {
    while (this.#gone.size > 0 && this.#gone.delete(this.#ends.leastValue)) this.#ends.pop();
  }
}
