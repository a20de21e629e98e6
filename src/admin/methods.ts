/** The admin API's methods: params are checked, the operations do the work, jayson speaks JSON-RPC. */
import type Jayson from 'jayson';
import type { ZodObject, infer as Inferred } from 'zod';
import type { Operations } from './operations.ts';
import { jayson } from '../jayson.ts';
import { messageOf } from '../message-of.ts';
import { z } from '../zod.ts';

/** Answers one body of the admin API. */
export type AdminRpc = (body: string) => Promise<string | undefined>;

/** One method: what it takes, and what it does. */
interface Method {
  readonly params: ZodObject;
  readonly run: (params: unknown) => unknown;
}

/** An operation failed for a reason the operator can read. */
const OPERATION_FAILED = -32000;
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const INVALID_PARAMS = -32602;
/** More makes no sense for an operator. */
const MAX_BATCH = 100;
/** The largest pool: as SPILLWAY_WORKERS has it. */
const MAX_WORKERS = 1000;
/** As SPILLWAY_LAMBDA_MEMORY has them. */
const MIN_MEMORY_MB = 128;
const MAX_MEMORY_MB = 10_240;
/** Each size is paid for, and takes seconds to make. */
const MAX_SIZES = 10;

const NONE = z.strictObject({});
const DONE = { ok: true };
/** A function and its params. */
const CALL = {
  method: z.string().min(1),
  params: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).optional(),
};

function method<S extends ZodObject>(params: S, run: (params: Inferred<S>) => unknown): Method {
  return { params, run: (checked) => run(checked as Inferred<S>) };
}

/** The methods by name. */
function methodsOf(operations: Operations): Record<string, Method> {
  return {
    status: method(NONE, () => operations.status()),
    'workers.list': method(NONE, () => operations.status().pool.workers),
    'workers.drain': method(z.strictObject({ id: z.string().min(1) }), async ({ id }) => {
      await operations.drainWorker(id);
      return DONE;
    }),
    'pool.resize': method(
      z.strictObject({ workers: z.int().min(1).max(MAX_WORKERS) }),
      async ({ workers }) => {
        await operations.resize(workers);
        return DONE;
      },
    ),
    'functions.list': method(NONE, () => operations.functions()),
    'functions.reload': method(NONE, () => operations.reload()),
    restart: method(NONE, async () => {
      await operations.restart();
      return DONE;
    }),
    'functions.call': method(
      z.strictObject({
        ...CALL,
        backend: z.enum(['pool', 'cloud']).optional(),
        timeoutMs: z.int().min(1).optional(),
      }),
      ({ method: name, params, backend, timeoutMs }) =>
        operations.call({ method: name, params, backend, timeoutMs }),
    ),
    'cloud.status': method(NONE, () => operations.status().cloud),
    'cloud.deploy': method(z.strictObject({ dryRun: z.boolean().optional() }), ({ dryRun }) =>
      operations.deploy({ dryRun: dryRun ?? false }),
    ),
    'cloud.calibrate': method(
      z.strictObject({
        ...CALL,
        sizesMb: z.array(z.int().min(MIN_MEMORY_MB).max(MAX_MEMORY_MB)).min(1).max(MAX_SIZES).optional(),
      }),
      ({ method: name, params, sizesMb }) => operations.calibrate({ method: name, params, sizesMb }),
    ),
    'cloud.calibration': method(NONE, () => operations.calibration()),
    'cloud.calibrate.stop': method(NONE, () => {
      operations.stopCalibration();
      return DONE;
    }),
    'cloud.destroy': method(NONE, () => operations.destroy()),
    'offload.set': method(
      z.strictObject({ policy: z.string().min(1), waitMs: z.number().min(0).optional() }),
      async ({ policy, waitMs }) => {
        await operations.setOffload(policy, waitMs);
        return DONE;
      },
    ),
  };
}

/** Makes the API. Its promise never rejects; undefined: a notification, nothing to say. */
export function createAdminRpc(operations: Operations): AdminRpc {
  const methods = Object.fromEntries(
    Object.entries(methodsOf(operations)).map(([name, one]) => [name, handler(name, one)]),
  );
  let server: Jayson.Server | undefined;
  return (body) => {
    let request: unknown;
    try {
      request = JSON.parse(body);
    } catch {
      return Promise.resolve(rpcError(PARSE_ERROR, 'Parse error: the body is not JSON'));
    }
    // Strings and nested arrays would never be answered.
    const entries: unknown[] = Array.isArray(request) ? request : [request];
    if (entries.length === 0 || !entries.every(isObject)) {
      return Promise.resolve(rpcError(INVALID_REQUEST, 'Invalid Request: send a request object'));
    }
    server ??= new (jayson().Server)(methods, { maxBatchLength: MAX_BATCH });
    const judge = server;
    return new Promise((resolve) => {
      judge.call(request as Jayson.JSONRPCRequestLike, (error: unknown, response: unknown) => {
        const answer = error ?? response;
        resolve(answer === undefined || answer === null ? undefined : JSON.stringify(answer));
      });
    });
  };
}

/** A whole answer that says what went wrong, for requests that have no id, or whose id wasn't read. */
export function rpcError(code: number, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } });
}

interface RpcFault {
  readonly code: number;
  readonly message: string;
}

type Respond = (error: RpcFault | null, result?: unknown) => void;

function handler(name: string, { params: schema, run }: Method): (params: unknown, respond: Respond) => void {
  return (params, respond) => {
    const parsed = schema.safeParse(byName(params, Object.keys(schema.shape)));
    if (!parsed.success) {
      const issues = parsed.error.issues.map(({ path, message }) =>
        path.length === 0 ? message : `${path.join('.')}: ${message}`,
      );
      respond({ code: INVALID_PARAMS, message: `${name}: ${issues.join('; ')}` });
      return;
    }
    // A throw in here would end the process: jayson calls this outside of any promise.
    Promise.resolve(parsed.data)
      .then(run)
      .then(
        (result) => respond(null, result ?? null),
        (error: unknown) => {
          respond({
            code: OPERATION_FAILED,
            message: messageOf(error),
          });
        },
      );
  };
}

/** Params by position are put under their names; too many of them get names that no schema takes. */
function byName(params: unknown, names: readonly string[]): unknown {
  if (!Array.isArray(params)) return params ?? {};
  return Object.fromEntries(params.map((value, index) => [names[index] ?? `param ${index + 1}`, value]));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
