/** From what should be there and what is there to the steps between. Pure. */
import { logPolicy, trustPolicy, type Desired } from './desired.ts';
import type { Observed } from './observe.ts';
import type { Step } from './steps.ts';

/** The steps that make `observed` into `desired`, in an order in which each finds what it needs; none if nothing differs. */
export function planSteps(desired: Desired, observed: Observed): Step[] {
  return [
    ...roleSteps(desired, observed),
    ...logSteps(desired, observed),
    ...functionSteps(desired, observed),
    ...(observed.twin ? [{ do: 'remove what a calibration left' } as const] : []),
    ...apiSteps(desired, observed),
    ...keySteps(desired, observed),
    ...alarmSteps(desired, observed),
  ];
}

function roleSteps({ options, names }: Desired, { role }: Observed): Step[] {
  if (options.roleArn !== undefined) return [];
  if (role === undefined) return [{ do: 'create role' }, { do: 'put role policy' }];
  const steps: Step[] = [];
  if (role.trustPolicy !== trustPolicy()) steps.push({ do: 'update role trust' });
  if (role.logPolicy !== logPolicy(names, options.region)) steps.push({ do: 'put role policy' });
  return steps;
}

function logSteps({ logRetentionDays }: Desired, { logGroup }: Observed): Step[] {
  if (logGroup === undefined) return [{ do: 'create log group' }, { do: 'set log retention' }];
  return logGroup.retentionDays === logRetentionDays ? [] : [{ do: 'set log retention' }];
}

function functionSteps(desired: Desired, { fn, role }: Observed): Step[] {
  const { options, code } = desired;
  if (fn === undefined) return [{ do: 'create function' }];
  const steps: Step[] = [];
  // A role that is about to be created has another identity, even under the same name.
  const roleArn = options.roleArn ?? role?.arn;
  const settings: Readonly<Record<string, boolean>> = {
    runtime: fn.runtime === desired.runtime,
    handler: fn.handler === desired.handler,
    timeout: fn.timeoutS === desired.timeoutS,
    memory: fn.memoryMb === options.memoryMb,
    role: roleArn !== undefined && fn.roleArn === roleArn,
    environment: sameEntries(fn.environment, desired.environment),
  };
  const differing = Object.keys(settings).filter((name) => settings[name] !== true);
  if (differing.length > 0) steps.push({ do: 'update function settings', differing });
  // The architecture belongs to the code: it can only be changed together with it.
  if (fn.codeSha256 !== code.zipSha256 || fn.architecture !== options.architecture)
    steps.push({ do: 'update function code' });
  if (fn.bundleHash !== code.bundleHash) steps.push({ do: 'tag function' });
  return steps;
}

function apiSteps(desired: Desired, observed: Observed): Step[] {
  const { api, fn } = observed;
  const steps: Step[] = observed.spareApiIds.map((id) => ({ do: 'remove spare api', id }));
  if (api === undefined) {
    steps.push({ do: 'create api' }, { do: 'create resource' }, { do: 'put method', replace: false });
  } else if (api.resourceId === undefined) {
    steps.push({ do: 'create resource' }, { do: 'put method', replace: false });
  } else if (!methodIsRight(desired, observed)) {
    steps.push({ do: 'put method', replace: api.method !== undefined });
  }
  const changed = steps.some((step) => step.do === 'put method');
  const allowed =
    api !== undefined &&
    fn !== undefined &&
    fn.gatewaySourceArn === gatewaySourceArn(desired, fn.arn, api.id);
  if (!allowed) steps.push({ do: 'allow gateway', replace: fn?.gatewaySourceArn !== undefined });
  if (api?.stage === undefined) {
    steps.push({ do: 'create deployment' }, { do: 'create stage' });
  } else if (changed || api.stage.deployed !== deployedMark(desired)) {
    // What was changed after a deployment isn't served until the next one.
    steps.push({ do: 'create deployment' }, { do: 'point stage at deployment' });
  }
  return steps;
}

function methodIsRight(desired: Desired, { api }: Observed): boolean {
  const method = api?.method;
  return (
    method?.apiKeyRequired === true &&
    method.integrationType === 'AWS_PROXY' &&
    method.integrationTimeoutMs === desired.integrationTimeoutMs &&
    // The account's number isn't known before the function is there; the name is enough to know it by.
    method.integrationUri?.endsWith(`:function:${desired.names.base}/invocations`) === true
  );
}

function keySteps(desired: Desired, observed: Observed): Step[] {
  const { api, key, plan } = observed;
  const steps: Step[] = observed.spareKeyIds.map((id) => ({ do: 'remove spare key', id }));
  for (const id of observed.sparePlanIds) steps.push({ do: 'remove usage plan', id, stages: [] });
  if (key === undefined) steps.push({ do: 'create key' });
  else if (!key.enabled) steps.push({ do: 'enable key' });
  const link = api?.stage === undefined ? undefined : `${api.id}:${desired.names.stage}`;
  const planIsRight =
    plan !== undefined &&
    link !== undefined &&
    plan.stages.length === 1 &&
    plan.stages[0] === link &&
    plan.rateLimit === desired.throttle.rateLimit &&
    plan.burstLimit === desired.throttle.burstLimit &&
    plan.quotaPerDay === desired.quotaPerDay;
  if (!planIsRight) {
    if (plan !== undefined) steps.push({ do: 'remove usage plan', id: plan.id, stages: plan.stages });
    steps.push({ do: 'create usage plan' }, { do: 'add key to usage plan' });
  } else if (key === undefined || !plan.keyIds.includes(key.id)) {
    steps.push({ do: 'add key to usage plan' });
  }
  return steps;
}

function alarmSteps({ alarmUsd }: Desired, { alarm }: Observed): Step[] {
  if (alarmUsd === undefined) return alarm === undefined ? [] : [{ do: 'remove alarm' }];
  return alarm?.thresholdUsd === alarmUsd ? [] : [{ do: 'put alarm' }];
}

function sameEntries(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** What may invoke the function: our path on our API, at any stage. */
export function gatewaySourceArn(desired: Desired, functionArn: string, apiId: string): string {
  const [arn, partition, , region, account] = functionArn.split(':');
  return [arn, partition, 'execute-api', region, account, `${apiId}/*/POST/${desired.names.path}`].join(':');
}

/** What a deployment's description says: the settings it serves, so that a deployment by somebody else is noticed. */
export function deployedMark({ names, integrationTimeoutMs }: Desired): string {
  return `POST /${names.path} with an API key to ${names.base}, at most ${integrationTimeoutMs} ms`;
}
