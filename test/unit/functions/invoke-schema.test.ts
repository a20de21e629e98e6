import * as mini from 'zod/mini';
import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { createBundle } from '../../../handler/invoke.ts';
import type { InvokeOutcome } from '../../../handler/invoke.ts';
import { lazyContext } from './run-bundle.ts';

const context = lazyContext();

/** Invokes a function that was exported so; `params` as a client would send them. */
function invoke(exported: object, params: unknown): InvokeOutcome | Promise<InvokeOutcome> {
  return createBundle([['f', () => exported]]).invoke('f', JSON.stringify(params), context);
}

describe('a schema', () => {
  it('may come from zod/mini', () => {
    const exported = { default: (text: string) => text, spec: { params: mini.tuple([mini.string()]) } };
    expect(invoke(exported, ['a'])).toEqual({ ok: true, json: '"a"' });
  });

  it('may be async, even where it does not look so: then the outcome is a promise', async () => {
    const even = (n: number) => Promise.resolve(n % 2 === 0);
    const schemas = [
      z.tuple([z.int().refine(even)]),
      z.tuple([z.int()], z.int()).refine(([n]) => even(n)),
      z.tuple([z.union([z.string(), z.lazy(() => z.int().refine(async (n) => even(n)))])]),
      z.tuple([
        z.int().superRefine(async (n, ctx) => {
          if (!(await even(n))) ctx.addIssue('odd');
        }),
      ]),
    ];
    for (const params of schemas) {
      const bundle = createBundle([['f', () => ({ default: (n: number) => n, spec: { params } })]]);
      const outcomes = [bundle.invoke('f', '[2]', context), bundle.invoke('f', '[3]', context)];
      for (const outcome of outcomes) expect(outcome).toBeInstanceOf(Promise);
      expect(await outcomes[0]).toEqual({ ok: true, json: '2' });
      expect(await outcomes[1]).toMatchObject({ kind: 'InvalidParams' });
    }
  });

  it('without code of its own answers at once', () => {
    const tree = z.object({
      name: z.string().trim().min(1).max(5).regex(/a/),
      get children() {
        return z.array(tree).optional();
      },
    });
    const parts = z.union([z.coerce.number(), z.email(), z.record(z.string(), z.null()), z.enum(['a'])]);
    const schemas: [z.ZodType, unknown][] = [
      [z.tuple([tree, parts.optional()]), [{ name: 'a', children: [{ name: 'ab' }] }, 'a@b.cd']],
      [z.looseObject({ a: z.int().default(1).catch(2), b: z.templateLiteral(['a', z.int()]) }), { b: 'a5' }],
    ];
    for (const [params, given] of schemas) {
      expect(invoke({ default: () => 1, spec: { params } }, given)).toEqual({ ok: true, json: '1' });
    }
  });

  it('that throws is a fault of the function, in time or later', async () => {
    const throwing = z.string().transform((text) => JSON.parse(text) as unknown);
    expect(await invoke({ default: () => 1, spec: { params: z.tuple([throwing]) } }, ['{'])).toMatchObject({
      kind: 'FunctionError',
      name: 'SyntaxError',
    });
    const rejecting = z.string().refine(() => Promise.reject(new Error('no database')));
    await expect(
      invoke({ default: () => 1, spec: { params: z.tuple([rejecting]) } }, ['a']),
    ).resolves.toMatchObject({
      kind: 'FunctionError',
      message: 'no database',
    });
  });

  it('has its issues made fit for JSON', async () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const refused = z.string().check((payload) => {
      payload.issues.push({ code: 'custom', message: 'no', input: payload.value, params: circular });
    });
    expect(await invoke({ default: () => 1, spec: { params: z.tuple([refused]) } }, ['a'])).toMatchObject({
      kind: 'InvalidParams',
      data: [{ path: ['0'], message: 'no' }],
    });
    const big = z.string().transform(BigInt).pipe(z.bigint().min(5n));
    expect(await invoke({ default: () => 1, spec: { params: z.tuple([big]) } }, ['1'])).toMatchObject({
      data: [{ code: 'too_small', minimum: '5' }],
    });
  });

  it('tells at most a hundred issues', () => {
    const spec = { params: z.tuple([z.array(z.int())]) };
    const outcome = invoke({ default: () => 1, spec }, [
      Array.from({ length: 1000 }, () => 'a'),
    ]) as InvokeOutcome;
    expect('message' in outcome && outcome.message).toContain('(and 999 more)');
    expect('data' in outcome && outcome.data).toHaveLength(100);
  });
});
