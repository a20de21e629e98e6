/** Seeded chance: the same seed gives the same trace on every machine. */

/** Draws a number from 0 (included) to 1 (excluded). */
export type Random = () => number;

/** A generator with 128 bits of state (sfc32), seeded by one integer (expanded by splitmix32). */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const expand = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
  let a = expand();
  let b = expand();
  let c = expand();
  let counter = 1;
  return () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 4_294_967_296;
  };
}

/** An exponentially distributed number with that mean. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random());
}

/** A Pareto-distributed number with that mean, bounded at `most` times the smallest: many small, a few very large. */
export function boundedPareto(random: Random, mean: number, shape: number, most: number): number {
  // Mean of the distribution with smallest value 1 (Harchol-Balter 1999), by which the draw is scaled.
  const cut = most ** -shape;
  const unitMean = (shape / (shape - 1)) * ((1 - most ** (1 - shape)) / (1 - cut));
  const draw = (1 - random() * (1 - cut)) ** (-1 / shape);
  return (mean * draw) / unitMean;
}
