import * as z from 'zod';
import { expect, it } from 'vitest';
import { createBundle } from '../../../handler/invoke.ts';
import { sameManifest } from '../../../src/pool/same-manifest.ts';

/** The manifest of a bundle whose function has these params. */
function manifestOf(params: () => z.ZodType): string {
  return createBundle([['f', () => ({ default: () => 1, spec: { params: params() } })]]).manifestJson();
}

it.each<[string, (computed: string) => z.ZodType]>([
  ['default', (computed) => z.object({ id: z.string().default(() => computed) })],
  ['prefault', (computed) => z.object({ id: z.string().prefault(() => computed) })],
  ['catch', (computed) => z.object({ id: z.string().catch(() => computed) })],
  ['default of a part', (computed) => z.tuple([z.object({ a: z.array(z.string().default(computed)) })])],
])('a computed %s makes no other manifest', (_, schema) => {
  const [one, other] = [manifestOf(() => schema('one')), manifestOf(() => schema('other'))];
  expect(one).not.toBe(other);
  expect(sameManifest(one, other)).toBe(true);
});

it('another schema does', () => {
  const one = manifestOf(() => z.object({ id: z.string().default('x') }));
  expect(sameManifest(one, one)).toBe(true);
  expect(
    sameManifest(
      one,
      manifestOf(() => z.object({ id: z.number().default(1) })),
    ),
  ).toBe(false);
});

it('what is no JSON is only the same as itself', () => {
  expect([sameManifest('{', '{'), sameManifest('{', '{}')]).toEqual([true, false]);
});
