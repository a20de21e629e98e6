/** The fake AWS's REST APIs, keys and usage plans. A stage serves what was deployed, not what was changed since. */
import { fault, notFound, ok, type Answer, type Json } from './aws-answers.ts';

/** A method as it stands, or as a deployment has it. */
interface Method {
  readonly apiKeyRequired: boolean;
  readonly integration?: Json;
}

interface Api extends Json {
  readonly id: string;
  resourceId: string | undefined;
  method: Method | undefined;
  readonly deployments: Map<string, { readonly description: unknown; readonly method: Method | undefined }>;
  stages: Map<string, { deploymentId: string }>;
}

interface Plan extends Json {
  readonly id: string;
  apiStages: { apiId: string; stage: string }[];
  keyIds: string[];
}

export class FakeApis {
  readonly apis = new Map<string, Api>();
  readonly keys = new Map<string, Json>();
  readonly plans = new Map<string, Plan>();
  /** Whether CreateRestApi tells the root resource. */
  tellsRoot = true;
  #ids = 0;

  list(what: 'apis' | 'keys' | 'plans'): Answer {
    return ok({
      item: [...this[what].values()].map(({ deployments: _d, stages: _s, method: _m, ...item }) => item),
    });
  }

  remove(what: 'apis' | 'keys', id: string): Answer {
    return this[what].delete(id) ? ok({}, 202) : notFound();
  }

  createApi(body: Json): Answer {
    const id = this.#id('api');
    const parts = { resourceId: undefined, method: undefined, deployments: new Map(), stages: new Map() };
    this.apis.set(id, { ...body, id, createdDate: ++this.#ids, ...parts });
    return ok({ id, ...(this.tellsRoot && { rootResourceId: 'root' }) }, 201);
  }

  getResources(apiId: string): Answer {
    const api = this.apis.get(apiId);
    if (api === undefined) return notFound();
    const { resourceId, method } = api;
    const methods = method && {
      POST: { apiKeyRequired: method.apiKeyRequired, methodIntegration: method.integration },
    };
    const call = { id: resourceId, path: '/call', resourceMethods: methods };
    return ok({ item: [{ id: 'root', path: '/' }, ...(resourceId === undefined ? [] : [call])] });
  }

  createResource(apiId: string, _body: Json): Answer {
    return this.#change(apiId, (api) => (api.resourceId = this.#id('resource')), 'resourceId');
  }

  putMethod(apiId: string, body: Json): Answer {
    if (this.apis.get(apiId)?.method !== undefined)
      return fault(409, 'ConflictException', 'Method already exists for this resource');
    return this.#change(apiId, (api) => (api.method = { apiKeyRequired: body['apiKeyRequired'] === true }));
  }

  deleteMethod(apiId: string): Answer {
    return this.#change(apiId, (api) => (api.method = undefined));
  }

  putIntegration(apiId: string, body: Json): Answer {
    return this.#change(
      apiId,
      (api) => (api.method = { apiKeyRequired: api.method?.apiKeyRequired ?? false, integration: body }),
    );
  }

  createDeployment(apiId: string, body: Json): Answer {
    const id = this.#id('deployment');
    return this.#change(
      apiId,
      (api) => api.deployments.set(id, { description: body['description'], method: api.method }),
      undefined,
      id,
    );
  }

  getDeployment(apiId: string, id: string): Answer {
    const deployment = this.apis.get(apiId)?.deployments.get(id);
    return deployment === undefined ? notFound() : ok({ id, description: deployment.description });
  }

  getStages(apiId: string): Answer {
    const stages = this.apis.get(apiId)?.stages ?? new Map<string, Json>();
    return ok({ item: [...stages].map(([stageName, stage]) => ({ stageName, ...stage })) });
  }

  createStage(apiId: string, body: Json): Answer {
    const stage = { deploymentId: String(body['deploymentId']) };
    return this.#change(apiId, (api) => api.stages.set(String(body['stageName']), stage));
  }

  updateStage(apiId: string, body: Json): Answer {
    const [operation] = body['patchOperations'] as { value: string }[];
    return this.#change(apiId, (api) => api.stages.set('v1', { deploymentId: operation?.value ?? '' }));
  }

  createKey(body: Json): Answer {
    const id = this.#id('key');
    const key = { ...body, id, createdDate: ++this.#ids, value: `secret-of-${id}` };
    this.keys.set(id, key);
    return ok(key, 201);
  }

  enableKey(id: string): Answer {
    this.keys.set(id, { ...this.keys.get(id), enabled: true });
    return ok({});
  }

  createPlan(body: Json): Answer {
    const id = this.#id('plan');
    for (const { apiId, stage } of body['apiStages'] as Plan['apiStages']) {
      if (this.apis.get(apiId)?.stages.has(stage) !== true) return notFound();
    }
    this.plans.set(id, {
      ...body,
      id,
      createdDate: ++this.#ids,
      keyIds: [],
      apiStages: body['apiStages'] as Plan['apiStages'],
    });
    return ok({ id }, 201);
  }

  updatePlan(id: string, body: Json): Answer {
    const plan = this.plans.get(id);
    if (plan === undefined) return notFound();
    const operations = body['patchOperations'] as { value: string }[];
    plan.apiStages = plan.apiStages.filter(
      ({ apiId, stage }) => !operations.some(({ value }) => value === `${apiId}:${stage}`),
    );
    return ok({});
  }

  deletePlan(id: string): Answer {
    const plan = this.plans.get(id);
    if (plan === undefined) return notFound();
    if (plan.apiStages.length > 0)
      return fault(400, 'BadRequestException', 'Cannot delete a usage plan that has API stages');
    this.plans.delete(id);
    return ok({}, 202);
  }

  getPlanKeys(id: string): Answer {
    return ok({ item: (this.plans.get(id)?.keyIds ?? []).map((keyId) => ({ id: keyId })) });
  }

  addPlanKey(id: string, body: Json): Answer {
    this.plans.get(id)?.keyIds.push(String(body['keyId']));
    return ok({}, 201);
  }

  #change(apiId: string, change: (api: Api) => unknown, idField?: 'resourceId', id?: string): Answer {
    const api = this.apis.get(apiId);
    if (api === undefined) return notFound();
    change(api);
    return ok({ id: idField === undefined ? id : api[idField] }, 201);
  }

  #id(what: string): string {
    this.#ids += 1;
    return `${what}${this.#ids}`;
  }
}
