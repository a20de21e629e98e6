/** The rules by which a simulated pool changes its size: ours, and those it is measured against. */
import { decide } from '../../src/scaling/decide.ts';
import type { ScalingMemory } from '../../src/scaling/memory.ts';
import type { Limits, Observation } from '../../src/scaling/observation.ts';
import type { Plan } from '../../src/scaling/plan.ts';

export interface ScalingRule {
  /** Workers ready when the trace begins. */
  readonly initial: number;
  /** The most standbys kept. */
  readonly standbys: number;
  /** Asked at every tick, and at once when a call finds no slot if `atOnce` is set. */
  readonly atOnce: boolean;
  plan(observe: () => Observation, nowMs: number, connections: number): Plan | undefined;
}

/** `no-forecast` is ours without its forecast, to show what that is worth. */
export const RULES = ['spillway', 'fixed', 'fixed-2n', 'origin', 'no-forecast'] as const;
export type RuleName = (typeof RULES)[number];

/** How long a drained standby is kept (SPILLWAY_STANDBY_MS), in milliseconds. */
const STANDBY_MS = 600_000;

/** The rule of that name for a pool of N to 2N workers. */
export function scalingRule(name: RuleName, workers: number, waitMs: number): ScalingRule {
  if (name === 'spillway')
    return ours({ min: workers, max: 2 * workers, standbys: workers, standbyMs: STANDBY_MS, waitMs });
  if (name === 'no-forecast') return withoutForecast(scalingRule('spillway', workers, waitMs));
  if (name === 'origin') return origin(workers, 2 * workers);
  const initial = name === 'fixed' ? workers : 2 * workers;
  return { initial, standbys: 0, atOnce: false, plan: () => undefined };
}

function ours(limits: Limits): ScalingRule {
  let memory: ScalingMemory | undefined;
  return {
    initial: limits.min,
    standbys: limits.standbys,
    atOnce: true,
    plan(observe, nowMs) {
      const decision = decide(observe(), memory, limits, nowMs);
      memory = decision.memory;
      return decision.plan;
    },
  };
}

/** Where no work is seen to arrive, there is no trend. */
function withoutForecast(rule: ScalingRule): ScalingRule {
  return {
    ...rule,
    plan: (observe, nowMs, connections) =>
      rule.plan(() => ({ ...observe(), arrivedWorkMs: 0 }), nowMs, connections),
  };
}

const NOTHING = { readmit: 0, resume: 0, start: 0, drain: 0, discard: 0 };

/** The origin's: one more or one fewer a tick, towards as many workers as there are connections; no standbys. */
function origin(min: number, max: number): ScalingRule {
  return {
    initial: min,
    standbys: 0,
    atOnce: false,
    plan(observe, _nowMs, connections) {
      const { ready, starting } = observe().workers;
      const have = ready + starting;
      const target = Math.min(Math.max(connections, min), max);
      if (target > have) return { ...NOTHING, target: have + 1, start: 1 };
      return target < have ? { ...NOTHING, target: have - 1, drain: 1 } : undefined;
    },
  };
}
