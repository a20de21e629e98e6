import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z, type ZodNumber } from 'zod';

// The page has types of its own, which aren't those of Node.
const page = new URL('../../../src/admin/page/sample-params.js', import.meta.url).href;
const { sampleParams } = (await import(page)) as { sampleParams(schema: unknown): unknown };

describe('the number offered for a function', () => {
  it.each([
    ['a small one where nothing else is said', z.number(), 10],
    ['one at a limit', z.int().max(3), 3],
    ['one that is more than a limit', z.number().gt(100), 101],
    ['one that is less than a limit', z.number().lt(-2.5), -3],
    ['one between close limits', z.number().gt(0).lt(1), 0.5],
    ['one beyond a limit next to which there are only greater steps', z.number().gt(1e300), 2e300],
    ['a multiple below the greatest', z.int().min(3).max(10).multipleOf(4), 8],
    ['a multiple that isn’t the limit', z.int().gt(12).multipleOf(4), 16],
    ['a fraction’s multiple', z.number().max(0.35).multipleOf(0.1), 0.3],
    ['a whole multiple of a fraction', z.int().multipleOf(2.5), 10],
  ])('is %s', (_, schema, expected) => {
    const offered = sampleParams(z.toJSONSchema(schema));
    expect(offered).toBe(expected);
    expect(schema.safeParse(offered).success).toBe(true);
  });

  it('is one that the function takes, if there is any', () => {
    const bound = fc.option(fc.integer({ min: -50, max: 50 }), { nil: undefined });
    const limits = fc.record({
      whole: fc.boolean(),
      gte: bound,
      gt: bound,
      lte: bound,
      lt: bound,
      multipleOf: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(limits, ({ whole, ...rest }) => {
        let schema: ZodNumber = whole ? z.int() : z.number();
        for (const [check, value] of Object.entries(rest)) {
          if (value !== undefined) schema = schema[check as keyof typeof rest](value);
        }
        const halves = Array.from({ length: 401 }, (_, index) => (index - 200) / 2);
        fc.pre(halves.some((one) => schema.safeParse(one).success));
        const offered = sampleParams(z.toJSONSchema(schema));
        expect(
          schema.safeParse(offered).error,
          `${JSON.stringify(z.toJSONSchema(schema))}: ${String(offered)}`,
        ).toBe(undefined);
      }),
    );
  });
});
