import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CALL_ERROR_CODES } from '../../../src/errors.ts';
import type { FunctionSpec } from '../../../src/functions/manifest.ts';
import { openRpcDocument } from '../../../src/rpc/discover.ts';
import { FakeDispatch } from '../../fakes/dispatch.ts';
import { manifestOf, openDesk, spec } from '../../support/rpc.ts';

/** What OpenRPC 1.3 allows of what we use; strict, so that nothing else slips in. */
const reference = z.strictObject({ $ref: z.string().regex(/^#\/components\//) });
const descriptor = z.strictObject({
  name: z.string().min(1),
  summary: z.string().optional(),
  required: z.boolean(),
  schema: z.union([z.boolean(), z.record(z.string(), z.unknown())]),
});
const key = z.string().regex(/^[a-zA-Z0-9.\-_]+$/);
const openRpc = z.strictObject({
  openrpc: z.literal('1.3.2'),
  info: z.strictObject({ title: z.string(), version: z.string() }),
  methods: z.array(
    z.strictObject({
      name: z.string(),
      summary: z.string().optional(),
      paramStructure: z.enum(['by-name', 'by-position', 'either']),
      params: z.array(descriptor),
      result: z.strictObject({ name: z.string(), schema: z.record(z.string(), z.unknown()) }),
      errors: z.array(reference),
    }),
  ),
  components: z.strictObject({
    errors: z.record(key, z.strictObject({ code: z.int(), message: z.string() })),
    schemas: z.record(key, z.record(z.string(), z.unknown())),
  }),
});

function withParams(name: string, style: FunctionSpec['style'], schema: z.ZodType): FunctionSpec {
  return spec(name, { style, schema: z.toJSONSchema(schema, { io: 'input' }) });
}

function describeOne(one: FunctionSpec): z.infer<typeof openRpc>['methods'][number] & { schemas: unknown } {
  const { methods, components } = openRpc.parse(openRpcDocument(manifestOf(one), '1.2.3'));
  const text = JSON.stringify({ methods, components });
  for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]*)"/g)) {
    expect(components.schemas).toHaveProperty([name]);
  }
  expect(methods).toHaveLength(1);
  return { ...methods[0]!, schemas: components.schemas };
}

describe('the params of a function', () => {
  it('by position: named after their titles, or numbered; required up to the first optional one', () => {
    const schema = z.tuple([
      z.string().meta({ title: 'text', description: 'what to count' }),
      z.int(),
      z.boolean().optional(),
    ]);
    const method = describeOne(withParams('count', 'positional', schema));
    expect(method.paramStructure).toBe('by-position');
    expect(method.params.map(({ name, required }) => [name, required])).toEqual([
      ['text', true],
      ['param2', true],
      ['param3', false],
    ]);
    expect(method.params[0]).toMatchObject({ summary: 'what to count', schema: { type: 'string' } });
  });

  it('by position: one title twice names only one of them', () => {
    const n = z.number().meta({ title: 'n' });
    expect(
      describeOne(withParams('add', 'positional', z.tuple([n, n]))).params.map(({ name }) => name),
    ).toEqual(['n', 'param2']);
  });

  it('by position: the rest of a tuple is one more', () => {
    const { params } = describeOne(withParams('sum', 'positional', z.tuple([z.string()], z.number())));
    expect(params).toMatchObject([
      { required: true },
      { name: 'param2', required: false, schema: { type: 'number' } },
    ]);
  });

  it('by name, the required ones first', () => {
    const schema = z.object({ width: z.int().default(100), image: z.base64(), proto: z.string().optional() });
    const method = describeOne(withParams('thumbnail', 'named', schema));
    expect(method.paramStructure).toBe('by-name');
    expect(method.params.map(({ name, required }) => [name, required])).toEqual([
      ['image', true],
      ['width', false],
      ['proto', false],
    ]);
  });

  it('unknown ones may be given either way', () => {
    expect(describeOne(spec('any'))).toMatchObject({ paramStructure: 'either', params: [] });
  });
});

describe('schemas', () => {
  const node: z.ZodType = z.object({
    value: z.number(),
    get next() {
      return node.optional();
    },
  });

  it('that refer to a part of themselves refer to a component', () => {
    const { params, schemas } = describeOne(withParams('walk', 'positional', z.tuple([node])));
    const [name] = Object.keys(schemas as object);
    expect(params[0]?.schema).toEqual({ $ref: `#/components/schemas/${name}` });
    expect(schemas).toMatchObject({
      [name!]: { properties: { next: { $ref: `#/components/schemas/${name}` } } },
    });
  });

  it('that refer to all of themselves do so too', () => {
    const { params, schemas } = describeOne(withParams('walk', 'named', node));
    expect(params[1]?.schema).toEqual({ $ref: '#/components/schemas/.params.of.walk' });
    expect(Object.keys(schemas as object)).toEqual(['.params.of.walk']);
  });

  it('keep names that OpenRPC does not allow apart', () => {
    const schema = z.tuple([z.string().meta({ id: 'a/b ~%' }), z.string().meta({ id: 'a.2f.b ~%' })]);
    expect(Object.keys(describeOne(withParams('f', 'positional', schema)).schemas as object)).toHaveLength(2);
  });

  it('are draft 7, where a tuple has items', () => {
    const pair = z.tuple([z.number(), z.string()]);
    const { params } = describeOne(
      withParams('f', 'named', z.object({ pair, items: z.string(), prefixItems: z.string() })),
    );
    const text = JSON.stringify(params);
    expect(params[0]?.schema).toMatchObject({
      items: [{ type: 'number' }, { type: 'string' }],
      additionalItems: false,
    });
    expect(text).not.toContain('$schema');
    // A property may well be called like a keyword.
    expect(params.map(({ name }) => name)).toEqual(['pair', 'items', 'prefixItems']);
  });

  it('keep data that looks like keywords', () => {
    const schema = {
      type: 'object',
      properties: { a: { default: { prefixItems: 1, $ref: '#' }, enum: [{ $schema: 1 }] } },
    };
    const { params } = describeOne(spec('f', { style: 'named', schema }));
    expect(params[0]?.schema).toEqual(schema.properties.a);
  });
});

describe('rpc.discover', () => {
  const ask = '{"jsonrpc":"2.0","method":"rpc.discover","id":1}';

  it('names every function with its summary, and every error with its code', () => {
    const desk = openDesk(new FakeDispatch(), manifestOf('a', spec('b', { summary: 'does b' })));
    const { result } = desk.send(ask).json as { result: unknown };
    const { methods, components, info } = openRpc.parse(result);
    expect(methods.map(({ name, summary }) => [name, summary])).toEqual([
      ['a', undefined],
      ['b', 'does b'],
    ]);
    expect(info.version).toBe('1.2.3');
    const codes = Object.entries(components.errors).map(([name, { code }]) => [name, code]);
    expect(Object.fromEntries(codes)).toEqual(CALL_ERROR_CODES);
    expect(methods[0]?.errors).toHaveLength(Object.keys(CALL_ERROR_CODES).length);
  });

  it('follows the manifest', () => {
    let manifest = manifestOf('a');
    const desk = openDesk(new FakeDispatch(), undefined, {}, { manifest: () => manifest });
    expect(desk.send(ask).text).toContain('"name":"a"');
    manifest = manifestOf('b');
    expect(desk.send(ask).text).toContain('"name":"b"');
  });

  it('works within a batch, and a schema too deep to walk costs only its own answer', () => {
    let schema: Record<string, unknown> = {};
    for (let i = 0; i < 100_000; i++) schema = { not: schema };
    const desk = openDesk(new FakeDispatch(), manifestOf(spec('deep', { style: 'named', schema })));
    expect(desk.send(`[${ask},1]`).json).toMatchObject([
      { error: { code: -32603 }, id: 1 },
      { error: { code: -32600 } },
    ]);
  });
});
