/** Loads the bundle of functions into this process. */
import { createRequire, isBuiltin } from 'node:module';
import vm from 'node:vm';

/** What a function learns about its call. */
export interface InvokeContext {
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  readonly callId: string;
  readonly backend: 'pool' | 'cloud';
  /** The trace that the call belongs to (W3C Trace Context); absent where it belongs to none. */
  readonly traceparent?: string;
  /** The tracestate that came with it. */
  readonly tracestate?: string;
}

/** How the bundle's invoke ends. */
export type InvokeOutcome =
  | { readonly ok: true; readonly json: string }
  | {
      readonly ok: false;
      readonly kind: string;
      readonly message: string;
      readonly name?: string;
      readonly code?: number;
      readonly data?: unknown;
    };

/** What every bundle exports (handler/invoke.ts is bundled in). */
export interface LoadedBundle {
  manifestJson(): string;
  /** Returns at once for a synchronous function; never throws or rejects. */
  invoke(
    name: string,
    params: string | undefined,
    context: InvokeContext,
  ): InvokeOutcome | Promise<InvokeOutcome>;
}

/** A bundle, and what makes loading it quicker the next time. */
export interface LoadResult {
  readonly bundle: LoadedBundle;
  /** V8's code cache, as it is now. */
  readonly createCache: () => Buffer;
}

/**
 * Compiles and runs the bundle's top level.
 * @param cache V8's code cache from an earlier load; an unusable one is ignored.
 * @throws whatever the functions' top level throws.
 */
export function loadBundle(code: Buffer, cache: Buffer): LoadResult {
  const script = new vm.Script(`(function (require, module, exports) {${code.toString('utf8')}\n})`, {
    filename: 'bundle.js',
    ...(cache.length > 0 && { cachedData: cache }),
  });
  const evaluate = script.runInThisContext() as (
    require: NodeJS.Require,
    module: object,
    exports: object,
  ) => void;
  const module: { exports: object } = { exports: {} };
  evaluate(requireBuiltin as NodeJS.Require, module, module.exports);
  return { bundle: module.exports as LoadedBundle, createCache: () => script.createCachedData() };
}

const requireAny = createRequire('/');

/** The bundle brings its packages with it; an optional one that wasn't installed must not be found on this machine. */
function requireBuiltin(name: string): unknown {
  if (isBuiltin(name)) return requireAny(name);
  throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });
}
