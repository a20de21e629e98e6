/** One simulated run, from names to figures. */
import { plainCloud } from './cloud.ts';
import { estimatorFor, USD_PER_HOUR } from './estimators.ts';
import type { Options } from './options.ts';
import { placementPolicy } from './placement.ts';
import { figuresOf, type Figures } from './result.ts';
import { scalingRule } from './rules.ts';
import { simulate } from './simulation.ts';
import type { Run } from './simulation-settings.ts';
import type { Trace } from './trace.ts';

export type RunOptions = Pick<
  Options,
  'policy' | 'scaling' | 'workers' | 'cores' | 'waitMs' | 'waitFormula' | 'queue' | 'cpuShare'
>;

/** Runs a trace. With the policy `never` there is no cloud. */
export function runTrace(
  trace: Trace,
  options: RunOptions,
): { readonly run: Run; readonly figures: Figures } {
  const { policy, scaling, workers, cores, waitMs, waitFormula, queue, cpuShare } = options;
  const run = simulate(trace, {
    policy: placementPolicy(policy, waitMs),
    rule: scalingRule(scaling, workers, waitMs),
    ...(policy === 'never' ? {} : { cloud: plainCloud() }),
    mostWorkers: 2 * workers,
    cores,
    cpuShare,
    queue,
    waitFormula,
    estimatorOf: estimatorFor(policy),
    usdPerHour: USD_PER_HOUR,
  });
  return { run, figures: figuresOf(run) };
}
