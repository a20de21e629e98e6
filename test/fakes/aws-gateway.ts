/** The fake AWS's data plane: the gateway with its own refusals, and a handler behind it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HEADERS, PROBE_METHOD, decodeEvent } from '../../src/cloud/event.ts';
import type { FakeApis } from './aws-apis.ts';
import type { FakeFunctions } from './aws-function.ts';

/** What the gateway says in place of the function's answer. `reset` breaks the connection off, `hang` says nothing. */
export type Canned = 'reset' | 'hang' | { readonly status: number; readonly body: string };

/** Takes raw params, gives a result's JSON text. */
export type FakeFunction = (params: string | undefined) => string;

export class AwsGateway {
  readonly #functions: FakeFunctions;
  readonly #apis: FakeApis;
  /** How many requests don't know the key yet. */
  keyUnknownRequests = 0;
  /** Answers to come before the function is asked. */
  readonly canned: Canned[] = [];
  /** What it says to every request, if anything. */
  outage: Exclude<Canned, string> | undefined;
  /** How many requests have come. */
  requests = 0;
  readonly functions = new Map<string, FakeFunction>();
  /** Bodies of calls that reached the function, probes left out. */
  readonly bodies: string[] = [];

  constructor(functions: FakeFunctions, apis: FakeApis) {
    this.#functions = functions;
    this.#apis = apis;
  }

  serve(path: string, request: IncomingMessage, body: string, response: ServerResponse): void {
    this.requests += 1;
    const next = this.canned.shift() ?? this.outage;
    if (next === 'reset') request.socket.destroy();
    else if (next === 'hang') return;
    else if (next !== undefined)
      response.writeHead(next.status, { 'content-type': 'application/json' }).end(next.body);
    else this.#gate(path, request, body, response);
  }

  #gate(path: string, request: IncomingMessage, body: string, response: ServerResponse): void {
    const [, , , apiId = '', stageName = ''] = path.split('/');
    const api = this.#apis.apis.get(apiId);
    const stage = api?.stages.get(stageName);
    const served = stage === undefined ? undefined : api?.deployments.get(stage.deploymentId)?.method;
    const refuse = (status: number, message: string): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
    };
    if (this.keyUnknownRequests > 0) {
      this.keyUnknownRequests -= 1;
      refuse(403, 'Forbidden');
    } else if (served?.integration === undefined) {
      refuse(403, 'Missing Authentication Token');
    } else if (served.apiKeyRequired && !this.#knowsKey(request.headers['x-api-key'], apiId, stageName)) {
      refuse(403, 'Forbidden');
    } else if (!this.#mayInvoke(apiId)) {
      refuse(500, 'Internal server error');
    } else {
      this.#run(body, response);
    }
  }

  #knowsKey(value: unknown, apiId: string, stage: string): boolean {
    const key = [...this.#apis.keys.values()].find(
      (candidate) => candidate['value'] === value && candidate['enabled'] === true,
    );
    const plans = [...this.#apis.plans.values()].filter(({ keyIds }) => keyIds.includes(String(key?.['id'])));
    return plans.some(({ apiStages }) =>
      apiStages.some((joined) => joined.apiId === apiId && joined.stage === stage),
    );
  }

  #mayInvoke(apiId: string): boolean {
    const statements = JSON.stringify(this.#functions.fn?.statements ?? []);
    return statements.includes(`:${apiId}/*/POST/call`);
  }

  #run(body: string, response: ServerResponse): void {
    const { head, params } = decodeEvent(body);
    const bundle = this.#functions.servedHash ?? '';
    const headers = {
      [HEADERS.bundle]: bundle,
      [HEADERS.runMs]: '1.5',
      [HEADERS.memoryMb]: '64',
      [HEADERS.requestId]: 'r-1',
    };
    const end = (outcome: string, text: string): void => {
      response.writeHead(200, { ...headers, [HEADERS.outcome]: outcome }).end(text);
    };
    if (head.method === PROBE_METHOD) end('probe', '{}');
    else if (head.bundle !== bundle) end('wrong-bundle', '{}');
    else {
      this.bodies.push(body);
      end('result', this.functions.get(head.method)?.(params) ?? 'null');
    }
  }
}
