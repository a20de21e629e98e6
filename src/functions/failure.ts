/** What the client is told of a function's failure, wherever it ran. */
import { functionError, invalidParams, methodNotFound, tooLarge, type CallError } from '../errors.ts';
import type { Failure } from '../pool/protocol.ts';

/** The failure as the client will see it. */
export function failureError(failure: Failure, method: string, maxResultBytes: number): CallError {
  switch (failure.kind) {
    case 'FunctionError':
      return functionError({
        name: failure.name ?? 'Error',
        message: failure.message,
        ...(failure.code !== undefined && { code: failure.code }),
        data: failure.data,
      });
    case 'InvalidParams':
      return invalidParams(failure.message, failure.data);
    case 'MethodNotFound':
      return methodNotFound(method);
    case 'TooLarge':
      return tooLarge('result', maxResultBytes);
  }
}
