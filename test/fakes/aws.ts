/**
 * The part of AWS that Spillway uses, over HTTP on a loopback port, with the behaviours that the emulator lacks: a role
 * that isn't known yet, states that take time, conflicts, throttled requests, a key that the gateway doesn't know at
 * once, a stage that serves what was deployed and not what was changed since. Any operation can be made to fail.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsGateway } from './aws-gateway.ts';
import type { Answer, Json } from './aws-answers.ts';
import { FakeApis } from './aws-apis.ts';
import { FakeFunctions } from './aws-function.ts';
import { FakeTwin, HANG, isTwin, twinOperations } from './aws-twin.ts';

/** Makes an operation fail so many times. */
export interface Fault {
  readonly operation: string;
  readonly times: number;
  readonly status: number;
  readonly type: string;
  readonly message?: string;
}

interface State {
  readonly functions: FakeFunctions;
  readonly twin: FakeTwin;
  readonly apis: FakeApis;
}

type Handler = (state: State, parts: readonly string[], body: Json) => Answer;

/** Each operation by method and path; the first that matches. */
const OPERATIONS: readonly (readonly [string, string, RegExp, Handler])[] = [
  ...twinOperations().map(
    ([operation, method, pattern, handle]) =>
      [
        operation,
        method,
        pattern,
        ({ twin }: State, parts: readonly string[], body: Json) => handle(twin, parts, body),
      ] as const,
  ),
  ['GetFunction', 'GET', /^\/2015-03-31\/functions\/([^/]+)$/, (aws) => aws.functions.getFunction()],
  [
    'CreateFunction',
    'POST',
    /^\/2015-03-31\/functions$/,
    (aws, _, body) =>
      isTwin(body['FunctionName']) ? aws.twin.create(body) : aws.functions.createFunction(body),
  ],
  ['DeleteFunction', 'DELETE', /^\/2015-03-31\/functions\/([^/]+)$/, (aws) => aws.functions.deleteFunction()],
  [
    'UpdateFunctionCode',
    'PUT',
    /^\/2015-03-31\/functions\/[^/]+\/code$/,
    (aws, _, body) => aws.functions.updateCode(body),
  ],
  [
    'UpdateFunctionConfiguration',
    'PUT',
    /^\/2015-03-31\/functions\/[^/]+\/configuration$/,
    (aws, _, body) => aws.functions.updateConfiguration(body),
  ],
  ['GetPolicy', 'GET', /^\/2015-03-31\/functions\/[^/]+\/policy$/, (aws) => aws.functions.getPolicy()],
  [
    'AddPermission',
    'POST',
    /^\/2015-03-31\/functions\/[^/]+\/policy$/,
    (aws, _, body) => aws.functions.addPermission(body),
  ],
  [
    'RemovePermission',
    'DELETE',
    /^\/2015-03-31\/functions\/[^/]+\/policy\/([^/]+)$/,
    (aws) => aws.functions.removePermission(),
  ],
  ['TagResource', 'POST', /^\/2017-03-31\/tags\//, (aws, _, body) => aws.functions.tagFunction(body)],
  ['GetRestApis', 'GET', /^\/restapis$/, (aws) => aws.apis.list('apis')],
  ['CreateRestApi', 'POST', /^\/restapis$/, (aws, _, body) => aws.apis.createApi(body)],
  ['DeleteRestApi', 'DELETE', /^\/restapis\/([^/]+)$/, (aws, [id = '']) => aws.apis.remove('apis', id)],
  ['GetResources', 'GET', /^\/restapis\/([^/]+)\/resources$/, (aws, [id = '']) => aws.apis.getResources(id)],
  [
    'CreateResource',
    'POST',
    /^\/restapis\/([^/]+)\/resources\/[^/]+$/,
    (aws, [id = ''], body) => aws.apis.createResource(id, body),
  ],
  [
    'PutMethod',
    'PUT',
    /^\/restapis\/([^/]+)\/resources\/[^/]+\/methods\/POST$/,
    (aws, [id = ''], body) => aws.apis.putMethod(id, body),
  ],
  [
    'DeleteMethod',
    'DELETE',
    /^\/restapis\/([^/]+)\/resources\/[^/]+\/methods\/POST$/,
    (aws, [id = '']) => aws.apis.deleteMethod(id),
  ],
  [
    'PutIntegration',
    'PUT',
    /^\/restapis\/([^/]+)\/resources\/[^/]+\/methods\/POST\/integration$/,
    (aws, [id = ''], body) => aws.apis.putIntegration(id, body),
  ],
  [
    'CreateDeployment',
    'POST',
    /^\/restapis\/([^/]+)\/deployments$/,
    (aws, [id = ''], body) => aws.apis.createDeployment(id, body),
  ],
  [
    'GetDeployment',
    'GET',
    /^\/restapis\/([^/]+)\/deployments\/([^/]+)$/,
    (aws, [id = '', d = '']) => aws.apis.getDeployment(id, d),
  ],
  ['GetStages', 'GET', /^\/restapis\/([^/]+)\/stages$/, (aws, [id = '']) => aws.apis.getStages(id)],
  [
    'CreateStage',
    'POST',
    /^\/restapis\/([^/]+)\/stages$/,
    (aws, [id = ''], body) => aws.apis.createStage(id, body),
  ],
  [
    'UpdateStage',
    'PATCH',
    /^\/restapis\/([^/]+)\/stages\/([^/]+)$/,
    (aws, [id = ''], body) => aws.apis.updateStage(id, body),
  ],
  ['GetApiKeys', 'GET', /^\/apikeys$/, (aws) => aws.apis.list('keys')],
  ['CreateApiKey', 'POST', /^\/apikeys$/, (aws, _, body) => aws.apis.createKey(body)],
  ['UpdateApiKey', 'PATCH', /^\/apikeys\/([^/]+)$/, (aws, [id = '']) => aws.apis.enableKey(id)],
  ['DeleteApiKey', 'DELETE', /^\/apikeys\/([^/]+)$/, (aws, [id = '']) => aws.apis.remove('keys', id)],
  ['GetUsagePlans', 'GET', /^\/usageplans$/, (aws) => aws.apis.list('plans')],
  ['CreateUsagePlan', 'POST', /^\/usageplans$/, (aws, _, body) => aws.apis.createPlan(body)],
  [
    'UpdateUsagePlan',
    'PATCH',
    /^\/usageplans\/([^/]+)$/,
    (aws, [id = ''], body) => aws.apis.updatePlan(id, body),
  ],
  ['DeleteUsagePlan', 'DELETE', /^\/usageplans\/([^/]+)$/, (aws, [id = '']) => aws.apis.deletePlan(id)],
  ['GetUsagePlanKeys', 'GET', /^\/usageplans\/([^/]+)\/keys$/, (aws, [id = '']) => aws.apis.getPlanKeys(id)],
  [
    'CreateUsagePlanKey',
    'POST',
    /^\/usageplans\/([^/]+)\/keys$/,
    (aws, [id = ''], body) => aws.apis.addPlanKey(id, body),
  ],
];

/** An AWS of one account, in memory. */
export class FakeAws {
  readonly functions = new FakeFunctions();
  readonly twin = new FakeTwin();
  readonly apis = new FakeApis();
  readonly gateway = new AwsGateway(this.functions, this.apis);
  /** Every operation that was asked for, in order, failed ones included. */
  readonly operations: string[] = [];
  /** Requests that came and aren't answered. */
  underWay = 0;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #faults: Fault[] = [];

  /** Its URL, once it listens. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Operations that change something. */
  get writes(): string[] {
    return this.operations.filter((operation) => !/^(Get|Describe|List)/.test(operation));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  fail(fault: Fault): void {
    this.#faults.push(fault);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.underWay += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const path = decodeURIComponent((request.url ?? '').split('?', 1)[0] ?? '');
    if (path.startsWith('/_aws/execute-api/')) this.gateway.serve(path, request, body, response);
    else this.#control(request, path, body, response);
    this.underWay -= 1;
  }

  #control(request: IncomingMessage, path: string, body: string, response: ServerResponse): void {
    const { operation, answer } = this.#operate(request, path, body);
    this.operations.push(operation);
    const fault = this.#takeFault(operation);
    const { status, headers, text } = fault === undefined ? answer() : faultAnswer(fault, operation);
    if (status !== HANG) response.writeHead(status, headers).end(text);
  }

  #operate(
    request: IncomingMessage,
    path: string,
    body: string,
  ): { operation: string; answer: () => Answer } {
    const target = request.headers['x-amz-target'];
    if (typeof target === 'string') {
      const operation = target.split('.')[1] ?? '';
      return { operation, answer: () => this.functions.logs(operation, JSON.parse(body) as Json) };
    }
    const form = new URLSearchParams(body);
    const action = form.get('Action');
    if (action !== null) return { operation: action, answer: () => this.functions.iam(action, form) };
    for (const [operation, method, pattern, handle] of OPERATIONS) {
      const match = method === request.method ? pattern.exec(path) : null;
      if (match === null) continue;
      const json = body === '' ? {} : (JSON.parse(body) as Json);
      const qualifier = new URL(request.url ?? '', this.url).searchParams.get('Qualifier') ?? '';
      return { operation, answer: () => handle(this, [...match.slice(1), qualifier], json) };
    }
    throw new Error(`the fake has no ${request.method ?? ''} ${path}`);
  }

  #takeFault(operation: string): Fault | undefined {
    const at = this.#faults.findIndex((fault) => fault.operation === operation);
    const fault = this.#faults[at];
    if (fault === undefined) return undefined;
    if (fault.times > 1) this.#faults[at] = { ...fault, times: fault.times - 1 };
    else this.#faults.splice(at, 1);
    return fault;
  }
}

function faultAnswer({ status, type, message = 'injected' }: Fault, operation: string): Answer {
  const iam = /Role/.test(operation);
  const text = iam
    ? `<ErrorResponse><Error><Type>Sender</Type><Code>${type}</Code><Message>${message}</Message></Error></ErrorResponse>`
    : JSON.stringify({ __type: type, message, Message: message });
  return {
    status,
    headers: { 'content-type': iam ? 'text/xml' : 'application/json', 'x-amzn-errortype': type },
    text,
  };
}
