/** What the decisions remember of what they saw: the windows, the forecast, the use of the cores. */
import { startCpu, stepCpu, type CpuMemory } from './cores.ts';
import { startDemand, stepDemand, type DemandMemory } from './demand.ts';
import { emptyForecast, feedForecast, type Forecast, type ForecastSettings } from './forecast.ts';
import type { Observation } from './observation.ts';
import { addLoad, emptyWindow, type LoadWindow } from './window.ts';

/** The window whose mean the pool holds on to, in milliseconds. Tuned by replay. */
const STABLE_MS = 15_000;
/** The window by which it grows, in milliseconds: long enough to even out chance, short enough to follow a step. */
const SHORT_MS = 2_000;
/** The forecast of arrivals: a sample a second; tuned by replay (docs/elasticity.md). */
export const FORECAST: ForecastSettings = { stepMs: 1_000, alpha: 0.4, beta: 0.2, phi: 0.9 };

/** Everything a decision remembers of earlier ones; plain data, never changed in place. */
export interface ScalingMemory {
  readonly atMs: number;
  readonly demand: DemandMemory;
  readonly cpu: CpuMemory;
  readonly stable: LoadWindow;
  readonly short: LoadWindow;
  readonly forecast: Forecast;
  /** Until then it has lately had too few workers, and doesn't scale in. */
  readonly panicUntilMs: number;
  /** When it last scaled in. */
  readonly shrankAtMs: number;
}

/** The memory after a first look: it has only read the counters. */
export function firstLook(seen: Observation, nowMs: number): ScalingMemory {
  return {
    atMs: nowMs,
    demand: startDemand(seen),
    cpu: startCpu(seen),
    stable: emptyWindow(STABLE_MS),
    short: emptyWindow(SHORT_MS),
    forecast: emptyForecast(nowMs),
    panicUntilMs: nowMs,
    shrankAtMs: nowMs,
  };
}

/** The memory after another look. */
export function lookAgain(memory: ScalingMemory, seen: Observation, nowMs: number): ScalingMemory {
  const elapsedMs = nowMs - memory.atMs;
  const step = stepDemand(memory.demand, seen, elapsedMs);
  return {
    ...memory,
    atMs: nowMs,
    demand: step.memory,
    cpu: stepCpu(memory.cpu, seen, elapsedMs, step.busyMs),
    stable: addLoad(memory.stable, memory.atMs, nowMs, step.demandMs),
    short: addLoad(memory.short, memory.atMs, nowMs, step.demandMs),
    forecast: feedForecast(memory.forecast, FORECAST, nowMs, step.arrivedMs),
  };
}
