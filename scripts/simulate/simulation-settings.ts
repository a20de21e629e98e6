/** What a simulation is given, and what it gives back. */
import type { SimulatedCloud } from './cloud.ts';
import type { Fleet } from './fleet.ts';
import type { EstimatorOf } from './estimators.ts';
import type { Outcomes } from './outcomes.ts';
import type { PlacementPolicy } from './placement.ts';
import type { ScalingRule } from './rules.ts';

export interface SimulationSettings {
  readonly policy: PlacementPolicy;
  readonly rule: ScalingRule;
  /** Absent: there is no cloud. */
  readonly cloud?: SimulatedCloud;
  /** 2N. */
  readonly mostWorkers: number;
  readonly cores: number;
  /** The part of a run time that is CPU work, 0 … 1; the rest is waiting, and needs no core. */
  readonly cpuShare: number;
  /** The most calls waiting (SPILLWAY_QUEUE). */
  readonly queue: number;
  /** How a wait is expected: by the order in which slots become free, or as all work over the slots. */
  readonly waitFormula: WaitFormula;
  /** For predictive and the oracle: what is believed of calls, and the most an hour of saved waiting may cost, in US dollars. */
  readonly estimatorOf?: EstimatorOf | undefined;
  readonly usdPerHour?: number;
}

export const WAIT_FORMULAS = ['list', 'plain'] as const;
export type WaitFormula = (typeof WAIT_FORMULAS)[number];

/** What became of the calls, and of the workers. */
export interface Run {
  readonly outcomes: Outcomes;
  readonly fleet: Fleet;
}
