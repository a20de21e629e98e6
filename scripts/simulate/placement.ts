/**
 * Where a call goes, as the simulator asks it. This is the seam to the balancer's own placement: a policy is anything
 * that answers the question below.
 */

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

/**
 * Offloads a call whose wait is expected to be, or has become, `waitMs`: unless a slot about to be ready takes it
 * sooner than the cloud would.
 */
function thresholdPolicy(waitMs: number): PlacementPolicy {
  return (question) => {
    const { freeSlot, expectedWaitMs = 0, waitedMs, slotReadyInMs, cloudDelayMs, queueFull } = question;
    if (freeSlot) return POOL;
    if (cloudDelayMs === undefined) return local(question);
    if (Math.max(expectedWaitMs, waitedMs) < waitMs && !queueFull)
      return { place: 'pool', reviewInMs: waitMs - waitedMs };
    if (slotReadyInMs < cloudDelayMs && !queueFull) return { place: 'pool', reviewInMs: slotReadyInMs };
    return CLOUD;
  };
}

const neverPolicy: PlacementPolicy = local;
const alwaysPolicy: PlacementPolicy = (question) =>
  question.cloudDelayMs === undefined ? local(question) : CLOUD;

/** The origin's rule: offloads when the connections equal 2N exactly; one more, and it is local again. */
const originPolicy: PlacementPolicy = (question) =>
  question.connections === question.mostWorkers && question.cloudDelayMs !== undefined
    ? CLOUD
    : local(question);

/** What each name stands for, with the wait at which `threshold` offloads. */
const BY_NAME = {
  never: () => neverPolicy,
  always: () => alwaysPolicy,
  threshold: thresholdPolicy,
  origin: () => originPolicy,
} satisfies Record<string, (waitMs: number) => PlacementPolicy>;

export type PolicyName = keyof typeof BY_NAME;
export const POLICIES = Object.keys(BY_NAME) as PolicyName[];

export function placementPolicy(name: PolicyName, waitMs: number): PlacementPolicy {
  return BY_NAME[name](waitMs);
}
