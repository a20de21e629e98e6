import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { createBundle } from '../../../handler/invoke.ts';
import type { InvokeOutcome } from '../../../handler/invoke.ts';
import { lazyContext } from './run-bundle.ts';

type Args = unknown[];
const context = lazyContext();

/** Invokes a function that was exported so; `params` as a client would send them. */
function invoke(exported: object, params?: unknown): InvokeOutcome | Promise<InvokeOutcome> {
  const text = params === undefined ? undefined : JSON.stringify(params);
  return createBundle([['f', () => exported]]).invoke('f', text, context);
}

/** What a function with this schema is called with, without the context, which must be the last argument. */
async function argumentsOf(params: unknown, schema?: unknown): Promise<Args> {
  let seen: Args = [];
  const f = (...args: Args) => {
    seen = args;
  };
  expect(await invoke({ default: f, spec: { params: schema } }, params)).toEqual({ ok: true, json: 'null' });
  expect(seen.at(-1)).toBe(context);
  return seen.slice(0, -1);
}

it('a function gets nothing of ours as its `this`', async () => {
  const f = function (this: unknown): boolean {
    return this === undefined;
  };
  expect(await invoke({ default: f })).toEqual({ ok: true, json: 'true' });
});

describe('params without a schema', async () => {
  it('become arguments if they are an array', async () => {
    expect(await argumentsOf([1, 'a', [2], null])).toEqual([1, 'a', [2], null]);
    expect(await argumentsOf([])).toEqual([]);
  });

  it('are one argument if they are an object', async () => {
    expect(await argumentsOf({ a: 1, b: 2 })).toEqual([{ a: 1, b: 2 }]);
  });

  it('are no argument if there are none', async () => {
    expect(await argumentsOf(undefined)).toEqual([]);
  });

  it.each(['5', 'null', '"a"', 'true', '{', '', '[1]]'])('are refused if they are %j', (text) => {
    const outcome = createBundle([['f', () => ({ default: () => 1 })]]).invoke('f', text, context);
    expect(outcome).toMatchObject({ ok: false, kind: 'InvalidParams' });
  });

  it('are refused if there are more than arguments can be', () => {
    const many = Array.from({ length: 10_001 }, () => 0);
    expect(invoke({ default: () => 1 }, many)).toMatchObject({ kind: 'InvalidParams' });
    expect(invoke({ default: () => 1 }, many.slice(1))).toEqual({ ok: true, json: '1' });
  });
});

describe('positional params', () => {
  it('arrive as the schema made them', async () => {
    const schema = z.tuple([z.string().transform(Number), z.string().trim(), z.coerce.date().optional()]);
    expect(await argumentsOf(['5', ' a '], schema)).toEqual([5, 'a', undefined]);
  });

  it('left out at the end are undefined or their default, so that the context keeps its place', async () => {
    const schema = z.tuple([z.string(), z.int().optional(), z.int().default(7), z.int().optional()]);
    expect(await argumentsOf(['a'], schema)).toEqual(['a', undefined, 7, undefined]);
    expect(await argumentsOf(['a', 1, 2, 3], schema)).toEqual(['a', 1, 2, 3]);
  });

  it('beyond the tuple come before the context', async () => {
    const schema = z.tuple([z.string(), z.int().optional()], z.int());
    expect(await argumentsOf(['a', 1, 2, 3], schema)).toEqual(['a', 1, 2, 3]);
    expect(await argumentsOf(['a'], schema)).toEqual(['a', undefined]);
  });

  it('may be none at all', async () => {
    expect(await argumentsOf(undefined, z.tuple([]))).toEqual([]);
    expect(await argumentsOf(undefined, z.tuple([z.int().optional()]))).toEqual([undefined]);
  });

  it('that do not fit are refused with the issues of zod', () => {
    const schema = z.tuple([z.string(), z.object({ n: z.int() })]);
    const params = ['a', { n: 1.5 }];
    const outcome = invoke({ default: () => 1, spec: { params: schema } }, params);
    const issues = schema.safeParse(params).error?.issues;
    expect(outcome).toEqual({
      ok: false,
      kind: 'InvalidParams',
      message: 'Invalid params: params[1].n: Invalid input: expected int, received number',
      data: issues,
    });
  });

  it('are not accepted as an object', () => {
    expect(invoke({ default: () => 1, spec: { params: z.tuple([z.int()]) } }, { n: 1 })).toMatchObject({
      kind: 'InvalidParams',
      message: 'Invalid params: params: Invalid input: expected tuple, received object',
    });
  });
});

describe('named params', () => {
  const schema = z.object({ a: z.string().default('x'), b: z.stringbool().optional() });

  it('arrive as one object, as the schema made them', async () => {
    expect(await argumentsOf({ b: 'yes', unknown: 1 }, schema)).toEqual([{ a: 'x', b: true }]);
  });

  it('may be none at all', async () => {
    expect(await argumentsOf(undefined, schema)).toEqual([{ a: 'x' }]);
  });

  it('are not accepted as an array', async () => {
    expect(await invoke({ default: () => 1, spec: { params: schema } }, [])).toMatchObject({
      kind: 'InvalidParams',
    });
  });

  it('can not reach a prototype', async () => {
    const text = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    for (const params of [undefined, schema, z.looseObject({})]) {
      const own = (arg: object) => Object.getPrototypeOf(arg) === Object.prototype && !('polluted' in arg);
      const bundle = createBundle([['f', () => ({ default: own, spec: { params } })]]);
      expect(await bundle.invoke('f', text, context)).toEqual({ ok: true, json: 'true' });
    }
    expect('polluted' in {}).toBe(false);
  });
});

describe('an outcome', () => {
  it.each([
    [undefined, 'null'],
    [null, 'null'],
    [0, '0'],
    ['a', '"a"'],
    [{ a: undefined, b: [undefined] }, '{"b":[null]}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [{ then: 1 }, '{"then":1}'],
  ])('of %j is %s, at once', (result, json) => {
    expect(invoke({ default: () => result })).toEqual({ ok: true, json });
  });

  it('is a promise only of a function that gives one', async () => {
    const outcome = invoke({ default: () => Promise.resolve({ a: 1 }) });
    expect(outcome).toBeInstanceOf(Promise);
    await expect(outcome).resolves.toEqual({ ok: true, json: '{"a":1}' });
    await expect(invoke({ default: () => Promise.resolve() })).resolves.toEqual({ ok: true, json: 'null' });
  });

  it('follows a thenable', async () => {
    const thenable = {
      then: (resolve: (value: unknown) => void) => {
        resolve(5);
      },
    };
    await expect(invoke({ default: () => thenable })).resolves.toEqual({ ok: true, json: '5' });
  });

  it.each([
    ['a symbol', Symbol('s'), 'it is a symbol'],
    ['a function', () => 1, 'it is a function'],
    ['an object that gives nothing', { toJSON: () => undefined }, 'its toJSON gives nothing'],
    ['a BigInt', { n: 5n }, 'Do not know how to serialize a BigInt'],
  ])('of %s is a FunctionError', async (_what, result, reason) => {
    const failure = {
      ok: false,
      kind: 'FunctionError',
      message: `The result can't be JSON: ${reason}`,
      name: 'TypeError',
    };
    expect(invoke({ default: () => result })).toEqual(failure);
    await expect(invoke({ default: () => Promise.resolve(result) })).resolves.toEqual(failure);
  });

  it('of a circular result says so in one line', () => {
    const circular: unknown[] = [];
    circular.push(circular);
    expect(invoke({ default: () => circular })).toMatchObject({
      message: "The result can't be JSON: Converting circular structure to JSON",
    });
  });

  it('of a result that nests too deep is a FunctionError', () => {
    let nested: unknown[] = [];
    for (let depth = 0; depth < 100_000; depth++) nested = [nested];
    expect(invoke({ default: () => nested })).toMatchObject({ kind: 'FunctionError' });
  });

  it('names a method that is not there', () => {
    const bundle = createBundle([['f', () => ({ default: () => 1 })]]);
    for (const name of ['g', '', '__proto__', 'constructor', 'toString']) {
      expect(bundle.invoke(name, undefined, context)).toEqual({
        ok: false,
        kind: 'MethodNotFound',
        message: `No function is named ${JSON.stringify(name)}`,
      });
    }
  });

  it('survives endless recursion', () => {
    const forever = (): number => 1 + forever();
    expect(invoke({ default: forever })).toMatchObject({ kind: 'FunctionError', name: 'RangeError' });
  });
});

describe('the context', () => {
  it('is handed on untouched: nobody asks for its signal but the function', async () => {
    let touched = 0;
    const lazy = lazyContext(() => touched++);
    const bundle = createBundle([
      ['plain', () => ({ default: () => 1 })],
      ['checked', () => ({ default: () => 1, spec: { params: z.tuple([z.int()]) } })],
      ['later', () => ({ default: () => Promise.resolve(1) })],
      ['asking', () => ({ default: (own: typeof lazy) => own.signal.aborted })],
    ]);
    await bundle.invoke('plain', '{}', lazy);
    await bundle.invoke('checked', '[1]', lazy);
    await bundle.invoke('checked', '["a"]', lazy);
    await bundle.invoke('later', undefined, lazy);
    expect(touched).toBe(0);
    expect(bundle.invoke('asking', undefined, lazy)).toEqual({ ok: true, json: 'false' });
    expect(touched).toBe(1);
  });
});
