/** Calls as dispatch would tell of them. */
import type { Outcome } from '../../../src/dispatch/call.ts';
import type { ObservedCall } from '../../../src/dispatch/observer.ts';
import { overloaded, timeout, type CallError } from '../../../src/errors.ts';
import type { FunctionSpec } from '../../../src/functions/manifest.ts';

/** A function without a schema. */
export function spec(name: string): FunctionSpec {
  return { name, style: 'any', idempotent: true, offload: true, concurrency: 1 };
}

/** A call that arrived `agoMs` ago. */
export function observed(callId: number, of: FunctionSpec, agoMs = 0): ObservedCall {
  const arrivedAt = performance.now() - agoMs;
  return { callId, request: { spec: of, params: undefined, arrivedAt, timeoutMs: 1000 } };
}

/** Answered by a worker. */
export const ok: Outcome = {
  ok: true,
  json: Buffer.from('1'),
  report: { backend: 'pool', worker: 'w1', queueMs: 1, runMs: 2 },
};

/** Failed without a worker's word. */
function failed(error: CallError): Outcome {
  return { ok: false, error, report: { backend: 'pool', queueMs: 1, runMs: 0 } };
}

export const TURNED_AWAY = failed(overloaded(100));
export const EXPIRED_WAITING = failed(timeout(1000, false));
export const EXPIRED_RUNNING = failed(timeout(1000, true));
