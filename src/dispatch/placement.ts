/**
 * Where a call goes: a pure function of what was observed, asked on arrival, again when a waiting call's wait passes the
 * threshold, and again when the cloud failed it. Every answer carries its reason.
 */
import type { CloudReason } from '../cloud/backend.ts';
import type { Backend } from './call.ts';
import { MOST_THROTTLE_CHANCE, isWorth, relievesOthers, type CallForesight } from './foresight.ts';
import type { NoRoom } from './queue.ts';

/** When calls leave for the cloud. predictive: see placeByForesight. */
export type OffloadPolicy = 'threshold' | 'predictive' | 'never' | 'always';

/** What is known when a call is placed. Times in milliseconds. */
export interface Observation {
  readonly policy: OffloadPolicy;
  /** The wait from which on the threshold policy offloads. */
  readonly offloadWaitMs: number;
  /** The place the client forced. */
  readonly forced: Backend | undefined;
  /** Whether a local slot could take it now. */
  readonly slotFree: boolean;
  /** Why it may not wait; undefined: there is room in the queue, or it stands there already. */
  readonly noRoom: NoRoom | undefined;
  /** How long it has waited. */
  readonly waitedMs: number;
  /** How long it would still wait for a slot; undefined while its function isn't known well enough to tell. */
  readonly expectedWaitMs: number | undefined;
  /** The function's own `offload`. */
  readonly offload: boolean;
  /** Whether its params fit into an event (fitsEvent). */
  readonly fitsEvent: boolean;
  /** How long it is expected to run in the cloud; undefined while nothing is known. */
  readonly cloudRunMs: number | undefined;
  /** Why the cloud takes no calls; undefined while it does. */
  readonly cloud: CloudReason | undefined;
  /** When the next slot will be ready that is starting or being resumed, from now; undefined or absent: none is coming. */
  readonly slotReadyInMs?: number | undefined;
  /** What the cloud adds to a run: the round trip, a start where one is likely; undefined or absent: not known. */
  readonly cloudDelayMs?: number | undefined;
  /** What is expected in both places; without it predictive is threshold. */
  readonly foresight?: CallForesight | undefined;
  /** What is left of its deadline. */
  readonly remainingMs?: number | undefined;
  /** What its leaving saves others, all together (chooseToLeave). */
  readonly relievesMs?: number | undefined;
  /** Whether it may leave for their sake. */
  readonly forOthers?: boolean | undefined;
  /** The most that an hour of saved waiting may cost, in US dollars. */
  readonly usdPerHour?: number | undefined;
}

/** Why a call isn't for the cloud: the cloud's own reason, or the call's. */
export type Barrier = CloudReason | 'offload: false' | 'too large for the cloud' | 'too long for the cloud';

/** Why a call was placed as it was. */
export type PlacementReason =
  | Barrier
  | NoRoom
  | 'forced'
  | 'policy'
  | 'slot free'
  | 'slot coming'
  | 'short wait'
  | 'wait unknown'
  | 'would wait too long'
  | 'has waited too long'
  | 'cloud sooner'
  | 'relieves others'
  | 'only the cloud in time'
  | 'local sooner'
  | 'too dear'
  | 'offloading does not pay'
  | 'likely throttled';

/** From now to the answer, as expected in each place, in milliseconds. */
export interface ExpectedFinish {
  readonly localMs: number;
  readonly cloudMs: number;
}

/** Where a call goes. A rejected one is Overloaded, or CloudFailed where the client asked for the cloud and nothing else. */
export type Placement =
  | {
      readonly place: 'pool' | 'queue' | 'cloud';
      readonly reason: PlacementReason;
      /** Where both were weighed. */
      readonly expected?: ExpectedFinish;
    }
  | {
      readonly place: 'reject';
      readonly reason: PlacementReason;
      readonly error: 'Overloaded' | 'CloudFailed';
      readonly expected?: ExpectedFinish;
    };

/** The longest run that is offloaded: the gateway gives up at 29 s, and an expectation may be wrong by a third. */
export const MAX_CLOUD_RUN_MS = 20_000;

/** Where the call goes. */
export function place(observation: Observation): Placement {
  const { forced } = observation;
  if (forced === 'pool') return placeLocally(observation, 'forced');
  if (forced === 'cloud') {
    const barrier = barrierOf(observation);
    return barrier === undefined
      ? to('cloud', 'forced')
      : { place: 'reject', reason: barrier, error: 'CloudFailed' };
  }
  return placeByPolicy(observation);
}

function placeByPolicy(observation: Observation): Placement {
  switch (observation.policy) {
    case 'never':
      return placeLocally(observation, 'policy');
    case 'always': {
      const barrier = barrierOf(observation);
      return barrier === undefined ? to('cloud', 'policy') : placeLocally(observation, barrier);
    }
    case 'predictive':
      return placeByForesight(observation);
    case 'threshold':
      return placeByThreshold(observation);
  }
}

function placeByThreshold(observation: Observation): Placement {
  const { slotFree, waitedMs, expectedWaitMs, offloadWaitMs, noRoom } = observation;
  if (slotFree) return to('pool', 'slot free');
  const barrier = barrierOf(observation);
  let reason: PlacementReason;
  if (waitedMs >= offloadWaitMs) reason = 'has waited too long';
  else if (expectedWaitMs === undefined) reason = 'wait unknown';
  else reason = expectedWaitMs >= offloadWaitMs ? 'would wait too long' : 'short wait';
  const tooLong = reason === 'has waited too long' || reason === 'would wait too long';
  if (tooLong && barrier === undefined)
    return noRoom === undefined && isSlotComing(observation)
      ? to('queue', 'slot coming')
      : to('cloud', reason);
  if (noRoom === undefined) return to('queue', tooLong && barrier !== undefined ? barrier : reason);
  return barrier === undefined ? to('cloud', noRoom) : turnAway(noRoom);
}

/** Whether a slot will be ready before the cloud could have begun. */
function isSlotComing({ slotReadyInMs, cloudDelayMs }: Observation): boolean {
  return slotReadyInMs !== undefined && cloudDelayMs !== undefined && slotReadyInMs < cloudDelayMs;
}

/** What `weigh` says of a call for the cloud. */
const LEAVES: ReadonlySet<PlacementReason> = new Set([
  'cloud sooner',
  'relieves others',
  'only the cloud in time',
]);

/**
 * predictive: to the cloud, if it is expected to answer sooner by the call's margin, or if others save more by that than the
 * call loses (relievesOthers), and the time saved altogether is worth its price; or if the cloud alone answers in time.
 */
function placeByForesight(observation: Observation): Placement {
  const { foresight, slotFree, expectedWaitMs, noRoom } = observation;
  const waitMs = slotFree ? 0 : expectedWaitMs;
  if (foresight === undefined || waitMs === undefined) return placeByThreshold(observation);
  const { cloudMs } = foresight;
  const localMs = waitMs + foresight.runMs;
  const expected = { localMs, cloudMs };
  const verdict = weigh(observation, foresight, localMs);
  if (LEAVES.has(verdict)) return { place: 'cloud', reason: verdict, expected };
  if (slotFree) return { place: 'pool', reason: verdict, expected };
  if (noRoom === undefined) return { place: 'queue', reason: verdict, expected };
  const usable = barrierOf(observation) === undefined && foresight.throttleChance <= MOST_THROTTLE_CHANCE;
  return { ...(usable ? to('cloud', noRoom) : turnAway(noRoom)), expected };
}

function weigh(observation: Observation, foresight: CallForesight, localMs: number): PlacementReason {
  const { remainingMs = Infinity, relievesMs = 0, forOthers = false, usdPerHour = Infinity } = observation;
  const { cloudMs, marginMs, costUsd } = foresight;
  const barrier = barrierOf(observation);
  if (barrier !== undefined) return barrier;
  if (foresight.throttleChance > MOST_THROTTLE_CHANCE) return 'likely throttled';
  if (localMs > remainingMs && cloudMs <= remainingMs) return 'only the cloud in time';
  if (foresight.suspended) return 'offloading does not pay';
  const savedMs = localMs - cloudMs;
  const sooner = savedMs > marginMs;
  if (!sooner && !(forOthers && relievesOthers(foresight, localMs, remainingMs, relievesMs)))
    return 'local sooner';
  if (!isWorth(costUsd, savedMs + relievesMs, usdPerHour)) return 'too dear';
  return sooner ? 'cloud sooner' : 'relieves others';
}

function placeLocally({ slotFree, noRoom }: Observation, reason: PlacementReason): Placement {
  if (slotFree) return to('pool', reason);
  return noRoom === undefined ? to('queue', reason) : turnAway(noRoom);
}

/** Why the cloud can't have the call; undefined if it can. */
function barrierOf({ offload, cloud, fitsEvent, cloudRunMs }: Observation): Barrier | undefined {
  if (!offload) return 'offload: false';
  if (cloud !== undefined) return cloud;
  if (!fitsEvent) return 'too large for the cloud';
  return cloudRunMs !== undefined && cloudRunMs > MAX_CLOUD_RUN_MS ? 'too long for the cloud' : undefined;
}

function turnAway(reason: NoRoom): Placement {
  return { place: 'reject', reason, error: 'Overloaded' };
}

function to(where: 'pool' | 'queue' | 'cloud', reason: PlacementReason): Placement {
  return { place: where, reason };
}

/** What is known when a call still runs locally after its function's `localTimeoutMs`. */
export interface SlowObservation {
  readonly idempotent: boolean;
  readonly localTimeoutMs: number | undefined;
  /** How long it has run here. */
  readonly runningMs: number;
  readonly observation: Observation;
}

/**
 * Whether a call that runs too long here is started in the cloud too; the first answer wins. Only if it may run twice,
 * and the client didn't force the place.
 */
export function startInCloudToo({
  idempotent,
  localTimeoutMs,
  runningMs,
  observation,
}: SlowObservation): boolean {
  if (!idempotent || localTimeoutMs === undefined || runningMs < localTimeoutMs) return false;
  if (observation.forced !== undefined || observation.policy === 'never') return false;
  return barrierOf(observation) === undefined;
}

/** What is known when the cloud failed a call. */
export interface FailedObservation {
  readonly forced: Backend | undefined;
  readonly mayHaveRun: boolean;
  readonly idempotent: boolean;
  /** How often it was handed to a worker or the cloud and may have run, this time included. */
  readonly runs: number;
  /** What is left of its deadline. */
  readonly remainingMs: number;
}

/** A call runs at most twice (DESIGN decision 6). */
export const MAX_RUNS = 2;

/** Whether a call that the cloud failed may be placed again, locally. */
export function mayPlaceAgain({
  forced,
  mayHaveRun,
  idempotent,
  runs,
  remainingMs,
}: FailedObservation): boolean {
  if (forced !== undefined || remainingMs <= 0) return false;
  return !mayHaveRun || (idempotent && runs < MAX_RUNS);
}
