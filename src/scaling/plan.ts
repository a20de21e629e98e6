/** What a scaling decision says: the plan, and why. */

/** What the pool is to do now, in workers. To grow it readmits first, then resumes, then starts. */
export interface Plan {
  /** The workers that should be taking calls once the plan is carried out. */
  readonly target: number;
  /** Draining workers to give calls again. */
  readonly readmit: number;
  /** Standbys to resume, the youngest first. */
  readonly resume: number;
  /** Workers to start afresh. */
  readonly start: number;
  /** Ready workers to drain, the idlest first; a drained worker is paused as a standby. */
  readonly drain: number;
  /** Standbys to remove, the oldest first. */
  readonly discard: number;
}

/**
 * Why. Grown: `minimum` fewer than N are left, `queue` calls wait, `load` the short window needs more, `forecast` its
 * trend does. Not grown although more are wanted: `cpu` the cores are saturated, `maximum` 2N are there (it also stands
 * for a scale-in after N was lowered). Shrunk: `idle`. Not shrunk although fewer would do: `panic` there were lately too
 * few, `cooldown` it shrank just now. `steady` there are as many as wanted.
 */
export type Reason =
  'minimum' | 'queue' | 'load' | 'forecast' | 'cpu' | 'maximum' | 'idle' | 'panic' | 'cooldown' | 'steady';

/** The figures behind a decision, for the log and the charts: loads in slots, the rest in workers. */
export interface Figures {
  readonly stableLoad: number;
  readonly shortLoad: number;
  /** The rise of the load that the forecast expects. */
  readonly expectedRise: number;
  /** Workers wanted now, before any limit. */
  readonly wanted: number;
  /** Workers that the cores can feed; Infinity where they limit nothing. */
  readonly coresAllow: number;
  readonly panic: boolean;
}

/** A plan that changes nothing. */
export function isIdle(plan: Plan): boolean {
  return plan.readmit + plan.resume + plan.start + plan.drain + plan.discard === 0;
}
