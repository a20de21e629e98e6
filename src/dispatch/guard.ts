/** Whether offloading a function has paid of late, by what became of its calls; if not, it is suspended for a while. Pure. */

/** What is remembered of one function. */
export interface Guard {
  /** open: its calls may be offloaded. suspended: none until `probeAt`. probing: a few, to see. */
  readonly state: 'open' | 'suspended' | 'probing';
  /** One line for the operator; undefined while open. */
  readonly reason: string | undefined;
  /** When it is probed, on the clock of the events; Infinity unless suspended. */
  readonly probeAt: number;
  /** Suspensions without a window won since. */
  readonly losses: number;
  /** Offloaded calls of the window, and the sums of what they took and would have taken here, in milliseconds. */
  readonly offloaded: number;
  readonly tookMs: number;
  readonly expectedMs: number;
  /** The calls that stayed: sums of what they took from the decision on, and of what was expected of them then. */
  readonly stayedTookMs: number;
  readonly stayedExpectedMs: number;
}

/** A call is over, of which `expectedMs` from the decision to the answer was expected in the pool and which took `tookMs`. */
export interface Ended {
  readonly place: 'pool' | 'cloud';
  readonly tookMs: number;
  readonly expectedMs: number;
}

/** Offloaded calls that are judged together; while probing. */
const WINDOW_CALLS = 30;
const PROBE_CALLS = 10;
/** Losing by less than this part is noise. */
const TOLERANCE = 1.1;
/** How fast what stayed fades: a call in forty. */
const KEEP = 0.975;
/** What stayed begins as if one call of this long had been foreseen exactly, in milliseconds. */
const PRIOR_MS = 100;
/** The correction for how wrong the estimates were stays within these: beyond, they say nothing. */
const LEAST_CORRECTION = 0.25;
const MOST_CORRECTION = 4;
/** The first pause, and the longest, in milliseconds; it doubles with each loss. */
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 1_800_000;

export const OPEN: Guard = {
  state: 'open',
  reason: undefined,
  probeAt: Infinity,
  losses: 0,
  offloaded: 0,
  tookMs: 0,
  expectedMs: 0,
  stayedTookMs: PRIOR_MS,
  stayedExpectedMs: PRIOR_MS,
};

/** Whether a call may be offloaded at that moment. */
export function maySpill(guard: Guard, nowMs: number): boolean {
  return guard.state !== 'suspended' || nowMs >= guard.probeAt;
}

/**
 * The state after a call. An offloaded call would have taken expected × c in the pool, c = Σ took / Σ expected of the calls that
 * stayed (fading, within 1/4 … 4): so the judgement doesn't rest on estimates alone. After 30 offloaded calls (10 while
 * probing) with Σ took > 1.1 × Σ expected × c it is suspended for 30 s × 2^losses, at most half an hour.
 */
export function judge(guard: Guard, ended: Ended, nowMs: number): Guard {
  if (ended.place === 'pool') {
    return {
      ...guard,
      stayedTookMs: guard.stayedTookMs * KEEP + ended.tookMs,
      stayedExpectedMs: guard.stayedExpectedMs * KEEP + ended.expectedMs,
    };
  }
  // Answers of calls sent before a suspension say nothing new.
  if (!maySpill(guard, nowMs)) return guard;
  const next: Guard = {
    ...guard,
    state: guard.state === 'suspended' ? 'probing' : guard.state,
    probeAt: Infinity,
    offloaded: guard.offloaded + 1,
    tookMs: guard.tookMs + ended.tookMs,
    expectedMs: guard.expectedMs + ended.expectedMs,
  };
  if (next.offloaded < (next.state === 'open' ? WINDOW_CALLS : PROBE_CALLS)) return next;
  const correction = next.stayedTookMs / next.stayedExpectedMs;
  const localMs = next.expectedMs * Math.min(MOST_CORRECTION, Math.max(LEAST_CORRECTION, correction));
  const fresh = { ...next, offloaded: 0, tookMs: 0, expectedMs: 0 };
  if (next.tookMs <= localMs * TOLERANCE) return { ...fresh, state: 'open', reason: undefined, losses: 0 };
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** next.losses);
  return {
    ...fresh,
    state: 'suspended',
    losses: next.losses + 1,
    probeAt: nowMs + pauseMs,
    reason: `the last ${next.offloaded} offloaded calls took ${Math.round(next.tookMs)} ms, here they would have taken ${Math.round(localMs)} ms; probed again after ${Math.round(pauseMs / 1000)} s`,
  };
}
