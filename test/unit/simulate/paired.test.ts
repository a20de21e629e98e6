import { expect, it } from 'vitest';
import { pairedRatio } from '../../../scripts/simulate/paired.ts';

it('is the geometric mean of the ratios, with one-sided limits by Student’s t', () => {
  // Logarithms 0 and ln 4: mean ln 2, deviation ln 4 / √2, so an error of 6.314 · ln 4 / 2.
  const { ratio, lower, upper } = pairedRatio([1, 4], [1, 1]);
  expect(ratio).toBeCloseTo(2);
  expect(Math.log(upper / ratio)).toBeCloseTo(6.314 * Math.log(2));
  expect(Math.log(ratio / lower)).toBeCloseTo(6.314 * Math.log(2));
});

it('is sure of what is always the same, and has no opinion of one run', () => {
  const seeds = Array.from({ length: 20 }, (_, at) => at + 1);
  const same = pairedRatio(
    seeds.map((at) => 3 * at),
    seeds.map((at) => 2 * at),
  );
  expect([same.lower, same.ratio, same.upper].map((one) => one.toFixed(6))).toEqual(
    Array(3).fill('1.500000'),
  );
  expect(pairedRatio([3], [2])).toEqual({ ratio: 1.5, lower: 1.5, upper: 1.5 });
});
