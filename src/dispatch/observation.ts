/** What a placement is to know: the only place that gathers it. */
import type { CloudBackend, CloudReason } from '../cloud/backend.ts';
import { fitsEvent, surelyFitsEvent } from '../cloud/event.ts';
import type { ActiveCall } from './active-call.ts';
import type { CallRequest } from './call.ts';
import type { Learning } from './learning.ts';
import type { Lookout, WaitingLine } from './lookout.ts';
import { MAX_CLOUD_RUN_MS, type Observation, type OffloadPolicy } from './placement.ts';
import type { NoRoom } from './queue.ts';

/** When calls leave; may be changed while calls are under way. */
export interface OffloadRule {
  readonly policy: OffloadPolicy;
  /** The wait from which on the threshold policy offloads, in milliseconds. */
  readonly waitMs: number;
}

/** The pool's side, as far as a placement needs it. */
export interface LocalSide extends WaitingLine {
  /** Whether a slot could take the call now, and nobody waits for it. */
  hasRoomFor(call: ActiveCall): boolean;
  /** Why the call may not wait; undefined if it may. */
  noRoomFor(call: ActiveCall): NoRoom | undefined;
  /** When a slot will be ready for this very call that is starting or being resumed; undefined if none will. */
  slotReadyInMs(call: ActiveCall): number | undefined;
  /** It is about to be sent to the cloud: it waits no longer, if it did. */
  leaves(call: ActiveCall): void;
  /** Places what waits: a slot may have been held back for one that has left. */
  pump(): void;
}

/** What is looked at. */
export interface Seen {
  readonly rule: OffloadRule;
  readonly usdPerHour: number;
  readonly local: LocalSide;
  /** These three are there, or none. */
  readonly cloud: CloudBackend | undefined;
  readonly learning: Learning | undefined;
  readonly lookout: Lookout | undefined;
}

/** What the lookout has foreseen of a call already, in milliseconds. */
export interface ForeseenWait {
  readonly waitMs: number;
  readonly relievesMs: number;
  readonly forOthers: boolean;
}

/** What is known of a call that has waited for `waitedMs`. */
export function observe(
  call: ActiveCall,
  seen: Seen,
  waitedMs: number,
  foreseen: ForeseenWait | undefined,
): Observation {
  const { request, local } = call;
  const { policy, waitMs } = seen.rule;
  const observation: Observation = {
    policy,
    offloadWaitMs: waitMs,
    forced: request.backend,
    slotFree: !call.waiting && seen.local.hasRoomFor(call),
    noRoom: call.waiting ? undefined : seen.local.noRoomFor(call),
    waitedMs,
    // One that waits already is judged by how long it has.
    expectedWaitMs: local.known && !call.waiting ? seen.local.expectedWaitMs() : undefined,
    offload: request.spec.offload,
    fitsEvent: fitsCloud(call),
    cloudRunMs: cloudRunMs(call),
    cloud: whyNotThere(call, seen.cloud),
  };
  if (request.backend !== undefined) return observation;
  return policy === 'predictive'
    ? weighing(call, observation, seen, foreseen)
    : timing(call, observation, seen);
}

/** Whether the call is one for the bundle that the cloud has: its function is there, it ends in time, and the params fit. */
export function suitsCloud(call: ActiveCall, cloud: CloudBackend | undefined): boolean {
  if (cloud?.has(call.request.spec.name) !== true || (cloudRunMs(call) ?? 0) > MAX_CLOUD_RUN_MS) return false;
  return fitsCloud(call);
}

/** Why the cloud takes no such call just now; undefined if it does. */
function whyNotThere({ request }: ActiveCall, cloud: CloudBackend | undefined): CloudReason | undefined {
  if (cloud === undefined) return 'off';
  // After a reload the pool may have functions that the cloud doesn't have yet, or still has calls of one that is gone there.
  return cloud.reason ?? (cloud.has(request.spec.name) ? undefined : 'wrong bundle');
}

/** Whether large params fit, found out once for each call: one that waits is looked at fifty times a second. */
const largeFits = new WeakMap<CallRequest, boolean>();

function fitsCloud({ request }: ActiveCall): boolean {
  if (surelyFitsEvent(request.params)) return true;
  const known = largeFits.get(request);
  if (known !== undefined) return known;
  const fits = fitsEvent(request.params);
  largeFits.set(request, fits);
  return fits;
}

/** A call, as far as the run times of its function are asked for. */
interface RunTimesKnown {
  readonly record: Pick<ActiveCall['record'], 'cloud' | 'local'>;
}

/** How long a call is expected to run in the cloud, in milliseconds; undefined while nothing is known. */
export function cloudRunMs({ record: { cloud, local } }: RunTimesKnown): number | undefined {
  if (cloud.wallMs.count > 0) return cloud.wallMs.mean;
  return local.known ? local.wallMs.mean : undefined;
}

/** With what both places are expected to take. */
function weighing(
  call: ActiveCall,
  observation: Observation,
  { learning, lookout, usdPerHour }: Seen,
  foreseen: ForeseenWait | undefined,
): Observation {
  if (learning === undefined) return observation;
  const now = performance.now();
  return {
    ...observation,
    expectedWaitMs: observation.slotFree ? 0 : (foreseen?.waitMs ?? lookout?.waitMs()),
    foresight: learning.foresee(call, now),
    remainingMs: call.deadlineAt - now,
    relievesMs: foreseen?.relievesMs,
    forOthers: foreseen?.forOthers,
    usdPerHour,
  };
}

/** With what tells whether a slot that is coming is sooner than the cloud. */
function timing(call: ActiveCall, observation: Observation, { learning, local }: Seen): Observation {
  if (learning === undefined) return observation;
  const { roundTripMs, coldChance, coldStartMs } = learning.predictor.cloud.outlook(performance.now());
  const cloudDelayMs = roundTripMs + coldChance * coldStartMs;
  return { ...observation, slotReadyInMs: local.slotReadyInMs(call), cloudDelayMs };
}
