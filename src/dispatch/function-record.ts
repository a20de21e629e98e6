/** What dispatch knows of one function. */
import type { RunTimes } from './estimates.ts';
import type { FunctionEstimates } from './predictor.ts';

/** What dispatch keeps for each function of the bundle. */
export interface FunctionRecord {
  /** Its place in the manifest of each bundle that has it, which is how workers know it; by the bundle's hash. */
  readonly indexes: ReadonlyMap<string, number>;
  readonly local: RunTimes;
  /** The same in the cloud, starts of a process left out. */
  readonly cloud: RunTimes;
  /** What the placement that weighs both places knows of it; undefined until there is a cloud. */
  estimates: FunctionEstimates | undefined;
}
