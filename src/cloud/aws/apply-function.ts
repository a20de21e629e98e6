/** The steps on the function and what belongs to it: role, log group, permission, alarm. */
import { DeleteAlarmsCommand, PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch';
import { CreateLogGroupCommand, PutRetentionPolicyCommand } from '@aws-sdk/client-cloudwatch-logs';
import { CreateRoleCommand, PutRolePolicyCommand, UpdateAssumeRolePolicyCommand } from '@aws-sdk/client-iam';
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  RemovePermissionCommand,
  TagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { logPolicy, trustPolicy } from './desired.ts';
import { configurationOf, creationOf } from './function-input.ts';
import { COST_METRIC, METRIC_NAMESPACE, poolDimension } from './metric-names.ts';
import { unlessMissing } from './observe-function.ts';
import {
  ACTIVE_PATIENCE_S,
  CONFLICT_PATIENCE_MS,
  ROLE_PATIENCE_MS,
  isBusy,
  retrying,
  roleIsUnknown,
} from './patience.ts';
import { gatewaySourceArn } from './plan.ts';
import { needed, type Work } from './work.ts';

export async function createRole({ clients, desired, ids, signal }: Work): Promise<void> {
  const created = await clients.iam.send(
    new CreateRoleCommand({
      RoleName: desired.names.role,
      AssumeRolePolicyDocument: trustPolicy(),
      Description: `Spillway's functions of the pool ${desired.options.pool}`,
      Tags: Object.entries(desired.tags).map(([Key, Value]) => ({ Key, Value })),
    }),
    { abortSignal: signal },
  );
  ids.roleArn = created.Role?.Arn;
}

export async function updateRoleTrust({ clients, desired, signal }: Work): Promise<void> {
  const policy = { RoleName: desired.names.role, PolicyDocument: trustPolicy() };
  await clients.iam.send(new UpdateAssumeRolePolicyCommand(policy), { abortSignal: signal });
}

export async function putRolePolicy({ clients, desired, signal }: Work): Promise<void> {
  const { names, options } = desired;
  const policy = {
    RoleName: names.role,
    PolicyName: names.rolePolicy,
    PolicyDocument: logPolicy(names, options.region),
  };
  await clients.iam.send(new PutRolePolicyCommand(policy), { abortSignal: signal });
}

export async function createLogGroup({ clients, desired, signal }: Work): Promise<void> {
  const group = { logGroupName: desired.names.logGroup, tags: { ...desired.tags } };
  await clients.logs.send(new CreateLogGroupCommand(group), { abortSignal: signal });
}

export async function setLogRetention({ clients, desired, signal }: Work): Promise<void> {
  const policy = { logGroupName: desired.names.logGroup, retentionInDays: desired.logRetentionDays };
  await clients.logs.send(new PutRetentionPolicyCommand(policy), { abortSignal: signal });
}

export async function createFunction(work: Work): Promise<void> {
  const { clients, desired, ids, signal } = work;
  const command = new CreateFunctionCommand({
    FunctionName: desired.names.base,
    Description: `Spillway's functions of the pool ${desired.options.pool}`,
    ...creationOf(desired, needed(ids, 'roleArn')),
  });
  const created = await retrying(ROLE_PATIENCE_MS, roleIsUnknown, signal, () =>
    clients.lambda.send(command, { abortSignal: signal }),
  );
  ids.functionArn = created.FunctionArn;
  const waiter = { client: clients.lambda, maxWaitTime: ACTIVE_PATIENCE_S, abortSignal: signal };
  await waitUntilFunctionActiveV2(waiter, { FunctionName: desired.names.base });
}

export async function updateFunctionSettings(work: Work): Promise<void> {
  const { clients, desired, ids, signal } = work;
  const command = new UpdateFunctionConfigurationCommand({
    FunctionName: desired.names.base,
    ...configurationOf(desired, needed(ids, 'roleArn')),
  });
  await retrying(
    ROLE_PATIENCE_MS,
    (thrown) => roleIsUnknown(thrown) || isBusy(thrown),
    signal,
    () => clients.lambda.send(command, { abortSignal: signal }),
  );
  await waitUntilUpdated(work);
}

export async function updateFunctionCode(work: Work): Promise<void> {
  const { clients, desired, signal } = work;
  const command = new UpdateFunctionCodeCommand({
    FunctionName: desired.names.base,
    ZipFile: desired.code.zip,
    Architectures: [desired.options.architecture],
  });
  await retrying(CONFLICT_PATIENCE_MS, isBusy, signal, () =>
    clients.lambda.send(command, { abortSignal: signal }),
  );
  await waitUntilUpdated(work);
}

/** Until then calls may still be answered by the old code, and any other update is refused. */
async function waitUntilUpdated({ clients, desired, signal }: Work): Promise<void> {
  const waiter = { client: clients.lambda, maxWaitTime: ACTIVE_PATIENCE_S, abortSignal: signal };
  await waitUntilFunctionUpdatedV2(waiter, { FunctionName: desired.names.base });
}

export async function tagFunction({ clients, desired, ids, signal }: Work): Promise<void> {
  const tags = { Resource: needed(ids, 'functionArn'), Tags: { ...desired.tags } };
  await clients.lambda.send(new TagResourceCommand(tags), { abortSignal: signal });
}

export async function allowGateway({ clients, desired, ids, signal }: Work, replace: boolean): Promise<void> {
  const statement = { FunctionName: desired.names.base, StatementId: desired.names.statement };
  const options = { abortSignal: signal };
  if (replace) {
    // A statement can't be changed, only taken away and given anew.
    await clients.lambda
      .send(new RemovePermissionCommand(statement), options)
      .catch(unlessMissing('ResourceNotFoundException'));
  }
  const permission = new AddPermissionCommand({
    ...statement,
    Action: 'lambda:InvokeFunction',
    Principal: 'apigateway.amazonaws.com',
    SourceArn: gatewaySourceArn(desired, needed(ids, 'functionArn'), needed(ids, 'apiId')),
  });
  await retrying(CONFLICT_PATIENCE_MS, isBusy, signal, () => clients.lambda.send(permission, options));
}

export async function putAlarm({ clients, desired, signal }: Work): Promise<void> {
  const alarm = new PutMetricAlarmCommand({
    AlarmName: desired.names.alarm,
    AlarmDescription: `Spillway's pool ${desired.options.pool} has spent most of its budget for the day`,
    Namespace: METRIC_NAMESPACE,
    MetricName: COST_METRIC,
    Dimensions: [poolDimension(desired.options.pool)],
    Statistic: 'Maximum',
    Period: 300,
    EvaluationPeriods: 1,
    Threshold: desired.alarmUsd ?? 0,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    TreatMissingData: 'notBreaching',
    Tags: Object.entries(desired.tags).map(([Key, Value]) => ({ Key, Value })),
  });
  await clients.cloudWatch.send(alarm, { abortSignal: signal });
}

export async function removeAlarm({ clients, desired, signal }: Work): Promise<void> {
  await clients.cloudWatch.send(new DeleteAlarmsCommand({ AlarmNames: [desired.names.alarm] }), {
    abortSignal: signal,
  });
}
