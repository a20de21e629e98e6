import { describe, expect, it } from 'vitest';

// The page has types of its own, which aren't those of Node.
const page = new URL('../../../src/admin/page/words.js', import.meta.url).href;
const { because, cloudFigures, slotCount } = (await import(page)) as {
  because(reason: string): string;
  slotCount(value: number): string;
  cloudFigures(figures: Readonly<Record<string, number>>): [string, string][];
};

describe('words', () => {
  it.each([
    [0, '0'],
    [0.01, '<0.1'],
    [2, '2'],
    [3.7000000000000006, '3.7'],
    [1200.04, '1,200'],
  ])('has %d slots as %s', (slots, words) => {
    expect(slotCount(slots)).toBe(words);
  });

  it('names CloudWatch’s figures for people, and leaves out what isn’t for them', () => {
    const figures = {
      at: 1_795_326_128_390,
      periodMs: 3_600_000,
      invocations: 1234,
      durationP99Ms: 12.5,
      new: 1,
    };
    expect(cloudFigures(figures)).toEqual([
      ['Invocations', '1,234'],
      ['Time, p99', '13 ms'],
      ['These are of', 'the last 1 h 0 min'],
    ]);
  });

  it.each([
    'cloud sooner',
    'local sooner',
    'relieves others',
    'slot coming',
    'too dear',
    'explores',
    'queue too long',
  ])('has words for %s', (reason) => {
    expect(because(reason)).not.toBe(reason);
  });
});
