/**
 * How a function's failure travels back from wherever it ran, as JSON, and what the client is told of it. Whoever sent
 * it runs user code and may say anything, so it is checked here.
 */
import { z } from 'zod';
import { functionError, invalidParams, methodNotFound, tooLarge, type CallError } from '../errors.ts';

const failure = z.object({
  kind: z.enum(['FunctionError', 'InvalidParams', 'MethodNotFound', 'TooLarge']),
  message: z.string(),
  name: z.string().optional(),
  code: z.number().optional(),
  data: z.unknown().optional(),
});

/** How a call failed where it ran. */
export type Failure = z.infer<typeof failure>;

/** Reads a failure; undefined for anything malformed. */
export function readFailure(json: Buffer): Failure | undefined {
  try {
    const parsed = failure.safeParse(JSON.parse(json.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // not JSON: as wrong as JSON of another shape
  }
}

/** The failure as the client will see it. */
export function failureError(failure: Failure, method: string, maxResultBytes: number): CallError {
  switch (failure.kind) {
    case 'FunctionError':
      return functionError({ ...failure, name: failure.name ?? 'Error' } as Parameters<
        typeof functionError
      >[0]);
    case 'InvalidParams':
      return invalidParams(failure.message, failure.data);
    case 'MethodNotFound':
      return methodNotFound(method);
    case 'TooLarge':
      return tooLarge('result', maxResultBytes);
  }
}
