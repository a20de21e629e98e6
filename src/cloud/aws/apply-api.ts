/** The steps on the REST API, its stage, the key and the usage plan. */
import {
  CreateApiKeyCommand,
  CreateDeploymentCommand,
  CreateResourceCommand,
  CreateRestApiCommand,
  CreateStageCommand,
  CreateUsagePlanCommand,
  CreateUsagePlanKeyCommand,
  DeleteApiKeyCommand,
  DeleteMethodCommand,
  DeleteRestApiCommand,
  DeleteUsagePlanCommand,
  GetResourcesCommand,
  PutIntegrationCommand,
  PutMethodCommand,
  UpdateApiKeyCommand,
  UpdateStageCommand,
  UpdateUsagePlanCommand,
} from '@aws-sdk/client-api-gateway';
import { unlessMissing } from './observe-function.ts';
import { deployedMark } from './plan.ts';
import { needed, type Work } from './work.ts';

export async function createApi({ clients, desired, ids, signal }: Work): Promise<void> {
  const options = { abortSignal: signal };
  const created = await clients.apiGateway.send(
    new CreateRestApiCommand({
      name: desired.names.base,
      description: `Spillway's functions of the pool ${desired.options.pool}`,
      endpointConfiguration: { types: ['REGIONAL'] },
      tags: { ...desired.tags },
    }),
    options,
  );
  ids.apiId = created.id;
  ids.rootResourceId = created.rootResourceId;
  if (ids.rootResourceId !== undefined) return;
  const found = await clients.apiGateway.send(
    new GetResourcesCommand({ restApiId: needed(ids, 'apiId') }),
    options,
  );
  ids.rootResourceId = found.items?.find(({ path }) => path === '/')?.id;
}

export async function removeApi(
  { clients, signal }: Pick<Work, 'clients' | 'signal'>,
  restApiId: string,
): Promise<void> {
  await clients.apiGateway
    .send(new DeleteRestApiCommand({ restApiId }), { abortSignal: signal })
    .catch(unlessMissing('NotFoundException'));
}

export async function createResource({ clients, desired, ids, signal }: Work): Promise<void> {
  const created = await clients.apiGateway.send(
    new CreateResourceCommand({
      restApiId: needed(ids, 'apiId'),
      parentId: needed(ids, 'rootResourceId'),
      pathPart: desired.names.path,
    }),
    { abortSignal: signal },
  );
  ids.resourceId = created.id;
}

export async function putMethod({ clients, desired, ids, signal }: Work, replace: boolean): Promise<void> {
  const method = {
    restApiId: needed(ids, 'apiId'),
    resourceId: needed(ids, 'resourceId'),
    httpMethod: 'POST',
  };
  const options = { abortSignal: signal };
  if (replace) {
    await clients.apiGateway
      .send(new DeleteMethodCommand(method), options)
      .catch(unlessMissing('NotFoundException'));
  }
  await clients.apiGateway.send(
    new PutMethodCommand({ ...method, authorizationType: 'NONE', apiKeyRequired: true }),
    options,
  );
  const functionArn = needed(ids, 'functionArn');
  const [arn, partition, , region] = functionArn.split(':');
  await clients.apiGateway.send(
    new PutIntegrationCommand({
      ...method,
      type: 'AWS_PROXY',
      // Lambda is always invoked by POST, whatever the method.
      integrationHttpMethod: 'POST',
      uri: `${arn}:${partition}:apigateway:${region}:lambda:path/2015-03-31/functions/${functionArn}/invocations`,
      timeoutInMillis: desired.integrationTimeoutMs,
    }),
    options,
  );
}

export async function createDeployment({ clients, desired, ids, signal }: Work): Promise<void> {
  const deployment = { restApiId: needed(ids, 'apiId'), description: deployedMark(desired) };
  const created = await clients.apiGateway.send(new CreateDeploymentCommand(deployment), {
    abortSignal: signal,
  });
  ids.deploymentId = created.id;
}

export async function createStage({ clients, desired, ids, signal }: Work): Promise<void> {
  await clients.apiGateway.send(
    new CreateStageCommand({
      restApiId: needed(ids, 'apiId'),
      stageName: desired.names.stage,
      deploymentId: needed(ids, 'deploymentId'),
      tags: { ...desired.tags },
    }),
    { abortSignal: signal },
  );
}

export async function pointStage({ clients, desired, ids, signal }: Work): Promise<void> {
  await clients.apiGateway.send(
    new UpdateStageCommand({
      restApiId: needed(ids, 'apiId'),
      stageName: desired.names.stage,
      patchOperations: [{ op: 'replace', path: '/deploymentId', value: needed(ids, 'deploymentId') }],
    }),
    { abortSignal: signal },
  );
}

export async function createKey({ clients, desired, ids, signal }: Work): Promise<void> {
  const key = { name: desired.names.base, enabled: true, tags: { ...desired.tags } };
  const created = await clients.apiGateway.send(new CreateApiKeyCommand(key), { abortSignal: signal });
  ids.keyId = created.id;
  ids.keyValue = created.value;
}

export async function enableKey({ clients, ids, signal }: Work): Promise<void> {
  const patchOperations = [{ op: 'replace' as const, path: '/enabled', value: 'true' }];
  await clients.apiGateway.send(new UpdateApiKeyCommand({ apiKey: needed(ids, 'keyId'), patchOperations }), {
    abortSignal: signal,
  });
}

export async function removeKey(
  { clients, signal }: Pick<Work, 'clients' | 'signal'>,
  apiKey: string,
): Promise<void> {
  await clients.apiGateway
    .send(new DeleteApiKeyCommand({ apiKey }), { abortSignal: signal })
    .catch(unlessMissing('NotFoundException'));
}

/** A plan can't be removed while stages are joined to it. */
export async function removeUsagePlan(
  { clients, signal }: Pick<Work, 'clients' | 'signal'>,
  usagePlanId: string,
  stages: readonly string[],
): Promise<void> {
  const options = { abortSignal: signal };
  const missing = unlessMissing('NotFoundException');
  if (stages.length > 0) {
    const patchOperations = stages.map((value) => ({ op: 'remove' as const, path: '/apiStages', value }));
    await clients.apiGateway
      .send(new UpdateUsagePlanCommand({ usagePlanId, patchOperations }), options)
      .catch(missing);
  }
  await clients.apiGateway.send(new DeleteUsagePlanCommand({ usagePlanId }), options).catch(missing);
}

export async function createUsagePlan({ clients, desired, ids, signal }: Work): Promise<void> {
  const created = await clients.apiGateway.send(
    new CreateUsagePlanCommand({
      name: desired.names.base,
      description: `Limits of the pool ${desired.options.pool}, should its ledger be lost`,
      apiStages: [{ apiId: needed(ids, 'apiId'), stage: desired.names.stage }],
      throttle: { ...desired.throttle },
      quota: { limit: desired.quotaPerDay, period: 'DAY' },
      tags: { ...desired.tags },
    }),
    { abortSignal: signal },
  );
  ids.planId = created.id;
}

export async function addKeyToPlan({ clients, ids, signal }: Work): Promise<void> {
  const planKey = { usagePlanId: needed(ids, 'planId'), keyId: needed(ids, 'keyId'), keyType: 'API_KEY' };
  await clients.apiGateway.send(new CreateUsagePlanKeyCommand(planKey), { abortSignal: signal });
}
