/** The matrix of placement: arrival shapes × mixes of functions × clouds, each with every policy and the same calls. */
import { profiledCloud, PROFILES, type ProfileName } from './cloud-profile.ts';
import { estimatorFor } from './estimators.ts';
import { generate, type GeneratorName } from './generators.ts';
import { MIXES, type MixName } from './mixes.ts';
import { placementPolicy, type PolicyName } from './placement.ts';
import { seededRandom } from './random.ts';
import { figuresOf, type Figures } from './result.ts';
import { scalingRule } from './rules.ts';
import { simulate } from './simulation.ts';
import type { Trace } from './trace.ts';

export interface Cell {
  readonly shape: GeneratorName;
  readonly mix: MixName;
  readonly cloud: ProfileName;
}

/** The figures of one cell: by policy, one a seed. */
export interface CellFigures extends Cell {
  readonly figures: Readonly<Record<PolicyName, readonly Figures[]>>;
}

/** N, and as many cores: the machine can be full. */
const WORKERS = 4;
const WAIT_MS = 50;
const QUEUE = 1000;
/** How long each mix's traces are, so that each has a thousand calls and more; in milliseconds. */
const LENGTHS_MS: Readonly<Record<MixName, number>> = { short: 60_000, long: 480_000, heavy: 120_000 };

/** The trace of a cell; the cloud makes no difference to it. */
export function traceOf({ shape, mix }: Cell, seed: number): Trace {
  const drawn = MIXES[mix];
  return generate(shape, {
    seed,
    workers: WORKERS,
    meanMs: drawn.meanMs,
    spread: 'constant',
    mix: drawn,
    lengthMs: LENGTHS_MS[mix],
  });
}

/** Runs one policy over one trace. */
export function runCell(
  trace: Trace,
  cell: Cell,
  policy: PolicyName,
  seed: number,
  usdPerHour: number,
): Figures {
  const profile = PROFILES[cell.cloud];
  const cloud = policy === 'never' ? undefined : profiledCloud(profile, seededRandom(seed + 1_000_000));
  const run = simulate(trace, {
    policy: placementPolicy(policy, WAIT_MS),
    rule: scalingRule('spillway', WORKERS, WAIT_MS),
    ...(cloud !== undefined && { cloud }),
    mostWorkers: 2 * WORKERS,
    cores: WORKERS,
    cpuShare: 1,
    queue: QUEUE,
    waitFormula: 'list',
    estimatorOf: estimatorFor(policy, profile.limit),
    usdPerHour,
  });
  return figuresOf(run);
}
