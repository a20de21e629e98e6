/** Reads the REST API with its stage, the key and the usage plan. Their names aren't unique in AWS, so they are lists. */
import {
  GetApiKeysCommand,
  GetDeploymentCommand,
  GetResourcesCommand,
  GetRestApisCommand,
  GetStagesCommand,
  GetUsagePlanKeysCommand,
  GetUsagePlansCommand,
  type RestApi,
  type UsagePlan,
} from '@aws-sdk/client-api-gateway';
import { POOL_TAG } from './desired.ts';
import { unlessMissing, type Reads } from './observe-function.ts';

/** One thing of a name, and the ids of others of that name and pool. */
interface Found<T> {
  readonly found: T | undefined;
  readonly spareIds: readonly string[];
}

export interface ObservedApi {
  readonly id: string;
  readonly rootResourceId: string;
  readonly resourceId: string | undefined;
  readonly method: ObservedMethod | undefined;
  /** The stage; its deployment's description says what was deployed. */
  readonly stage: { readonly deployed: string | undefined } | undefined;
}

export interface ObservedMethod {
  readonly apiKeyRequired: boolean;
  readonly integrationType: string | undefined;
  readonly integrationUri: string | undefined;
  readonly integrationTimeoutMs: number | undefined;
}

export interface ObservedKey {
  readonly id: string;
  readonly value: string;
  readonly enabled: boolean;
}

export interface ObservedPlan {
  readonly id: string;
  readonly rateLimit: number | undefined;
  readonly burstLimit: number | undefined;
  readonly quotaPerDay: number | undefined;
  /** API and stage, as `id:stage`. */
  readonly stages: readonly string[];
  readonly keyIds: readonly string[];
}

/** The gateway's largest page. */
const PAGE = 500;

/** Reads all pages of a list. */
async function allPages<T>(
  read: (position: string | undefined) => Promise<{ items?: T[] | undefined; position?: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let position: string | undefined;
  do {
    const page = await read(position);
    all.push(...(page.items ?? []));
    position = page.position;
  } while (position !== undefined && position !== '');
  return all;
}

interface Tagged {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly createdDate?: Date | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** Those of the name and the pool, the oldest first. */
function ours<T extends Tagged>(items: readonly T[], name: string, pool: string): T[] {
  return items
    .filter((item) => item.name === name && item.tags?.[POOL_TAG] === pool)
    .toSorted(
      (a, b) =>
        (a.createdDate?.getTime() ?? 0) - (b.createdDate?.getTime() ?? 0) ||
        ((a.id ?? '') < (b.id ?? '') ? -1 : 1),
    );
}

function idsOf(items: readonly Tagged[]): string[] {
  return items.flatMap(({ id }) => (id === undefined ? [] : [id]));
}

export async function observeApi(reads: Reads): Promise<Found<ObservedApi>> {
  const { clients, pool, names, signal } = reads;
  const apis = await allPages<RestApi>((position) =>
    clients.apiGateway.send(new GetRestApisCommand({ limit: PAGE, position }), { abortSignal: signal }),
  );
  const [oldest, ...spares] = ours(apis, names.base, pool);
  if (oldest?.id === undefined) return { found: undefined, spareIds: [] };
  return { found: await observeParts(reads, oldest.id), spareIds: idsOf(spares) };
}

async function observeParts(
  { clients, names, signal }: Reads,
  restApiId: string,
): Promise<ObservedApi | undefined> {
  const options = { abortSignal: signal };
  const [resources, stages] = await Promise.all([
    // CreateRestApi doesn't always tell the root resource's id, so it is looked up here.
    allPages((position) =>
      clients.apiGateway.send(
        new GetResourcesCommand({ restApiId, embed: ['methods'], limit: PAGE, position }),
        options,
      ),
    ),
    clients.apiGateway.send(new GetStagesCommand({ restApiId }), options),
  ]);
  const root = resources.find(({ path }) => path === '/');
  const resource = resources.find(({ path }) => path === `/${names.path}`);
  const method = resource?.resourceMethods?.['POST'];
  const stage = stages.item?.find(({ stageName }) => stageName === names.stage);
  const deployment =
    stage?.deploymentId === undefined
      ? undefined
      : await clients.apiGateway
          .send(new GetDeploymentCommand({ restApiId, deploymentId: stage.deploymentId }), options)
          .catch(unlessMissing('NotFoundException'));
  if (root?.id === undefined) return undefined;
  return {
    id: restApiId,
    rootResourceId: root.id,
    resourceId: resource?.id,
    method:
      method === undefined
        ? undefined
        : {
            apiKeyRequired: method.apiKeyRequired ?? false,
            integrationType: method.methodIntegration?.type,
            integrationUri: method.methodIntegration?.uri,
            integrationTimeoutMs: method.methodIntegration?.timeoutInMillis,
          },
    stage: stage === undefined ? undefined : { deployed: deployment?.description },
  };
}

export async function observeKey({ clients, pool, names, signal }: Reads): Promise<Found<ObservedKey>> {
  const keys = await allPages((position) =>
    clients.apiGateway.send(
      new GetApiKeysCommand({ nameQuery: names.base, includeValues: true, limit: PAGE, position }),
      { abortSignal: signal },
    ),
  );
  const [oldest, ...spares] = ours(keys, names.base, pool);
  if (oldest?.id === undefined) return { found: undefined, spareIds: [] };
  const found = { id: oldest.id, value: oldest.value ?? '', enabled: oldest.enabled ?? false };
  return { found, spareIds: idsOf(spares) };
}

export async function observeUsagePlan({
  clients,
  pool,
  names,
  signal,
}: Reads): Promise<Found<ObservedPlan>> {
  const options = { abortSignal: signal };
  const plans = await allPages<UsagePlan>((position) =>
    clients.apiGateway.send(new GetUsagePlansCommand({ limit: PAGE, position }), options),
  );
  const [oldest, ...spares] = ours(plans, names.base, pool);
  const usagePlanId = oldest?.id;
  if (usagePlanId === undefined) return { found: undefined, spareIds: [] };
  const keys = await allPages((position) =>
    clients.apiGateway.send(new GetUsagePlanKeysCommand({ usagePlanId, limit: PAGE, position }), options),
  );
  const found = {
    id: usagePlanId,
    rateLimit: oldest?.throttle?.rateLimit,
    burstLimit: oldest?.throttle?.burstLimit,
    quotaPerDay: oldest?.quota?.period === 'DAY' ? oldest.quota.limit : undefined,
    stages: (oldest?.apiStages ?? []).map(({ apiId, stage }) => `${apiId}:${stage}`),
    keyIds: idsOf(keys),
  };
  return { found, spareIds: idsOf(spares) };
}
