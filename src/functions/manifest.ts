/**
 * What a bundle's functions are: names, specs, parameter schemas. Read by a worker, which loads the bundle, and
 * checked here, since a worker runs user code and may say anything.
 */
import type { infer as Inferred } from 'zod';
import { z } from '../zod.ts';

/** A function's name is its method: letters, digits, `_`, `-` and `.`; never `rpc.` at the start (JSON-RPC reserves it). */
export const METHOD_NAME = /^(?!rpc\.)[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;

/** The longest delay a Node timer can hold, in milliseconds. */
export const MAX_TIMEOUT_MS = 2_147_483_647;

const durationMs = z.int().min(1).max(MAX_TIMEOUT_MS);

const functionSpec = z.strictObject({
  name: z.string().regex(METHOD_NAME),
  summary: z.string().max(1000).optional(),
  /** positional: the schema is a tuple; named: an object; any: the function has no schema. */
  style: z.enum(['positional', 'named', 'any']),
  /** JSON Schema (2020-12) of the params, absent when style is any. */
  schema: z.record(z.string(), z.unknown()).optional(),
  timeoutMs: durationMs.optional(),
  idempotent: z.boolean(),
  offload: z.boolean(),
  /** How many of its calls one slot may run at once. */
  concurrency: z.int().min(1).max(10_000),
  localTimeoutMs: durationMs.optional(),
});

const manifest = z.strictObject({ functions: z.array(functionSpec).min(1).max(10_000) });

/** One function, as its file declares it, with the contract's defaults filled in. */
export type FunctionSpec = Readonly<Inferred<typeof functionSpec>>;

/** The functions of one bundle by name. */
export type Manifest = ReadonlyMap<string, FunctionSpec>;

/**
 * Checks a manifest that a worker sent.
 * @throws Error naming the first fault; the text is for the operator.
 */
export function parseManifest(json: string): Manifest {
  const parsed = manifest.safeParse(JSON.parse(json));
  if (!parsed.success) throw new Error(`the manifest is not valid: ${z.prettifyError(parsed.error)}`);
  const byName = new Map(parsed.data.functions.map((spec) => [spec.name, spec]));
  if (byName.size !== parsed.data.functions.length) throw new Error('the manifest names a function twice');
  return byName;
}
