/** How dispatch is set up, by whoever puts the parts together. */
import type { OffloadRule } from './observation.ts';
import type { CallObserver } from './observer.ts';

/** How dispatch is set up. */
export interface DispatchOptions {
  /** The most calls that may wait. */
  readonly queueCalls: number;
  /** The largest result allowed, in bytes. */
  readonly maxResultBytes: number;
  readonly offload: OffloadRule;
  /** Who counts, and tells the operator. */
  readonly observer?: CallObserver;
  /** How many slots the pool may grow to, where it grows: a burst it is about to grow for isn't turned away. */
  readonly mostSlots?: () => number;
  /** When each slot will be ready that is starting or being resumed, in milliseconds from now, in ascending order. */
  readonly slotsReadyInMs?: () => readonly number[];
  /** What an hour of saved waiting may cost under predictive, in US dollars. */
  readonly offloadUsdPerHour?: number;
}
