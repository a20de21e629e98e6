/** Reads the function and what belongs to it: role, log group, permission, alarm. */
import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { GetRoleCommand, GetRolePolicyCommand } from '@aws-sdk/client-iam';
import { GetFunctionCommand, GetPolicyCommand } from '@aws-sdk/client-lambda';
import type { AwsClients } from './clients.ts';
import { BUNDLE_TAG, POOL_TAG, type Names } from './desired.ts';
import { CloudFault, isError } from './faults.ts';

/** What every read needs. */
export interface Reads {
  readonly clients: AwsClients;
  readonly pool: string;
  readonly names: Names;
  readonly signal: AbortSignal;
}

export interface ObservedRole {
  readonly arn: string;
  /** JSON. */
  readonly trustPolicy: string;
  /** JSON; undefined if the policy isn't there. */
  readonly logPolicy: string | undefined;
}

export interface ObservedLogGroup {
  readonly retentionDays: number | undefined;
}

export interface ObservedFunction {
  readonly arn: string;
  readonly codeSha256: string | undefined;
  readonly bundleHash: string | undefined;
  readonly roleArn: string | undefined;
  readonly runtime: string | undefined;
  readonly handler: string | undefined;
  readonly timeoutS: number | undefined;
  readonly memoryMb: number | undefined;
  readonly architecture: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** The ARNs from which the gateway may invoke it, by our statement; undefined: there is no such statement. */
  readonly gatewaySourceArn: string | undefined;
}

/** @throws CloudFault if something has our name but isn't ours. */
function checkOwner(
  what: string,
  name: string,
  tags: Readonly<Record<string, string>> | undefined,
  pool: string,
): void {
  if (tags?.[POOL_TAG] === pool) return;
  throw new CloudFault(
    'bad settings',
    `the ${what} ${name} exists in AWS but isn't this pool's (its tag ${POOL_TAG} is ${JSON.stringify(tags?.[POOL_TAG] ?? null)}); ` +
      'it was left alone: choose another SPILLWAY_POOL, or remove it',
  );
}

export async function observeFunction({
  clients,
  pool,
  names,
  signal,
}: Reads): Promise<ObservedFunction | undefined> {
  const found = await clients.lambda
    .send(new GetFunctionCommand({ FunctionName: names.base }), { abortSignal: signal })
    .catch(unlessMissing('ResourceNotFoundException'));
  const config = found?.Configuration;
  if (found === undefined || config?.FunctionArn === undefined) return undefined;
  checkOwner('function', names.base, found.Tags, pool);
  return {
    arn: config.FunctionArn,
    codeSha256: config.CodeSha256,
    bundleHash: found.Tags?.[BUNDLE_TAG],
    roleArn: config.Role,
    runtime: config.Runtime,
    handler: config.Handler,
    timeoutS: config.Timeout,
    memoryMb: config.MemorySize,
    architecture: config.Architectures?.[0],
    environment: config.Environment?.Variables ?? {},
    gatewaySourceArn: await observePermission({ clients, pool, names, signal }),
  };
}

/** Whether there is a calibration's copy of the function. */
export async function observeTwin({ clients, pool, names, signal }: Reads): Promise<boolean> {
  const found = await clients.lambda
    .send(new GetFunctionCommand({ FunctionName: names.twin }), { abortSignal: signal })
    .catch(unlessMissing('ResourceNotFoundException'));
  if (found?.Configuration === undefined) return false;
  checkOwner('function', names.twin, found.Tags, pool);
  return true;
}

interface Statement {
  readonly Sid?: string;
  readonly Condition?: { readonly ArnLike?: Readonly<Record<string, string>> };
}

async function observePermission({ clients, names, signal }: Reads): Promise<string | undefined> {
  const found = await clients.lambda
    .send(new GetPolicyCommand({ FunctionName: names.base }), { abortSignal: signal })
    .catch(unlessMissing('ResourceNotFoundException'));
  const policy = JSON.parse(found?.Policy ?? '{}') as { readonly Statement?: readonly Statement[] };
  const ours = policy.Statement?.find(({ Sid }) => Sid === names.statement);
  return ours === undefined ? undefined : (ours.Condition?.ArnLike?.['AWS:SourceArn'] ?? '');
}

export async function observeRole({
  clients,
  pool,
  names,
  signal,
}: Reads): Promise<ObservedRole | undefined> {
  const found = await clients.iam
    .send(new GetRoleCommand({ RoleName: names.role }), { abortSignal: signal })
    .catch(unlessMissing('NoSuchEntityException', 'NoSuchEntity'));
  const role = found?.Role;
  if (role?.Arn === undefined) return undefined;
  checkOwner(
    'role',
    names.role,
    Object.fromEntries((role.Tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? ''])),
    pool,
  );
  const policy = await clients.iam
    .send(new GetRolePolicyCommand({ RoleName: names.role, PolicyName: names.rolePolicy }), {
      abortSignal: signal,
    })
    .catch(unlessMissing('NoSuchEntityException', 'NoSuchEntity'));
  return {
    arn: role.Arn,
    trustPolicy: plainJson(role.AssumeRolePolicyDocument),
    logPolicy: policy === undefined ? undefined : plainJson(policy.PolicyDocument),
  };
}

/** IAM hands policies out percent-encoded, and may have put spaces in. */
function plainJson(text: string | undefined): string {
  const decoded = decodeURIComponent(text ?? '');
  try {
    return JSON.stringify(JSON.parse(decoded));
  } catch {
    return decoded; // not JSON: then it isn't the policy we want either
  }
}

export async function observeLogGroup({
  clients,
  names,
  signal,
}: Reads): Promise<ObservedLogGroup | undefined> {
  const found = await clients.logs.send(
    new DescribeLogGroupsCommand({ logGroupNamePrefix: names.logGroup }),
    { abortSignal: signal },
  );
  const group = found.logGroups?.find(({ logGroupName }) => logGroupName === names.logGroup);
  return group === undefined ? undefined : { retentionDays: group.retentionInDays };
}

export async function observeAlarm({
  clients,
  names,
  signal,
}: Reads): Promise<{ readonly thresholdUsd: number } | undefined> {
  const found = await clients.cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [names.alarm] }), {
    abortSignal: signal,
  });
  const alarm = found.MetricAlarms?.[0];
  return alarm === undefined ? undefined : { thresholdUsd: alarm.Threshold ?? 0 };
}

/** A catch that turns "there is no such thing" into undefined. */
export function unlessMissing(...names: readonly string[]): (thrown: unknown) => undefined {
  return (thrown) => {
    if (isError(thrown, ...names)) return undefined;
    throw thrown;
  };
}
