import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { createBundle } from '../../../handler/invoke.ts';
import { parseManifest } from '../../../src/functions/manifest.ts';

const run = () => 1;

/** The manifest's error for a function that was exported so, without the heading. */
function faultOf(exported: unknown): string {
  try {
    createBundle([['f', () => exported]]).manifestJson();
  } catch (thrown) {
    return (thrown as Error).message;
  }
  return 'none';
}

describe('the manifest', () => {
  it('has every option with its default, and the schema of what a client sends', () => {
    const params = z.tuple([z.string().default('a').meta({ title: 'text' })], z.string().transform(Number));
    const spec = {
      summary: 's',
      params,
      timeoutMs: 5,
      localTimeoutMs: 4,
      idempotent: true,
      offload: false,
      concurrency: 3,
    };
    const bundle = createBundle([
      ['plain', () => ({ default: run })],
      ['full', () => ({ default: run, spec })],
      [
        'named',
        () => ({ default: run, spec: { params: z.object({ n: z.int().optional() }), summary: undefined } }),
      ],
    ]);
    const { functions } = JSON.parse(bundle.manifestJson()) as { functions: unknown };
    const defaults = { idempotent: false, offload: true, concurrency: 1 };
    const { params: _params, ...options } = spec;
    expect(functions).toMatchObject([
      {
        ...options,
        name: 'full',
        style: 'positional',
        schema: {
          type: 'array',
          prefixItems: [{ type: 'string', default: 'a', title: 'text' }],
          items: { type: 'string' },
        },
      },
      {
        ...defaults,
        name: 'named',
        style: 'named',
        schema: { type: 'object', properties: { n: { type: 'integer' } } },
      },
      { ...defaults, name: 'plain', style: 'any' },
    ]);
    expect([...parseManifest(bundle.manifestJson()).keys()]).toEqual(['full', 'named', 'plain']);
  });

  it('is the same text whatever the order the functions came in', () => {
    const sources = ['b', 'A', 'a', 'B2', 'B10'].map((name) => [name, () => ({ default: run })] as const);
    expect(createBundle(sources).manifestJson()).toBe(createBundle(sources.toReversed()).manifestJson());
  });

  it('agrees with the balancer on the limits of every option', () => {
    const limits = {
      timeoutMs: 2_147_483_647,
      localTimeoutMs: 2_147_483_647,
      concurrency: 10_000,
      summary: 'x'.repeat(1000),
    };
    const manifest = createBundle([['f', () => ({ default: run, spec: limits })]]).manifestJson();
    expect(parseManifest(manifest).get('f')).toMatchObject(limits);
    for (const [key, value] of Object.entries(limits)) {
      const over = typeof value === 'number' ? value + 1 : `${value}x`;
      expect(faultOf({ default: run, spec: { [key]: over } })).toContain(`spec.${key} must be`);
      expect(() =>
        parseManifest(
          manifest.replace(`"${key}":${JSON.stringify(value)}`, `"${key}":${JSON.stringify(over)}`),
        ),
      ).toThrow(key);
    }
  });
});

describe('a function that can not be served is named with the reason', () => {
  const none = 'f: its default export must be a function, not';
  it.each([
    ['no default export', {}, `${none} undefined`],
    ['nothing', undefined, `${none} undefined`],
    ['null', { default: null }, `${none} null`],
    ['an array', { default: [] }, `${none} an array`],
    ['a class', { default: class extends Date {} }, 'f: its default export must be no class'],
    [
      'a generator',
      {
        default: function* g() {
          yield 1;
        },
      },
      'f: its default export must be no generator; return an array',
    ],
    [
      'an async generator',
      {
        default: async function* g() {
          yield await Promise.resolve(1);
        },
      },
      'f: its default export must be no generator; return an array',
    ],
  ])('exports %s', (_what, exported, fault) => {
    expect(faultOf(exported)).toBe(fault);
  });

  it.each([
    ['spec must be an object, not an array', []],
    ['spec must be an object, not null', null],
    ['spec must be an object, not string', 'x'],
    [
      'spec.timeout is unknown; spec may have summary, params, timeoutMs, idempotent, offload, concurrency, localTimeoutMs',
      { timeout: 5 },
    ],
    ['spec.timeoutMs must be a whole number of milliseconds from 1 to 2147483647, not 0', { timeoutMs: 0 }],
    [
      'spec.timeoutMs must be a whole number of milliseconds from 1 to 2147483647, not "5"',
      { timeoutMs: '5' },
    ],
    ['spec.concurrency must be a whole number of calls from 1 to 10000, not 1.5', { concurrency: 1.5 }],
    ['spec.idempotent must be true or false, not "yes"', { idempotent: 'yes' }],
    ['spec.offload must be true or false, not null', { offload: null }],
    ['spec.summary must be a text of at most 1000 characters, not 5', { summary: 5 }],
    ['spec.params must be a zod schema: z.tuple([…]) or z.object({…}), not "n"', { params: 'n' }],
    [
      'spec.params must be a schema made by zod 4: z.tuple([…]) or z.object({…})',
      { params: { type: 'object' } },
    ],
    [
      'spec.params must be z.tuple([…]) or z.object({…}), not z.array; transform its items instead',
      { params: z.array(z.int()) },
    ],
    [
      'spec.params must be z.tuple([…]) or z.object({…}), not z.pipe; transform its items instead',
      { params: z.tuple([]).transform(() => 1) },
    ],
  ])('%s', (fault, spec) => {
    expect(faultOf({ default: run, spec })).toBe(`f: ${fault}`);
  });

  it.each([
    ['BigInt', z.tuple([z.bigint()])],
    ['Date', z.object({ when: z.date() })],
    ['Custom types', z.tuple([z.custom<Buffer>()])],
    ['Transforms', z.tuple([z.transform(Number)])],
    ['BigInt', z.object({ n: z.any().default(5n) })],
  ])('has params that JSON Schema can not express: %s', (what, params) => {
    expect(faultOf({ default: run, spec: { params } })).toMatch(
      `f: spec.params can't be told to clients as JSON Schema: `,
    );
    expect(faultOf({ default: run, spec: { params } })).toContain(what);
  });

  it('throws while it is loaded', () => {
    const load = () => {
      throw new Error('DATABASE_URL is not set');
    };
    const bundle = createBundle([['f', load]]);
    expect(() => bundle.manifestJson()).toThrow('f: it threw while it was loaded: DATABASE_URL is not set');
  });

  it('together with all others', () => {
    const bundle = createBundle([
      ['b', () => ({ default: 1 })],
      ['good', () => ({ default: run })],
      ['a', () => ({ default: run, spec: { params: z.tuple([z.bigint()]) } })],
    ]);
    expect(() => bundle.manifestJson()).toThrow(/^a: .*\nb: .*$/);
  });
});
