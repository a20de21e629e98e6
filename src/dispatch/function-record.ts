/** What dispatch knows of one function. */
import type { FunctionSpec } from '../functions/manifest.ts';
import { SHORT_MS } from '../pool/ahead-limits.ts';
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

/** How long a call of the function takes at the most, in milliseconds, if it is known to be short and may be handed ahead; else Infinity. */
export function shortMs(spec: FunctionSpec, { local }: FunctionRecord): number {
  const { mostMs } = local;
  return spec.idempotent && spec.concurrency === 1 && mostMs < SHORT_MS ? mostMs : Infinity;
}
