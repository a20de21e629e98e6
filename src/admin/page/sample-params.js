/** Params that fit a function's JSON Schema, to begin with: small numbers, short texts, only what is required. */

/** @typedef {{ readonly [key: string]: any }} Schema */

/** How deep a schema that names itself is followed. */
const MAX_DEPTH = 8;
const SAMPLE_NUMBER = 10;
/** How many multiples of a fraction are looked at for a whole one. */
const MOST_TIMES = 1000;
const SAMPLE_TEXT = 'The quick brown fox jumps over the lazy dog';
/** The smallest picture: one grey dot, as a PNG. */
const SAMPLE_BASE64 =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==';
/** @type {Readonly<Record<string, string>>} */
const SAMPLE_FORMATS = {
  date: '2026-01-31',
  'date-time': '2026-01-31T12:00:00Z',
  email: 'name@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/**
 * @param {unknown} schema undefined: the function takes anything
 * @returns {unknown}
 */
export function sampleParams(schema) {
  if (typeof schema !== 'object' || schema === null) return [];
  return sample(schema, schema, 0);
}

/**
 * @param {Schema} given
 * @param {Schema} root where references lead
 * @param {number} depth
 * @returns {unknown}
 */
function sample(given, root, depth) {
  if (depth > MAX_DEPTH) return null;
  const schema = resolve(given, root);
  if ('default' in schema) return schema['default'];
  if ('const' in schema) return schema['const'];
  for (const choices of [schema['examples'], schema['enum']]) {
    if (Array.isArray(choices) && choices.length > 0) return choices[0];
  }
  const alternative = schema['anyOf']?.[0] ?? schema['oneOf']?.[0];
  if (alternative !== undefined) return sample(alternative, root, depth + 1);
  const parts = schema['allOf'];
  if (Array.isArray(parts))
    return sample(Object.assign({}, ...parts.map((part) => resolve(part, root))), root, depth + 1);
  return sampleOfType(schema, root, depth);
}

/** @param {Schema} schema @param {Schema} root @param {number} depth @returns {unknown} */
function sampleOfType(schema, root, depth) {
  const type = Array.isArray(schema['type']) ? schema['type'][0] : schema['type'];
  switch (type) {
    case 'integer':
    case 'number':
      return sampleNumber(schema, type === 'integer');
    case 'string':
      return sampleText(schema);
    case 'boolean':
      return false;
    case 'array':
      return sampleArray(schema, root, depth);
    case 'object': {
      const required = new Set(schema['required'] ?? []);
      const properties = Object.entries(schema['properties'] ?? {}).filter(([name]) => required.has(name));
      return Object.fromEntries(properties.map(([name, one]) => [name, sample(one, root, depth + 1)]));
    }
    default:
      return null;
  }
}

/** @param {Schema} schema @param {boolean} whole */
function sampleNumber(schema, whole) {
  /** @type {(name: string, otherwise: number) => number} */
  const limit = (name, otherwise) => (typeof schema[name] === 'number' ? schema[name] : otherwise);
  const least = Math.max(limit('minimum', -Infinity), limit('exclusiveMinimum', -Infinity));
  const most = Math.min(limit('maximum', Infinity), limit('exclusiveMaximum', Infinity));
  /** @param {number} value */
  const allowed = (value) =>
    value >= least &&
    value <= most &&
    value > limit('exclusiveMinimum', -Infinity) &&
    value < limit('exclusiveMaximum', Infinity);
  const step = stepOf(schema['multipleOf'], whole);
  const value = Math.min(most, Math.max(least, SAMPLE_NUMBER));
  if (step === undefined) {
    // Where a limit itself isn't allowed: the nearest round number, or what lies between two that are close.
    const around = [
      value,
      Math.floor(value) + 1,
      Math.ceil(value) - 1,
      (least + most) / 2,
      value * 2,
      value / 2,
    ];
    return around.find(allowed) ?? value;
  }
  const nearest = Math.ceil(value / step);
  // 3 × 0.1 is a little more than 0.3, which is what is meant.
  const around = [nearest, nearest - 1, nearest + 1].map((times) => Number((times * step).toPrecision(15)));
  return around.find(allowed) ?? value;
}

/**
 * What a number has to be a multiple of; undefined: it may be any.
 * @param {unknown} multiple @param {boolean} whole
 */
function stepOf(multiple, whole) {
  if (typeof multiple !== 'number' || multiple <= 0) return whole ? 1 : undefined;
  let step = multiple;
  // Of 2.5 every second multiple is whole.
  for (let times = 1; whole && !Number.isInteger(step) && times <= MOST_TIMES; times++)
    step = multiple * times;
  return step;
}

/** @param {Schema} schema */
function sampleText(schema) {
  if (schema['contentEncoding'] === 'base64') return SAMPLE_BASE64;
  const known = SAMPLE_FORMATS[schema['format']];
  if (known !== undefined) return known;
  const longEnough = SAMPLE_TEXT.padEnd(schema['minLength'] ?? 0, '.');
  return longEnough.slice(0, schema['maxLength'] ?? longEnough.length);
}

/** @param {Schema} schema @param {Schema} root @param {number} depth @returns {unknown[]} */
function sampleArray(schema, root, depth) {
  // A tuple, as draft 2020-12 and as draft 7 write it.
  const tuple = schema['prefixItems'] ?? (Array.isArray(schema['items']) ? schema['items'] : []);
  const values = tuple.map((/** @type {Schema} */ one) => sample(one, root, depth + 1));
  const rest = Array.isArray(schema['items']) ? schema['additionalItems'] : schema['items'];
  while (values.length < (schema['minItems'] ?? 0)) {
    values.push(typeof rest === 'object' ? sample(rest, root, depth + 1) : null);
  }
  return values;
}

/** Follows a reference within the document: `#/$defs/Point`. @param {Schema} schema @param {Schema} root @returns {Schema} */
function resolve(schema, root) {
  const reference = schema['$ref'];
  if (typeof reference !== 'string' || !reference.startsWith('#')) return schema;
  /** @type {Schema | undefined} */
  let found = root;
  for (const step of reference.slice(1).split('/').filter(Boolean)) {
    found = found?.[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return found ?? {};
}
