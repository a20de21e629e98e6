/**
 * The closed set of errors a call can end in, with their JSON-RPC codes (docs: the table in README.md).
 *
 * They are values, not exceptions: a rejected call must cost no stack trace, and nothing but what stands here
 * may reach a client.
 */

/** Every name a call error can have, with its JSON-RPC code. */
export const CALL_ERROR_CODES = {
  ParseError: -32700,
  InvalidRequest: -32600,
  MethodNotFound: -32601,
  InvalidParams: -32602,
  InternalError: -32603,
  FunctionError: -32000,
  Overloaded: -32001,
  Timeout: -32002,
  WorkerLost: -32003,
  CloudFailed: -32004,
  ShuttingDown: -32005,
  Unauthorized: -32006,
  TooLarge: -32007,
} as const;

/** The name of a call error. */
export type CallErrorName = keyof typeof CALL_ERROR_CODES;

/** How a call failed, as the client will see it: no stack, path or address of the host is in it. */
export interface CallError {
  readonly name: CallErrorName;
  /** The JSON-RPC code. Equals CALL_ERROR_CODES[name], except for a FunctionError that brought a code of its own. */
  readonly code: number;
  readonly message: string;
  /** JSON-compatible, or absent. */
  readonly data?: unknown;
}

function callError(name: CallErrorName, message: string, data?: unknown): CallError {
  const code = CALL_ERROR_CODES[name];
  return data === undefined ? { name, code, message } : { name, code, message, data };
}

/** The request's text isn't JSON. */
export function parseError(message: string): CallError {
  return callError('ParseError', message);
}

/** The request is JSON but not a JSON-RPC 2.0 request; `message` says what was wrong and what to do. */
export function invalidRequest(message: string, data?: unknown): CallError {
  return callError('InvalidRequest', message, data);
}

/** No function has this name. */
export function methodNotFound(method: string): CallError {
  return callError('MethodNotFound', `No function is named ${JSON.stringify(method)}`);
}

/** The params don't fit the function's schema; `issues` are zod's. */
export function invalidParams(message: string, issues?: unknown): CallError {
  return callError('InvalidParams', message, issues);
}

/** A fault of the balancer itself. The details go to the log, never to the client. */
export function internalError(): CallError {
  return callError('InternalError', 'Internal error; the log of the balancer says more');
}

/** The function threw, or its result can't be JSON. `thrown.code` and `.data` are kept where the contract allows. */
export function functionError(thrown: {
  name: string;
  message: string;
  code?: number;
  data?: unknown;
}): CallError {
  if (thrown.code !== undefined && isFunctionCode(thrown.code)) {
    const own = { name: 'FunctionError', code: thrown.code, message: thrown.message } as const;
    return thrown.data === undefined ? own : { ...own, data: thrown.data };
  }
  return callError('FunctionError', thrown.message, { name: thrown.name });
}

/** True for a code a function may give its own errors: an integer outside JSON-RPC's reserved range. */
export function isFunctionCode(code: number): boolean {
  return Number.isSafeInteger(code) && (code < -32768 || code > -32000);
}

/** No slot, the queue is full and the cloud isn't usable. */
export function overloaded(
  retryAfterMs: number,
  message = 'Overloaded: every slot is busy and the queue is full',
): CallError {
  return callError('Overloaded', message, { retryAfterMs });
}

/** More work waits than the slots can do before the call's deadline, though the queue may have room. */
export function outOfTime(retryAfterMs: number): CallError {
  return overloaded(retryAfterMs, "Overloaded: more work waits than can be done in the call's time");
}

/** The deadline passed. `mayHaveRun` is false only if the call was never handed to a worker. */
export function timeout(timeoutMs: number, mayHaveRun: boolean): CallError {
  const where = mayHaveRun ? 'while it was running' : 'before it was started';
  return callError('Timeout', `The deadline of ${timeoutMs} ms passed ${where}`, { timeoutMs, mayHaveRun });
}

/** The worker died under a call that can't be placed again. */
export function workerLost(message: string): CallError {
  return callError('WorkerLost', message, { mayHaveRun: true });
}

/** The cloud failed and the call may not be placed locally. */
export function cloudFailed(reason: string, message: string, mayHaveRun: boolean): CallError {
  return callError('CloudFailed', message, { reason, mayHaveRun });
}

/** The balancer is stopping for good. */
export function shuttingDown(): CallError {
  return callError('ShuttingDown', 'The balancer is shutting down');
}

/** Missing or wrong API key. */
export function unauthorized(): CallError {
  return callError(
    'Unauthorized',
    'Missing or wrong API key: send "Authorization: Bearer KEY" or "x-api-key: KEY"',
  );
}

/** The request or the result is over the limit. */
export function tooLarge(what: 'request' | 'result', limitBytes: number): CallError {
  return callError('TooLarge', `The ${what} is larger than ${limitBytes} bytes`, { limitBytes });
}
