/**
 * The scaling decision: what was observed in, what to do out. Pure and total: no clock, no I/O, and no reading can make
 * it throw or leave N … 2N. After Knative's autoscaler: a stable window to hold on to, a short one to panic by.
 */
import { slotsForCores } from './cores.ts';
import { riseWithin } from './forecast.ts';
import { firstLook, FORECAST, lookAgain, type ScalingMemory } from './memory.ts';
import { sanitizeLimits, sanitizeObservation, type Limits, type Observation } from './observation.ts';
import type { Figures, Plan, Reason } from './plan.ts';
import { growWaitMs, slotsForLoad, slotsForQueue } from './staffing.ts';
import { meanLoad } from './window.ts';

/** How long a panic lasts after the last look that found too few workers, in milliseconds. */
export const PANIC_HOLD_MS = 20_000;
/** Time between two steps of scale-in, in milliseconds: what the last step did must be seen before the next. */
export const COOLDOWN_MS = 3_000;
/** The forecast looks this far beyond the time a new worker takes, in milliseconds: until the next tick. */
const NEXT_TICK_MS = 1_000;
/** And never further than this, in milliseconds: a trend of seconds says nothing about minutes. */
const LONGEST_HORIZON_MS = 10_000;
/** Sums of fractions of slots are off by rounding; a worker isn't started for that. */
const ROUNDING = 1e-6;

export interface Decision {
  readonly plan: Plan;
  readonly reason: Reason;
  readonly figures: Figures;
  readonly memory: ScalingMemory;
}

/** Workers wanted, by what asks for them. */
interface Wishes {
  readonly queue: number;
  readonly load: number;
  readonly forecast: number;
  readonly stable: number;
}

/**
 * Decides how the pool is to change.
 * @param memory what the last decision returned; undefined at the start
 * @param now milliseconds on any clock that doesn't go back; a reading that isn't later counts as no time passed
 */
export function decide(
  observation: Observation,
  memory: ScalingMemory | undefined,
  limits: Limits,
  now: number,
): Decision {
  const seen = sanitizeObservation(observation);
  const allowed = sanitizeLimits(limits);
  const nowMs = Math.max(Number.isFinite(now) ? now : 0, memory?.atMs ?? 0);
  const looked = memory === undefined ? firstLook(seen, nowMs) : lookAgain(memory, seen, nowMs);

  const figures = {
    stableLoad: meanLoad(looked.stable, nowMs),
    shortLoad: meanLoad(looked.short, nowMs),
    expectedRise: riseWithin(looked.forecast, FORECAST, horizonMs(seen)),
    coresAllow: Math.floor(slotsForCores(looked.cpu, seen) / seen.slotsPerWorker),
  };
  const wishes = wish(figures, seen, allowed);
  const wanted = Math.max(wishes.queue, wishes.load, wishes.forecast);
  const have = seen.workers.ready + seen.workers.starting;
  // Where the cores are the limit, there weren't too few workers.
  const tooFew = Math.min(wanted, figures.coresAllow) > have && have >= allowed.min;
  const panicUntilMs = tooFew ? nowMs + PANIC_HOLD_MS : looked.panicUntilMs;
  const panic = nowMs < panicUntilMs;
  const cooling = nowMs < looked.shrankAtMs + COOLDOWN_MS;

  const { target, reason } = choose(have, wishes, figures.coresAllow, allowed, panic, cooling);
  const plan = planFor(target, seen, allowed);
  return {
    plan,
    reason,
    figures: { ...figures, wanted, panic },
    memory: { ...looked, panicUntilMs, shrankAtMs: plan.drain > 0 ? nowMs : looked.shrankAtMs },
  };
}

/** What each signal asks for, in workers. What is starting counts as there, or every look would start it again. */
function wish(
  { stableLoad, shortLoad, expectedRise }: Pick<Figures, 'stableLoad' | 'shortLoad' | 'expectedRise'>,
  seen: Observation,
  { waitMs }: Limits,
): Wishes {
  const workers = (slots: number): number => Math.ceil(slots / seen.slotsPerWorker - ROUNDING);
  const { ready, starting } = seen.workers;
  // A call that has really waited too long, whatever was expected: the estimates are wrong or missing.
  const late = seen.waiting.slots > 0 && seen.waiting.oldestMs >= growWaitMs(waitMs);
  const forLate = late ? ready + Math.max(1, starting) : 0;
  return {
    queue: Math.max(workers(slotsForQueue(seen, growWaitMs(waitMs))), forLate),
    load: workers(slotsForLoad(shortLoad)),
    forecast: workers(slotsForLoad(shortLoad + expectedRise)),
    stable: workers(slotsForLoad(stableLoad)),
  };
}

function horizonMs({ newWorkerMs }: Observation): number {
  return Math.min(NEXT_TICK_MS + newWorkerMs, LONGEST_HORIZON_MS);
}

/** The number of workers to have, and why. */
function choose(
  have: number,
  wishes: Wishes,
  coresAllow: number,
  { min, max }: Limits,
  panic: boolean,
  cooling: boolean,
): { target: number; reason: Reason } {
  const wanted = Math.max(wishes.queue, wishes.load, wishes.forecast);
  if (have > max) return { target: max, reason: 'maximum' };
  // Cores limit growth only: they never take a worker away, and never go below N.
  const target = Math.max(min, Math.min(wanted, max, Math.max(have, coresAllow)));
  if (target > have) return { target, reason: growthReason(target, wishes, min) };
  if (wanted > have) return { target: have, reason: have === max ? 'maximum' : 'cpu' };
  const enough = Math.max(min, wanted, Math.min(wishes.stable, have));
  if (enough === have) return { target: have, reason: 'steady' };
  if (panic) return { target: have, reason: 'panic' };
  if (cooling) return { target: have, reason: 'cooldown' };
  // At most half of the surplus at a time, after Knative.
  return { target: have - Math.ceil((have - enough) / 2), reason: 'idle' };
}

function growthReason(target: number, wishes: Wishes, min: number): Reason {
  if (wishes.queue >= target && target > min) return 'queue';
  if (wishes.load >= target && target > min) return 'load';
  return wishes.forecast >= target && target > min ? 'forecast' : 'minimum';
}

/** How to get there from what there is. Growing counts all that is alive, so that 2N are never exceeded. */
function planFor(target: number, seen: Observation, { max, standbys, standbyMs }: Limits): Plan {
  const { ready, starting, ejected, draining } = seen.workers;
  const have = ready + starting;
  const missing = Math.max(0, target - have);
  const readmit = Math.min(draining, missing);
  const room = Math.max(0, max - have - ejected - draining);
  const resume = Math.min(missing - readmit, room, seen.standbyAgesMs.length);
  const start = Math.min(missing - readmit, room) - resume;
  const youngestFirst = [...seen.standbyAgesMs].sort((a, b) => a - b).slice(resume);
  const kept = youngestFirst.slice(0, standbys).filter((ageMs) => ageMs < standbyMs).length;
  return {
    target,
    readmit,
    resume,
    start,
    drain: Math.min(ready, Math.max(0, have - target)),
    discard: youngestFirst.length - kept,
  };
}
