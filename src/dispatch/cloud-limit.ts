/** How many calls the cloud takes at once, as far as its refusals tell. Pure. */

/** After this long without a refusal the limit may have been raised, or others who share it have gone; in milliseconds. */
const FADES_MS = 60_000;

/**
 * The chance that a call is throttled: with `inFlight` calls under way, 0 below the least number that met a refusal lately,
 * and from there on 1 − t/60 s, t after that refusal. Each call taken at or beyond it moves it up behind that call.
 */
export class CloudLimit {
  #limit = Infinity;
  #refusedAt = -Infinity;

  /** Calls that may be under way at once; Infinity while no refusal was met. */
  get calls(): number {
    return this.#limit;
  }

  /** The chance (0 … 1) that one more than `inFlight` would be refused. */
  throttleChance(inFlight: number, nowMs: number): number {
    if (inFlight < this.#limit) return 0;
    return Math.max(0, 1 - (nowMs - this.#refusedAt) / FADES_MS);
  }

  /** A call sent while `inFlight` others were under way was refused. */
  refused(inFlight: number, nowMs: number): void {
    this.#limit = Math.min(this.#limit, Math.max(1, inFlight));
    this.#refusedAt = nowMs;
  }

  /** A call sent while `inFlight` others were under way was taken. */
  taken(inFlight: number): void {
    if (inFlight >= this.#limit) this.#limit = inFlight + 1;
  }
}
