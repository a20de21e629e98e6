/** A short run of every fuzzer; `npm run fuzz` makes long ones. A finding is shown with what repeats it. */
import { describe, expect, it } from 'vitest';
import { connectionsTarget } from '../../../scripts/fuzz/connections.ts';
import { framesTarget } from '../../../scripts/fuzz/frames.ts';
import { frontTarget } from '../../../scripts/fuzz/front.ts';
import { functionsTarget } from '../../../scripts/fuzz/functions.ts';
import { protocolTarget } from '../../../scripts/fuzz/protocol.ts';
import { fuzz, inputOf } from '../../../scripts/fuzz/run.ts';
import { manifestTarget, settingsTarget } from '../../../scripts/fuzz/settings.ts';
import type { Target } from '../../../scripts/fuzz/target.ts';

/** Fixed, so that a green run stays green; long runs take others. */
const SEED = 6;
/** Ends a run on a slow machine early: what was fed until then counts. */
const MS = 15_000;

/** Targets with the numbers of inputs they get. */
const TARGETS: readonly (readonly [string, number, () => Target | Promise<Target>])[] = [
  ['protocol', 20_000, protocolTarget],
  ['frames', 20_000, framesTarget],
  ['settings', 5000, settingsTarget],
  ['manifest', 10_000, manifestTarget],
  ['front', 2000, () => frontTarget()],
  ['connections', 1000, connectionsTarget],
  ['functions', 30, functionsTarget],
];

describe('mutated inputs', () => {
  it.each(TARGETS)('harm nothing: %s', async (_name, inputs, open) => {
    const target = await open();
    const { finding, inputs: fed } = await fuzz(target, SEED, { inputs, ms: MS });
    expect(
      finding === undefined ? undefined : { ...finding, input: finding.input.toString('latin1') },
    ).toBeUndefined();
    expect(fed).toBeGreaterThan(target.corpus.length);
  });
});

describe('the fuzzer', () => {
  /** Fails where an input has a Z in it. */
  const fragile: Target = {
    name: 'fragile',
    corpus: [Buffer.from('a long enough input')],
    dictionary: ['Z'],
    parallel: 1,
    run: (input) => {
      if (input.includes('Z')) throw new Error('a Z');
      return undefined;
    },
    finish: () => Promise.resolve(undefined),
  };

  it('finds what fails, names it, and makes it short', async () => {
    const { finding } = await fuzz(fragile, 1, { inputs: 1000, ms: MS });
    expect(finding?.what).toContain('a Z');
    expect(finding?.input.toString()).toBe('Z');
  });

  it('gives the same inputs for the same seed, and others for another', () => {
    const inputs = (seed: number): string[] =>
      Array.from({ length: 50 }, (_, i) => inputOf(fragile, seed, i).toString('latin1'));
    expect(inputs(3)).toEqual(inputs(3));
    expect(inputs(3)).not.toEqual(inputs(4));
  });
});
