/** How long workers take to be ready, as measured lately. */

/** Before the first one: container starts and resumes as measured on one machine (docs/elasticity.md), in milliseconds. */
const START_MS = 300;
const RESUME_MS = 20;
/** Weight of the newest sample. */
const WEIGHT = 0.3;

/** Two decaying means, in milliseconds. */
export class Timings {
  startMs = START_MS;
  resumeMs = RESUME_MS;

  started(ms: number): void {
    this.startMs += WEIGHT * (ms - this.startMs);
  }

  resumed(ms: number): void {
    this.resumeMs += WEIGHT * (ms - this.resumeMs);
  }
}
