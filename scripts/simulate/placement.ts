/**
 * Where a call goes, as the simulator asks it. This is the seam to the balancer's own placement: a policy is anything
 * that answers the question below.
 */

import { place, type OffloadPolicy, type Placement } from '../../src/dispatch/placement.ts';

/** What is known when a call arrives without finding a free slot, or has waited and is placed again. */
export interface PlacementQuestion {
  /** Expected wait for a slot, in milliseconds; undefined where the function's run time isn't known yet. */
  readonly expectedWaitMs: number | undefined;
  /** How long it has waited already. */
  readonly waitedMs: number;
  /** When a slot that is starting will be ready for this very call, from now; Infinity where none will. */
  readonly slotReadyInMs: number;
  readonly freeSlot: boolean;
  /** It found no slot and no room in the queue. */
  readonly queueFull: boolean;
  /** Calls being served, waiting, or in the cloud. */
  readonly connections: number;
  /** 2N. */
  readonly mostWorkers: number;
  /** What the cloud adds to the run time of a call sent now, in milliseconds; undefined where it can't be used. */
  readonly cloudDelayMs: number | undefined;
  /** Whether its params are small enough for the cloud. */
  readonly fitsEvent: boolean;
  /** How long it is expected to run there, in milliseconds; undefined while nothing is known. */
  readonly cloudRunMs: number | undefined;
}

export interface Verdict {
  /** pool: the free slot, or else the queue. */
  readonly place: 'pool' | 'cloud' | 'refuse';
  /** If it has to wait, it is placed again after this long. */
  readonly reviewInMs?: number;
}

export type PlacementPolicy = (question: PlacementQuestion) => Verdict;

const POOL: Verdict = { place: 'pool' };
const CLOUD: Verdict = { place: 'cloud' };
const REFUSE: Verdict = { place: 'refuse' };

/** What may wait, waits; else it is refused. */
function local({ queueFull }: PlacementQuestion): Verdict {
  return queueFull ? REFUSE : POOL;
}

/** The balancer's own place(), asked about a simulated call. */
function ours(policy: OffloadPolicy, offloadWaitMs: number, question: PlacementQuestion): Placement {
  const { freeSlot, queueFull, waitedMs, expectedWaitMs, slotReadyInMs } = question;
  const { fitsEvent, cloudRunMs, cloudDelayMs } = question;
  return place({
    policy,
    offloadWaitMs,
    forced: undefined,
    slotFree: freeSlot,
    noRoom: queueFull ? 'queue full' : undefined,
    waitedMs,
    expectedWaitMs,
    offload: true,
    fitsEvent,
    cloudRunMs,
    cloud: cloudDelayMs === undefined ? 'off' : undefined,
    slotReadyInMs,
    cloudDelayMs,
  });
}

/** A call that the cloud can't have is looked at again no sooner than this, in milliseconds. */
const LOOK_AGAIN_MS = 20;

const VERDICTS = { pool: POOL, queue: POOL, cloud: CLOUD, reject: REFUSE } as const;

/** threshold. Where a call waits it is looked at again once it has waited that long, or the slot should have come. */
function thresholdPolicy(waitMs: number): PlacementPolicy {
  return (question) => {
    const { waitedMs, slotReadyInMs } = question;
    const { place: where, reason } = ours('threshold', waitMs, question);
    if (where !== 'queue') return VERDICTS[where];
    if (reason === 'slot coming') return { place: 'pool', reviewInMs: slotReadyInMs };
    const unusable = reason !== 'short wait' && reason !== 'wait unknown';
    return { place: 'pool', reviewInMs: unusable ? Math.max(waitMs, LOOK_AGAIN_MS) : waitMs - waitedMs };
  };
}

const neverPolicy: PlacementPolicy = (question) => VERDICTS[ours('never', 0, question).place];
const alwaysPolicy: PlacementPolicy = (question) => VERDICTS[ours('always', 0, question).place];

/**
 * The origin's rule: offloads when the connections equal 2N exactly; one more, and it is local again. What no event holds
 * stays: no rule could send it.
 */
const originPolicy: PlacementPolicy = (question) =>
  question.connections === question.mostWorkers && question.cloudDelayMs !== undefined && question.fitsEvent
    ? CLOUD
    : local(question);

/** What each name stands for, with the wait at which `threshold` offloads. */
const BY_NAME = {
  never: () => neverPolicy,
  always: () => alwaysPolicy,
  threshold: thresholdPolicy,
  origin: () => originPolicy,
  // Until something is foreseen, predictive is the threshold; the oracle knows all from the start.
  predictive: thresholdPolicy,
  oracle: thresholdPolicy,
} satisfies Record<string, (waitMs: number) => PlacementPolicy>;

export type PolicyName = keyof typeof BY_NAME;
export const POLICIES = Object.keys(BY_NAME) as PolicyName[];

export function placementPolicy(name: PolicyName, waitMs: number): PlacementPolicy {
  return BY_NAME[name](waitMs);
}
