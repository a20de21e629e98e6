/** What the steps of a deployment work with: the clients, the target, and the ids that AWS gives out on the way. */
import type { AwsClients } from './clients.ts';
import type { Desired } from './desired.ts';
import type { Observed } from './observe.ts';

/** Names that AWS gave out, known from the start or found by a step; a step finds those it needs set by the ones before. */
export interface Ids {
  roleArn: string | undefined;
  functionArn: string | undefined;
  apiId: string | undefined;
  rootResourceId: string | undefined;
  resourceId: string | undefined;
  deploymentId: string | undefined;
  keyId: string | undefined;
  keyValue: string | undefined;
  planId: string | undefined;
}

/** What every step works with. */
export interface Work {
  readonly clients: AwsClients;
  readonly desired: Desired;
  readonly ids: Ids;
  readonly signal: AbortSignal;
}

/** The ids that were already there. */
export function idsOf(desired: Desired, observed: Observed): Ids {
  return {
    roleArn: desired.options.roleArn ?? observed.role?.arn,
    functionArn: observed.fn?.arn,
    apiId: observed.api?.id,
    rootResourceId: observed.api?.rootResourceId,
    resourceId: observed.api?.resourceId,
    deploymentId: undefined,
    keyId: observed.key?.id,
    keyValue: observed.key?.value,
    planId: observed.plan?.id,
  };
}

/** An id that an earlier step must have left. */
export function needed(ids: Ids, name: keyof Ids): string {
  const id = ids[name];
  if (id === undefined) throw new Error(`the plan has no step that gives ${name}`);
  return id;
}
