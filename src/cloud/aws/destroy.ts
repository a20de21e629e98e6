/** Removes everything of a pool from AWS, what uses something before what is used. */
import { DeleteAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { DeleteLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DeleteRoleCommand, DeleteRolePolicyCommand } from '@aws-sdk/client-iam';
import { DeleteFunctionCommand } from '@aws-sdk/client-lambda';
import type { DestroyReport } from '../backend.ts';
import { removeApi, removeKey, removeUsagePlan } from './apply-api.ts';
import type { AwsClients } from './clients.ts';
import type { ControlLog } from './control-log.ts';
import type { AwsOptions, Names } from './desired.ts';
import { faultOf } from './faults.ts';
import { observe, type Observed } from './observe.ts';
import { unlessMissing } from './observe-function.ts';
import { removeTwin } from './twin.ts';

/** What a removal works with. */
export interface DestroyOrder {
  readonly clients: AwsClients;
  readonly options: AwsOptions;
  readonly names: Names;
  readonly log: ControlLog;
  readonly signal: AbortSignal;
}

interface Removal {
  readonly what: string;
  readonly run: () => Promise<unknown>;
}

/** @throws CloudFault only if it can't be seen what there is; what can't be removed is in the report. */
export async function destroyAws(order: DestroyOrder): Promise<DestroyReport> {
  const { clients, options, names, log, signal } = order;
  // The alarm is always looked for: it may be left from a time when it was wanted.
  const scope = { pool: options.pool, names, role: options.roleArn === undefined, alarm: true };
  const observed = await observe(clients, scope, signal).catch((thrown: unknown) => {
    throw faultOf(thrown, 'look at what is deployed');
  });
  const removed: string[] = [];
  const left: string[] = [];
  for (const { what, run } of removals(order, observed)) {
    try {
      await run();
      removed.push(what);
      log('info', `cloud: removed ${what}`, { removed: what });
    } catch (thrown) {
      left.push(`${what}: ${faultOf(thrown, 'remove it').message}`);
      log('warn', `cloud: could not remove ${what}`, { left: what });
    }
  }
  return { removed, left };
}

function removals(order: DestroyOrder, observed: Observed): Removal[] {
  const { clients, names, signal } = order;
  const list: Removal[] = [];
  const options = { abortSignal: signal };
  const work = { clients, signal };
  const { plan, key, api } = observed;
  if (plan !== undefined)
    list.push({ what: `usage plan ${plan.id}`, run: () => removeUsagePlan(work, plan.id, plan.stages) });
  for (const id of observed.sparePlanIds)
    list.push({ what: `usage plan ${id}`, run: () => removeUsagePlan(work, id, []) });
  for (const id of [...(key === undefined ? [] : [key.id]), ...observed.spareKeyIds]) {
    list.push({ what: `API key ${id}`, run: () => removeKey(work, id) });
  }
  // With it go its resources, methods, deployments and stages.
  for (const id of [...(api === undefined ? [] : [api.id]), ...observed.spareApiIds]) {
    list.push({ what: `REST API ${id}`, run: () => removeApi(work, id) });
  }
  if (observed.alarm !== undefined) {
    const alarm = new DeleteAlarmsCommand({ AlarmNames: [names.alarm] });
    list.push({ what: `alarm ${names.alarm}`, run: () => clients.cloudWatch.send(alarm, options) });
  }
  if (observed.twin) {
    const desired = { names, options: order.options };
    list.push({ what: `function ${names.twin}`, run: () => removeTwin({ clients, desired, signal }) });
  }
  if (observed.fn !== undefined) {
    // With it goes the gateway's permission.
    const fn = new DeleteFunctionCommand({ FunctionName: names.base });
    const missing = unlessMissing('ResourceNotFoundException');
    list.push({ what: `function ${names.base}`, run: () => clients.lambda.send(fn, options).catch(missing) });
  }
  if (observed.logGroup !== undefined) {
    const group = new DeleteLogGroupCommand({ logGroupName: names.logGroup });
    const missing = unlessMissing('ResourceNotFoundException');
    list.push({
      what: `log group ${names.logGroup}`,
      run: () => clients.logs.send(group, options).catch(missing),
    });
  }
  if (observed.role !== undefined)
    list.push({ what: `role ${names.role}`, run: () => removeRole(clients, names, signal) });
  return list;
}

async function removeRole(clients: AwsClients, names: Names, signal: AbortSignal): Promise<void> {
  const missing = unlessMissing('NoSuchEntityException', 'NoSuchEntity');
  const options = { abortSignal: signal };
  const policy = new DeleteRolePolicyCommand({ RoleName: names.role, PolicyName: names.rolePolicy });
  await clients.iam.send(policy, options).catch(missing);
  await clients.iam.send(new DeleteRoleCommand({ RoleName: names.role }), options).catch(missing);
}
