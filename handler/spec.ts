/**
 * What one file of the functions folder declares: its default export and its spec. Runs inside the bundle, in the worker
 * and in the cloud, so it must stay small; the balancer checks the result again (src/functions/manifest.ts).
 */
import { toJSONSchema } from 'zod/v4/core';
import type { $ZodType } from 'zod/v4/core';
import type { FunctionSpec } from '../src/functions/manifest.ts';
import { mayBeAsync } from './async-schema.ts';
import { isObject } from './thrown.ts';

/** A zod 4 schema, as far as it is used here; from whichever copy of zod the function imported. */
export interface ParamsSchema {
  readonly _zod: { readonly def: { readonly type: string; readonly items?: readonly unknown[] } };
  safeParse(value: unknown): SchemaResult;
  safeParseAsync(value: unknown): Promise<SchemaResult>;
}

/** What a schema says of params. */
export type SchemaResult =
  | { readonly success: true; readonly data: unknown }
  | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } };

/** One of zod's issues. */
export interface Issue {
  readonly code?: unknown;
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

/** A function, ready to be called. */
export interface LoadedFunction {
  readonly run: (...args: unknown[]) => unknown;
  /** Everything the manifest says of it, except the JSON Schema, which is made only when asked for. */
  readonly spec: FunctionSpec;
  readonly schema: ParamsSchema | undefined;
  /** True if the schema has to be waited for. */
  readonly asyncSchema: boolean;
  /** How many arguments come before the context, at least; 0 unless the params are positional. */
  readonly argumentCount: number;
}

// The limits equal those of src/functions/manifest.ts, which can't be imported here: it would bring a second zod along.
const MAX_SUMMARY = 1000;
const MAX_TIMEOUT_MS = 2_147_483_647;
const MAX_CONCURRENCY = 10_000;

const isBoolean = { test: (value: unknown) => typeof value === 'boolean', expected: 'true or false' };
const isDurationMs = integer(MAX_TIMEOUT_MS, 'milliseconds');
const keys = new Map([
  ['summary', { test: isSummary, expected: `a text of at most ${MAX_SUMMARY} characters` }],
  ['params', { test: isObject, expected: 'a zod schema: z.tuple([…]) or z.object({…})' }],
  ['timeoutMs', isDurationMs],
  ['idempotent', isBoolean],
  ['offload', isBoolean],
  ['concurrency', integer(MAX_CONCURRENCY, 'calls')],
  ['localTimeoutMs', isDurationMs],
]);

/**
 * Reads what a file exports.
 * @throws Error with the reason, for the operator, if it can't be served as it stands.
 */
export function readFunction(name: string, exported: unknown): LoadedFunction {
  const own = exportsOf(exported);
  const run = own.default;
  if (typeof run !== 'function')
    throw new Error(`its default export must be a function, not ${nameOfType(run)}`);
  const kind = Object.prototype.toString.call(run);
  if (kind.includes('Generator')) throw new Error('its default export must be no generator; return an array');
  if (/^class\b/.test(Function.prototype.toString.call(run)))
    throw new Error('its default export must be no class');
  const declared = readSpec(own.spec);
  const { schema, style } = readSchema(declared['params']);
  const { params: _params, ...options } = declared;
  return {
    run: run as LoadedFunction['run'],
    spec: { name, style, idempotent: false, offload: true, concurrency: 1, ...options },
    schema,
    asyncSchema: mayBeAsync(schema),
    argumentCount: style === 'positional' ? (schema?._zod.def.items?.length ?? 0) : 0,
  };
}

/**
 * The function's entry in the manifest, with the JSON Schema of its params.
 * @throws Error with the reason if JSON Schema can't express the params.
 */
export function manifestEntry(loaded: LoadedFunction): FunctionSpec {
  if (loaded.schema === undefined) return loaded.spec;
  let schema: Record<string, unknown>;
  try {
    // The input side: what a client sends, before defaults and transforms. By way of text, since a default may be no JSON.
    const text = JSON.stringify(toJSONSchema(loaded.schema as unknown as $ZodType, { io: 'input' }));
    schema = JSON.parse(text) as Record<string, unknown>;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`spec.params can't be told to clients as JSON Schema: ${reason}`, { cause: thrown });
  }
  return { ...loaded.spec, schema };
}

interface Exports {
  readonly default?: unknown;
  readonly spec?: unknown;
}

/** A CommonJS file may export the function itself, with the spec as its property. */
function exportsOf(exported: unknown): Exports {
  const own: Exports = exported ?? {};
  return typeof exported === 'function' ? { default: own.default ?? exported, spec: own.spec } : own;
}

function readSpec(spec: unknown): Record<string, unknown> {
  if (spec === undefined) return {};
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw new Error(`spec must be an object, not ${nameOfType(spec)}`);
  }
  // An option that is present but undefined counts as left out.
  const declared = Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
  for (const [key, value] of Object.entries(declared)) {
    const rule = keys.get(key);
    if (rule === undefined)
      throw new Error(`spec.${key} is unknown; spec may have ${[...keys.keys()].join(', ')}`);
    if (!rule.test(value)) throw new Error(`spec.${key} must be ${rule.expected}, not ${quote(value)}`);
  }
  return declared;
}

function readSchema(params: unknown): { schema: ParamsSchema | undefined; style: FunctionSpec['style'] } {
  if (params === undefined) return { schema: undefined, style: 'any' };
  const schema = params as Partial<ParamsSchema>;
  const type = schema._zod?.def.type;
  if (type === undefined || typeof schema.safeParse !== 'function') {
    throw new Error('spec.params must be a schema made by zod 4: z.tuple([…]) or z.object({…})');
  }
  if (type !== 'tuple' && type !== 'object') {
    throw new Error(
      `spec.params must be z.tuple([…]) or z.object({…}), not z.${type}; transform its items instead`,
    );
  }
  return { schema: params as ParamsSchema, style: type === 'tuple' ? 'positional' : 'named' };
}

function isSummary(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_SUMMARY;
}

function integer(max: number, unit: string): { test: (value: unknown) => boolean; expected: string } {
  return {
    test: (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max,
    expected: `a whole number of ${unit} from 1 to ${max}`,
  };
}

function nameOfType(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}

function quote(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value) : nameOfType(value);
}
