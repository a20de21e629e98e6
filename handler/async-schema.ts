/**
 * Tells the schemas that may have to be waited for. Trying it in zod's synchronous mode wouldn't do: when a refinement turns
 * out to be async, zod drops its promise, and if that rejects, the process it runs in may end.
 */

/** A zod 4 schema or check. */
interface Node {
  readonly _zod: { readonly def: Readonly<Record<string, unknown>>; readonly innerType?: unknown };
}

/** What runs code of the function's author and may give a promise: refine, superRefine, check, transform, codec, promise. */
const ASYNC_KINDS = new Set(['custom', 'transform', 'promise']);

/** True if any part of the schema may be async. Every other schema answers at once, without a promise. */
export function mayBeAsync(schema: unknown): boolean {
  try {
    return search(schema, new Set());
  } catch {
    // A z.lazy that can't be resolved yet.
    return true;
  }
}

function search(part: unknown, seen: Set<unknown>): boolean {
  if (typeof part !== 'object' || part === null || seen.has(part)) return false;
  seen.add(part);
  if (!isNode(part)) return isContainer(part) && Object.values(part).some((inner) => search(inner, seen));
  const { def, innerType } = part._zod;
  if (ASYNC_KINDS.has(String(def['check'] ?? def['type']))) return true;
  // A codec's transforms are functions of the pipe itself.
  if (typeof def['transform'] === 'function' || search(innerType, seen)) return true;
  return Object.getOwnPropertyNames(def).some((key) => search(def[key], seen));
}

function isNode(part: object): part is Node {
  return '_zod' in part;
}

/** A list of schemas, or the shape of an object. */
function isContainer(part: object): boolean {
  return (
    Array.isArray(part) ||
    Object.getPrototypeOf(part) === Object.prototype ||
    Object.getPrototypeOf(part) === null
  );
}
