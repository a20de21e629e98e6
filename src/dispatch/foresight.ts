/** What is expected of one call in both places, and which of the waiting calls should leave. Pure. */

/** One call's expectations, whatever it would wait. Times in milliseconds. */
export interface CallForesight {
  /** Its run in the pool. */
  readonly runMs: number;
  /** From sending it to its answer: round trip + coldChance · cold start + run there. */
  readonly cloudMs: number;
  /** The same if a warm instance waits for it. */
  readonly warmMs: number;
  /** By how much the cloud must be sooner before it is believed to be: see Predictor.foresee. */
  readonly marginMs: number;
  /** The same if a warm instance waits for it. */
  readonly warmMarginMs: number;
  /** What it would cost in the cloud, in US dollars. */
  readonly costUsd: number;
  /** The chance (0 … 1) that the cloud would refuse it. */
  readonly throttleChance: number;
  /** Whether the guard keeps its function here (guard.ts). */
  readonly suspended: boolean;
}

/** A call that waits. */
export interface WaitingCall {
  readonly foresight: CallForesight;
  /** What is left of its deadline, in milliseconds. */
  readonly remainingMs: number;
  /** Whether it may leave at all: its function, its size, its client allow it. */
  readonly mayLeave: boolean;
  /** Whether it may run twice, and no copy of it is in the cloud. */
  readonly mayCopy: boolean;
}

/** The waiting call that should be placed again, since it has the most to gain. */
export interface Choice {
  /** Its place in the list of the waiting. */
  readonly index: number;
  /** What it would still wait here, in milliseconds. */
  readonly waitMs: number;
  /** What its leaving saves those behind it and those to come, all together, in milliseconds. */
  readonly relievesMs: number;
  /** Calls are about to come that will wait as well: it may leave for their sake. */
  readonly forOthers: boolean;
  /** Only a copy of it goes, to start an instance for those that follow; it keeps its place here, and the first answer wins. */
  readonly copy: boolean;
}

/** What there is of slots and instances. */
export interface Supply {
  readonly slots: number;
  /** Instances that are being started. */
  readonly starting: number;
  /** The most that an hour of saved waiting may cost, in US dollars. */
  readonly usdPerHour: number;
  /** Calls about to come that will wait as well (Inflow). */
  readonly toCome: number;
}

/** A call this likely to be refused isn't sent: a refusal costs a round trip, and may close the cloud for a second. */
export const MOST_THROTTLE_CHANCE = 0.3;

/** For the sake of others a call is answered at most so many times later than it would be here. */
const MOST_SACRIFICE = 2;

/**
 * Instances that are worth starting for a call that would gain from a warm one: each serves several. One for each, replayed,
 * cost up to 1.6 times as much for a p99 that was 5% better at best (short, spike, 300 ms away).
 */
const INSTANCES_A_CALL = 0.5;

/** A chance of a cold start that makes the cloud later by less than this is none, in milliseconds. */
const NEARLY_WARM_MS = 20;

/** Milliseconds of an hour. */
const HOUR_MS = 3_600_000;

/** Whether saving that much waiting is worth its price. */
export function isWorth(costUsd: number, savedMs: number, usdPerHour: number): boolean {
  return costUsd * HOUR_MS <= usdPerHour * savedMs;
}

/**
 * Whether a call should leave for the sake of others: the cloud isn't sooner by its margin for the call alone, but is with
 * what others save. For a time of many arrivals; never into a cold start, nor to be answered after its deadline, or later
 * than twice the time it would take here.
 *
 * @param localMs its finish here
 * @param remainingMs what is left of its deadline
 * @param relievesMs what its leaving saves others, all together
 */
export function relievesOthers(
  { cloudMs, warmMs, marginMs }: CallForesight,
  localMs: number,
  remainingMs: number,
  relievesMs: number,
): boolean {
  if (cloudMs - warmMs > NEARLY_WARM_MS) return false;
  if (cloudMs > Math.min(remainingMs, MOST_SACRIFICE * localMs)) return false;
  return localMs + relievesMs - cloudMs > marginMs;
}

/**
 * Replays the queue, first come first served: each call takes the slot that is free first, for its own run time, so that a wait
 * follows from the run times of those ahead.
 *
 * @param freeInMs when each slot is expected to be free, in milliseconds from now, in any order
 * @param runsMs of the waiting calls, in the order in which they will be served
 * @returns each call's wait, in milliseconds; Infinity where there is no slot and none is coming
 */
export function queueWaits(freeInMs: readonly number[], runsMs: readonly number[]): number[] {
  const free = [...freeInMs];
  return runsMs.map((runMs) => {
    let first = 0;
    for (let at = 1; at < free.length; at++) if ((free[at] ?? 0) < (free[first] ?? 0)) first = at;
    const waitMs = free[first];
    if (waitMs === undefined) return Infinity;
    free[first] = waitMs + runMs;
    return waitMs;
  });
}

/**
 * Among the waiting calls that the cloud would answer sooner by their margin at a fair price, or alone in time, or for the sake
 * of others, the one with the most to gain:
 *     gain = (wait + run here − time in the cloud) + run here / slots × (calls behind it + calls to come)
 *
 * A cold start makes the cloud later than the queue for most calls, so that no instance would ever be started before the queue
 * is as long as a cold start, and none be warm when it pays. So, where none gains, but k calls would with a warm instance
 * and fewer than k / 2 are being started, one of them is copied: that makes no call slower.
 *
 * @param waitsMs what each would still wait (queueWaits)
 * @returns undefined where none gains
 */
export function chooseToLeave(
  waiting: readonly WaitingCall[],
  waitsMs: readonly number[],
  { slots, starting, usdPerHour, toCome }: Supply,
): Choice | undefined {
  let best: Choice | undefined;
  let bestGain = -Infinity;
  let warm: Choice | undefined;
  let warmGain = -Infinity;
  let wouldGain = 0;
  for (const [index, { foresight, remainingMs, mayLeave, mayCopy }] of waiting.entries()) {
    if (!mayLeave || foresight.throttleChance > MOST_THROTTLE_CHANCE) continue;
    const { runMs, cloudMs, warmMs, marginMs, warmMarginMs, costUsd, suspended } = foresight;
    const waitMs = waitsMs[index] ?? Infinity;
    const localMs = waitMs + runMs;
    const relievesMs = (runMs / Math.max(1, slots)) * (waiting.length - 1 - index + toCome);
    const gain = localMs - cloudMs + relievesMs;
    const rescued = localMs > remainingMs && cloudMs <= remainingMs;
    const sooner =
      localMs - cloudMs > marginMs ||
      (toCome > 0 && relievesOthers(foresight, localMs, remainingMs, relievesMs));
    const gains = !suspended && sooner && isWorth(costUsd, gain, usdPerHour);
    if ((gains || rescued) && gain > bestGain) {
      bestGain = gain;
      best = { index, waitMs, relievesMs, forOthers: toCome > 0, copy: false };
    }
    const savedMs = localMs - warmMs;
    if (suspended || !(savedMs > warmMarginMs) || !isWorth(costUsd, savedMs, usdPerHour)) continue;
    wouldGain += 1;
    if (mayCopy && savedMs > warmGain) {
      warmGain = savedMs;
      warm = { index, waitMs, relievesMs, forOthers: false, copy: true };
    }
  }
  return best ?? (starting < wouldGain * INSTANCES_A_CALL ? warm : undefined);
}
