/**
 * From a name and params to an outcome. It is bundled in with the functions, so that a worker and the cloud can't
 * differ in how they call one.
 */
import { manifestEntry, readFunction } from './spec.ts';
import type { Issue, LoadedFunction, ParamsSchema } from './spec.ts';
import { functionFailure, isObject, jsonCopy } from './thrown.ts';
import type { InvokeFailure } from './thrown.ts';

/** The last argument of every function. */
export interface InvokeContext {
  /** Aborts when the deadline passes or nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** When the answer must be there: milliseconds since the epoch. */
  readonly deadline: number;
  /** Stands in the logs of the balancer as well. */
  readonly callId: string;
  /** Where the call runs. */
  readonly backend: 'pool' | 'cloud';
  /** The trace that the call belongs to (W3C Trace Context); absent where it belongs to none. */
  readonly traceparent?: string;
  /** The tracestate that came with it. */
  readonly tracestate?: string;
}

/** How a call ended. `json` is the result's JSON text. */
export type InvokeOutcome = { readonly ok: true; readonly json: string } | InvokeFailure;

/** What a bundle exports. */
export interface LoadedBundle {
  /**
   * JSON of { functions: FunctionSpec[] }, sorted by name, defaults filled in. The same bundle always gives the same text, but for
   * defaults of params that a function computes.
   * @throws Error naming every function that can't be served, with the reason; for the operator.
   */
  manifestJson(): string;
  /**
   * Runs a function. Never throws or rejects, and gives a promise only if the function did (or its schema runs code that could),
   * so that a short call costs no turn of the event loop. `context` is handed on untouched: its signal may be made on first use.
   * @param paramsText The params' JSON text, an array or an object; undefined when the request had none.
   */
  invoke(
    name: string,
    paramsText: string | undefined,
    context: InvokeContext,
  ): InvokeOutcome | Promise<InvokeOutcome>;
}

/** A function's name and how to load its module; one that throws while it loads is named in manifestJson's error. */
export type Source = readonly [name: string, load: () => unknown];

type Settling = InvokeOutcome | Promise<InvokeOutcome>;

/** More become an error, not arguments: V8 keeps arguments on the stack, which holds about a hundred thousand. */
const MAX_ARGUMENTS = 10_000;
/** Enough to see what is wrong; a request can hold a million wrong numbers. */
const MAX_ISSUES = 100;
const NULL_RESULT: InvokeOutcome = { ok: true, json: 'null' };

/** Loads every function, and gives what the bundle exports. */
export function createBundle(sources: readonly Source[]): LoadedBundle {
  const functions = new Map<string, LoadedFunction>();
  const faults: string[] = [];
  for (const [name, load] of sources) {
    try {
      functions.set(name, readFunction(name, loadModule(load)));
    } catch (thrown) {
      faults.push(`${name}: ${reasonOf(thrown)}`);
    }
  }
  return {
    manifestJson: () => manifestJson(functions, faults),
    invoke(name, paramsText, context) {
      const loaded = functions.get(name);
      if (loaded !== undefined) return invokeLoaded(loaded, paramsText, context);
      return { ok: false, kind: 'MethodNotFound', message: `No function is named ${JSON.stringify(name)}` };
    },
  };
}

function invokeLoaded(
  loaded: LoadedFunction,
  paramsText: string | undefined,
  context: InvokeContext,
): Settling {
  let params: unknown;
  try {
    params = paramsText === undefined ? undefined : JSON.parse(paramsText);
  } catch {
    return { ok: false, kind: 'InvalidParams', message: 'Invalid params: not JSON' };
  }
  if (params !== undefined && !isObject(params)) {
    return { ok: false, kind: 'InvalidParams', message: 'Invalid params: neither an array nor an object' };
  }
  if (loaded.schema === undefined) return call(loaded, params, context);
  return validateAndCall(
    loaded,
    loaded.schema,
    params ?? (loaded.spec.style === 'positional' ? [] : {}),
    context,
  );
}

function validateAndCall(
  loaded: LoadedFunction,
  schema: ParamsSchema,
  given: unknown,
  context: InvokeContext,
): Settling {
  if (loaded.asyncSchema) return validateAsyncAndCall(loaded, schema, given, context);
  try {
    const checked = schema.safeParse(given);
    return checked.success ? call(loaded, checked.data, context) : invalidParams(checked.error.issues);
  } catch (thrown) {
    return functionFailure(thrown);
  }
}

async function validateAsyncAndCall(
  loaded: LoadedFunction,
  schema: ParamsSchema,
  given: unknown,
  context: InvokeContext,
): Promise<InvokeOutcome> {
  try {
    const checked = await schema.safeParseAsync(given);
    return checked.success ? await call(loaded, checked.data, context) : invalidParams(checked.error.issues);
  } catch (thrown) {
    return functionFailure(thrown);
  }
}

/** @param params An array becomes arguments, an object one argument, undefined none; the context comes after them. */
function call({ run, argumentCount }: LoadedFunction, params: unknown, context: InvokeContext): Settling {
  try {
    if (!Array.isArray(params)) return settle(params === undefined ? run(context) : run(params, context));
    if (params.length > MAX_ARGUMENTS) {
      return {
        ok: false,
        kind: 'InvalidParams',
        message: `Invalid params: more than ${MAX_ARGUMENTS} of them`,
      };
    }
    // Params left out at the end: the context keeps its place.
    const args: unknown[] = params;
    while (args.length < argumentCount) args.push(undefined);
    return settle(run(...args, context));
  } catch (thrown) {
    return functionFailure(thrown);
  }
}

function settle(result: unknown): Settling {
  return isObject(result) && typeof (result as { then?: unknown }).then === 'function'
    ? awaited(result)
    : success(result);
}

async function awaited(result: unknown): Promise<InvokeOutcome> {
  try {
    return success(await result);
  } catch (thrown) {
    return functionFailure(thrown);
  }
}

function success(result: unknown): InvokeOutcome {
  if (result === undefined) return NULL_RESULT;
  let reason: string;
  try {
    const json = JSON.stringify(result) as string | undefined;
    if (json !== undefined) return { ok: true, json };
    // Of an object only its own toJSON can make nothing.
    reason = typeof result === 'object' ? 'its toJSON gives nothing' : `it is a ${typeof result}`;
  } catch (thrown) {
    // The first line only: of a circular structure V8 goes on to draw the way round.
    reason = functionFailure(thrown).message.split('\n', 1)[0] ?? '';
  }
  return {
    ok: false,
    kind: 'FunctionError',
    message: `The result can't be JSON: ${reason}`,
    name: 'TypeError',
  };
}

function invalidParams(issues: readonly Issue[]): InvokeFailure {
  const [first] = issues;
  const at =
    first?.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('') ?? '';
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const message = `Invalid params: params${at}: ${first?.message ?? 'not accepted'}${more}`;
  const kept = issues.slice(0, MAX_ISSUES);
  // A refinement may put anything into its issues.
  const data =
    jsonCopy(kept) ?? kept.map(({ path, message: text }) => ({ path: path.map(String), message: text }));
  return { ok: false, kind: 'InvalidParams', message, data };
}

function loadModule(load: () => unknown): unknown {
  try {
    return load();
  } catch (thrown) {
    throw new Error(`it threw while it was loaded: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

function manifestJson(functions: ReadonlyMap<string, LoadedFunction>, loadFaults: readonly string[]): string {
  const faults = [...loadFaults];
  const entries = [...functions.entries()].map(([name, loaded]) => {
    try {
      return manifestEntry(loaded);
    } catch (thrown) {
      faults.push(`${name}: ${reasonOf(thrown)}`);
      return loaded.spec;
    }
  });
  if (faults.length > 0) throw new Error(faults.toSorted().join('\n'));
  // By code unit, not by locale: the text must not depend on the machine.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify({ functions: entries });
}

function reasonOf(thrown: unknown): string {
  return functionFailure(thrown).message;
}
