/** Small traces and settings for tests of the simulator. */
import { plainCloud } from '../../../scripts/simulate/cloud.ts';
import { estimatorFor, USD_PER_HOUR } from '../../../scripts/simulate/estimators.ts';
import { placementPolicy, type PolicyName } from '../../../scripts/simulate/placement.ts';
import { scalingRule, type RuleName, type ScalingRule } from '../../../scripts/simulate/rules.ts';
import type { Run, SimulationSettings } from '../../../scripts/simulate/simulation-settings.ts';
import { simulate } from '../../../scripts/simulate/simulation.ts';
import { TraceBuilder, type Trace, type TraceCall } from '../../../scripts/simulate/trace.ts';

export function traceOf(calls: readonly (Partial<TraceCall> & { readonly arrivalMs: number })[]): Trace {
  const builder = new TraceBuilder();
  for (const call of calls) builder.add({ durationMs: 100, ...call });
  return builder.build('test');
}

/** So many calls at one moment. */
export function burst(calls: number, durationMs = 100, atMs = 0): TraceCall[] {
  return Array.from({ length: calls }, () => ({ arrivalMs: atMs, durationMs }));
}

export interface Scenario extends Partial<Omit<SimulationSettings, 'policy' | 'rule'>> {
  readonly policy?: PolicyName;
  readonly rule?: RuleName | ScalingRule;
  readonly workers?: number;
}

/** Runs a trace: by default on two fixed workers, two cores each, without a cloud. */
export function play(trace: Trace, scenario: Scenario = {}): Run {
  const { policy = 'never', rule = 'fixed', workers = 2, ...rest } = scenario;
  return simulate(trace, {
    policy: placementPolicy(policy, 50),
    rule: typeof rule === 'string' ? scalingRule(rule, workers, 50) : rule,
    ...(policy === 'never' ? {} : { cloud: plainCloud() }),
    mostWorkers: 2 * workers,
    cores: 2 * workers,
    cpuShare: 1,
    queue: 1000,
    waitFormula: 'list',
    estimatorOf: estimatorFor(policy),
    usdPerHour: USD_PER_HOUR,
    ...rest,
  });
}
