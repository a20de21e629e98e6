/** The fake AWS's second function: a calibration's copy, with its versions and aliases. Its operations have names of their own. */
import { HEADERS, decodeEvent } from '../../src/cloud/event.ts';
import { fault, ok, type Answer, type Json } from './aws-answers.ts';

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:';
/** The most memory that the account's functions may have, in megabytes. */
const MOST_MB = 3008;
/** The status of an answer that never comes. */
export const HANG = 0;
/** What one vCPU comes with, in megabytes. */
const ONE_CORE_MB = 1769;

export class FakeTwin {
  config: Json | undefined;
  tags: Json = {};
  readonly versions = new Map<string, Json>();
  readonly aliases = new Map<string, string>();
  /** Polls until a new or changed copy has settled. */
  settlePolls = 0;
  /** Events of the calls that came, by alias. */
  readonly calls: { readonly alias: string; readonly method: string }[] = [];
  /** How long a call runs on a whole core: waiting and computing, in milliseconds. */
  waitMs = 0;
  cpuMs = 20;
  /** What else happens to a call; undefined: it runs. */
  instead: (
    memoryMb: number,
    call: number,
  ) => Answer | { outcome: string; body: string } | 'hang' | undefined = () => undefined;
  #busyPolls = 0;
  #nextVersion = 1;
  readonly #started = new Set<string>();

  create(body: Json): Answer {
    if (this.config !== undefined)
      return fault(409, 'ResourceConflictException', 'Function already exist: it');
    const { Code: _code, Tags, ...settings } = body;
    this.config = { ...settings, FunctionArn: ARN + String(body['FunctionName']), State: 'Active' };
    this.tags = Tags as Json;
    this.#busyPolls = this.settlePolls;
    return ok(this.config, 201);
  }

  get(): Answer {
    if (this.config === undefined) return fault(404, 'ResourceNotFoundException', 'Function not found');
    const busy = this.#busyPolls > 0;
    this.#busyPolls = Math.max(0, this.#busyPolls - 1);
    const states = { State: 'Active', LastUpdateStatus: busy ? 'InProgress' : 'Successful' };
    return ok({ Configuration: { ...this.config, ...states }, Tags: this.tags });
  }

  resize(body: Json): Answer {
    if (this.config === undefined) return fault(404, 'ResourceNotFoundException', 'Function not found');
    if (this.#busyPolls > 0) return this.#busy();
    if (Number(body['MemorySize']) > MOST_MB) {
      const message = `'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to ${MOST_MB}`;
      return fault(400, 'InvalidParameterValueException', message);
    }
    this.config = { ...this.config, MemorySize: body['MemorySize'] };
    this.#busyPolls = this.settlePolls;
    return ok(this.config);
  }

  publish(): Answer {
    if (this.#busyPolls > 0) return this.#busy();
    const Version = String(this.#nextVersion++);
    this.versions.set(Version, { ...this.config });
    return ok({ ...this.config, Version }, 201);
  }

  alias(body: Json): Answer {
    this.aliases.set(String(body['Name']), String(body['FunctionVersion']));
    return ok({ ...body }, 201);
  }

  remove(): Answer {
    if (this.config === undefined) return fault(404, 'ResourceNotFoundException', 'Function not found');
    if (this.#busyPolls > 0) return this.#busy();
    this.config = undefined;
    this.versions.clear();
    this.aliases.clear();
    this.#started.clear();
    return ok({}, 204);
  }

  invoke(alias: string, event: Json): Answer {
    const version = this.aliases.get(alias);
    const config = version === undefined ? undefined : this.versions.get(version);
    if (config === undefined) return fault(404, 'ResourceNotFoundException', 'Function not found');
    const { head } = decodeEvent(String(event['body']));
    this.calls.push({ alias, method: head.method });
    const memoryMb = Number(config['MemorySize']);
    const instead = this.instead(memoryMb, this.calls.length);
    if (instead === 'hang') return { status: HANG, headers: {}, text: '' };
    if (instead !== undefined && 'status' in instead) return instead;
    const runMs = this.waitMs + this.cpuMs * Math.max(1, ONE_CORE_MB / memoryMb);
    const cold = !this.#started.has(alias);
    this.#started.add(alias);
    const headers = {
      [HEADERS.outcome]: instead?.outcome ?? 'result',
      [HEADERS.bundle]: head.bundle,
      [HEADERS.runMs]: String(runMs),
      [HEADERS.memoryMb]: '64',
      [HEADERS.logBytes]: '0',
      ...(cold && { [HEADERS.initMs]: '150' }),
    };
    const log = `END\nREPORT RequestId: r\tDuration: ${runMs} ms\tBilled Duration: ${Math.ceil(runMs) + 1} ms\t`;
    const answer = ok({ statusCode: 200, headers, body: instead?.body ?? '1' });
    return {
      ...answer,
      headers: { ...answer.headers, 'x-amz-log-result': Buffer.from(log).toString('base64') },
    };
  }

  #busy(): Answer {
    this.#busyPolls -= 1;
    const message =
      'The operation cannot be performed at this time. An update is in progress for resource: it';
    return fault(409, 'ResourceConflictException', message);
  }
}

/** Whether a function's name is a copy's. */
export function isTwin(name: unknown): boolean {
  return String(name).startsWith('spillway--calibrate-');
}

type Handler = (twin: FakeTwin, parts: readonly string[], body: Json) => Answer;

const PATH = String.raw`^\/2015-03-31\/functions\/spillway--calibrate-[^/]+`;

type TwinOperation = readonly [string, string, RegExp, Handler];

const OPERATIONS: readonly TwinOperation[] = [
  ['GetTwin', 'GET', new RegExp(`${PATH}$`), (twin) => twin.get()],
  [
    'ResizeTwin',
    'PUT',
    new RegExp(String.raw`${PATH}\/configuration$`),
    (twin, _, body) => twin.resize(body),
  ],
  ['PublishTwin', 'POST', new RegExp(String.raw`${PATH}\/versions$`), (twin) => twin.publish()],
  ['AliasTwin', 'POST', new RegExp(String.raw`${PATH}\/aliases$`), (twin, _, body) => twin.alias(body)],
  [
    'InvokeTwin',
    'POST',
    new RegExp(String.raw`${PATH}\/invocations$`),
    (twin, [alias = ''], body) => twin.invoke(alias, body),
  ],
  ['DeleteTwin', 'DELETE', new RegExp(`${PATH}$`), (twin) => twin.remove()],
];

/** Each operation by method and path. */
export function twinOperations(): readonly TwinOperation[] {
  return OPERATIONS;
}
