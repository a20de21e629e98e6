/** What there is of a pool in AWS now. Reads only. */
import type { AwsClients } from './clients.ts';
import {
  observeApi,
  observeKey,
  observeUsagePlan,
  type ObservedApi,
  type ObservedKey,
  type ObservedPlan,
} from './observe-api.ts';
import {
  observeAlarm,
  observeFunction,
  observeLogGroup,
  observeRole,
  observeTwin,
} from './observe-function.ts';
import type { ObservedFunction, ObservedLogGroup, ObservedRole } from './observe-function.ts';
import type { Names } from './desired.ts';

/** Everything of one pool that was found; what isn't there is undefined. */
export interface Observed {
  /** Undefined too where the role is given, and so none of ours. */
  readonly role: ObservedRole | undefined;
  readonly logGroup: ObservedLogGroup | undefined;
  readonly fn: ObservedFunction | undefined;
  /** Whether a calibration's copy of the function is there: one that ended without removing it left it. */
  readonly twin: boolean;
  /** The API in use, the oldest if there are several of its name. */
  readonly api: ObservedApi | undefined;
  /** APIs of the same name that a lost answer left behind. */
  readonly spareApiIds: readonly string[];
  readonly key: ObservedKey | undefined;
  readonly spareKeyIds: readonly string[];
  readonly plan: ObservedPlan | undefined;
  readonly sparePlanIds: readonly string[];
  readonly alarm: { readonly thresholdUsd: number } | undefined;
}

/** What to look at. */
export interface ObserveScope {
  readonly pool: string;
  readonly names: Names;
  /** False where the role is given: it isn't looked at. */
  readonly role: boolean;
  /** False where there never was an alarm: CloudWatch isn't asked. */
  readonly alarm: boolean;
}

/** Reads everything of a pool, all at once; the first failure ends the other reads. Rejects with what the SDK throws. */
export async function observe(
  clients: AwsClients,
  scope: ObserveScope,
  signal: AbortSignal,
): Promise<Observed> {
  const { pool, names } = scope;
  const failed = new AbortController();
  const reads = { clients, pool, names, signal: AbortSignal.any([signal, failed.signal]) };
  const [role, logGroup, fn, twin, apis, keys, plans, alarm] = await Promise.all([
    scope.role ? observeRole(reads) : undefined,
    observeLogGroup(reads),
    observeFunction(reads),
    observeTwin(reads),
    observeApi(reads),
    observeKey(reads),
    observeUsagePlan(reads),
    scope.alarm ? observeAlarm(reads) : undefined,
  ]).catch((thrown: unknown) => {
    failed.abort();
    throw thrown;
  });
  return {
    role,
    logGroup,
    fn,
    twin,
    api: apis.found,
    spareApiIds: apis.spareIds,
    key: keys.found,
    spareKeyIds: keys.spareIds,
    plan: plans.found,
    sparePlanIds: plans.spareIds,
    alarm,
  };
}
