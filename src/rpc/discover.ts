/**
 * `rpc.discover`: the functions of a manifest as an OpenRPC 1.3 document.
 *
 * A method's params become one content descriptor each. OpenRPC's schemas are JSON Schema draft 7 and live in one
 * document, so `prefixItems` becomes `items`, and `$defs` move to components.schemas, under their method's name.
 */
import { CALL_ERROR_CODES, type CallErrorName } from '../errors.ts';
import type { FunctionSpec, Manifest } from '../functions/manifest.ts';

type Schema = Record<string, unknown>;

/** What a client reads about each error, beside its code. */
const ERROR_MESSAGES: Record<CallErrorName, string> = {
  ParseError: 'The body is not JSON in UTF-8',
  InvalidRequest: 'The body is not a JSON-RPC 2.0 request, or the HTTP request around it is wrong',
  MethodNotFound: 'No function has this name',
  InvalidParams: "The params don't fit the function's schema; data has the issues",
  InternalError: 'A fault of the balancer',
  FunctionError: 'The function threw, or its result is not JSON; it may bring a code of its own',
  Overloaded:
    "Every slot is busy, and the queue is full or too long for the call's time; data.retryAfterMs says when to try again",
  Timeout: 'The deadline passed; data has timeoutMs and mayHaveRun',
  WorkerLost: 'The worker died under the call, which may have run',
  CloudFailed: 'The cloud failed and the call may not be placed locally; data has reason and mayHaveRun',
  ShuttingDown: 'The balancer is stopping for good',
  Unauthorized: 'Missing or wrong API key',
  TooLarge: 'The request or the result is over the limit; data has limitBytes',
};

/**
 * Describes every function of a manifest.
 * @param version of Spillway, for the document's info
 * @throws RangeError where a schema is nested too deep to be walked
 */
export function openRpcDocument(manifest: Manifest, version: string): unknown {
  const schemas: Record<string, unknown> = {};
  const methods = Array.from(manifest.values(), (spec) => describe(spec, schemas));
  const errors = Object.fromEntries(
    Object.entries(CALL_ERROR_CODES).map(([name, code]) => {
      return [name, { code, message: ERROR_MESSAGES[name as CallErrorName] }];
    }),
  );
  return { openrpc: '1.3.2', info: { title: 'Spillway', version }, methods, components: { errors, schemas } };
}

function describe(spec: FunctionSpec, schemas: Record<string, unknown>): unknown {
  const own = spec.schema === undefined ? undefined : toDraft7(spec.schema, spec.name);
  if (own !== undefined) collectDefinitions(own, spec, schemas);
  return {
    name: spec.name,
    ...(spec.summary === undefined ? {} : { summary: spec.summary }),
    paramStructure: { positional: 'by-position', named: 'by-name', any: 'either' }[spec.style],
    params: own === undefined ? [] : spec.style === 'named' ? namedParams(own) : positionalParams(own),
    result: { name: 'result', schema: {} },
    errors: Object.keys(CALL_ERROR_CODES).map((name) => ({ $ref: `#/components/errors/${name}` })),
  };
}

function positionalParams(own: Schema): unknown[] {
  const items = Array.isArray(own['items']) ? (own['items'] as unknown[]) : [];
  const required = typeof own['minItems'] === 'number' ? own['minItems'] : 0;
  const taken = new Set<string>();
  const params = items.map((schema, index) =>
    descriptor(nameOf(schema, index, taken), schema, index < required),
  );
  const rest = own['additionalItems'];
  if (rest !== undefined && rest !== false) {
    const repeated = descriptor(nameOf(undefined, items.length, taken), rest, false);
    params.push({ ...repeated, summary: 'May be left out or given any number of times' });
  }
  return params;
}

function namedParams(own: Schema): unknown[] {
  const required = new Set(Array.isArray(own['required']) ? own['required'] : []);
  const properties = Object.entries(isSchema(own['properties']) ? own['properties'] : {});
  // Required ones come first, as OpenRPC asks for.
  properties.sort(([a], [b]) => Number(required.has(b)) - Number(required.has(a)));
  return properties.map(([name, schema]) => descriptor(name, schema, required.has(name)));
}

function descriptor(name: string, schema: unknown, required: boolean): Schema {
  const summary =
    isSchema(schema) && typeof schema['description'] === 'string' ? schema['description'] : undefined;
  return { name, ...(summary === undefined ? {} : { summary }), required, schema };
}

function nameOf(schema: unknown, index: number, taken: Set<string>): string {
  const title = isSchema(schema) ? schema['title'] : undefined;
  const name = typeof title === 'string' && title !== '' && !taken.has(title) ? title : `param${index + 1}`;
  taken.add(name);
  return name;
}

/** `$ref: "#"` means all params: where a schema does that, they become a component too. */
function collectDefinitions(own: Schema, spec: FunctionSpec, schemas: Record<string, unknown>): void {
  const definitions = isSchema(own['definitions']) ? own['definitions'] : {};
  delete own['definitions'];
  for (const [name, schema] of Object.entries(definitions)) schemas[componentName(spec.name, name)] = schema;
  if (JSON.stringify([own, definitions]).includes(`"${rootReference(spec.name)}"`)) {
    schemas[componentName(spec.name, '')] = own;
  }
}

/** Keywords whose values are schemas by name, and those whose values are data that must stay as it is. */
const MAPS = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
const DATA = new Set(['const', 'enum', 'default', 'examples', 'required']);

/** A copy of a 2020-12 schema in the words of draft 7, its references pointing into components.schemas. */
function toDraft7(schema: Schema, method: string): Schema {
  const copy: Schema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === '$schema' || keyword === '$id') continue;
    else if (keyword === '$ref' && typeof value === 'string') copy['$ref'] = reference(value, method);
    else if (keyword === 'prefixItems') copy['items'] = walk(value, method);
    else if (keyword === 'items' && 'prefixItems' in schema) copy['additionalItems'] = walk(value, method);
    else if (DATA.has(keyword)) copy[keyword] = value;
    else if (MAPS.has(keyword) && isSchema(value)) {
      const entries = Object.entries(value).map(([name, member]) => [name, walk(member, method)]);
      copy[keyword === '$defs' ? 'definitions' : keyword] = Object.fromEntries(entries);
    } else copy[keyword] = walk(value, method);
  }
  return copy;
}

function walk(value: unknown, method: string): unknown {
  if (Array.isArray(value)) return value.map((element) => walk(element, method));
  return isSchema(value) ? toDraft7(value, method) : value;
}

function reference(ref: string, method: string): string {
  if (ref === '#') return rootReference(method);
  const name = /^#\/(?:\$defs|definitions)\/([^/]*)$/.exec(ref)?.[1];
  if (name === undefined) return ref;
  const plain = name.replaceAll('~1', '/').replaceAll('~0', '~');
  return `#/components/schemas/${componentName(method, plain)}`;
}

function rootReference(method: string): string {
  return `#/components/schemas/${componentName(method, '')}`;
}

/** OpenRPC allows only these characters in a component's key; any other becomes its code, so that names stay apart. */
function componentName(method: string, name: string): string {
  const safe = name.replace(/[^A-Za-z0-9_-]/g, (char) => `.${char.charCodeAt(0).toString(16)}.`);
  return `${name === '' ? '.params' : safe}.of.${method}`;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
