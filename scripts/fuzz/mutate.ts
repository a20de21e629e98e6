/** Inputs from seeds: the same number gives the same input, so that a finding can be repeated. */

/** Numbers from 0 up to, not including, 1. */
export type Random = () => number;

/** A generator with a short period but no bias that matters here (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** A whole number from 0 up to, not including, `below`. */
export function pick(random: Random, below: number): number {
  return Math.floor(random() * below);
}

/** One of the values. */
function oneOf<T>(random: Random, values: readonly T[]): T {
  const value = values[pick(random, values.length)];
  if (value === undefined) throw new Error('nothing to pick from');
  return value;
}

/** Lengths and numbers at which programs go wrong. */
const EDGES = [0, 1, 4, 5, 127, 128, 255, 256, 4096, 4101, 65_535, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const MAX_BYTES = 64 * 1024;

/** Changes a seed in one to six places: bits, bytes, lengths, words of the dictionary, cuts, repeats, other seeds. */
export function mutate(
  random: Random,
  corpus: readonly Buffer[],
  dictionary: readonly (string | Buffer)[],
): Buffer {
  let bytes: Buffer = Buffer.from(oneOf(random, corpus));
  for (let changes = 1 + pick(random, 6); changes > 0; changes--) {
    bytes = change(random, bytes, corpus, dictionary);
  }
  return bytes.length > MAX_BYTES ? bytes.subarray(0, MAX_BYTES) : bytes;
}

function change(
  random: Random,
  bytes: Buffer,
  corpus: readonly Buffer[],
  dictionary: readonly (string | Buffer)[],
): Buffer {
  const at = pick(random, bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + pick(random, 1 + pick(random, 40)));
  switch (pick(random, 9)) {
    case 0: {
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << pick(random, 8));
      return bytes;
    }
    case 1: {
      if (at < bytes.length) bytes[at] = pick(random, 256);
      return bytes;
    }
    case 2: {
      if (at + 4 <= bytes.length) bytes.writeUInt32BE(oneOf(random, EDGES), at);
      return bytes;
    }
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 5:
      return bytes.subarray(0, at);
    case 6: {
      const other = oneOf(random, corpus);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(pick(random, other.length + 1))]);
    }
    default: {
      const word = Buffer.from(oneOf(random, dictionary) as string);
      // In place of something as often as between.
      return Buffer.concat([bytes.subarray(0, at), word, bytes.subarray(random() < 0.5 ? at : end)]);
    }
  }
}

/** Takes away what isn't needed for `fails` to hold, within so many milliseconds. */
export async function shrink(
  input: Buffer,
  fails: (input: Buffer) => Promise<boolean>,
  ms = 20_000,
): Promise<Buffer> {
  let smallest = input;
  const until = performance.now() + ms;
  for (let size = Math.ceil(input.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest.length && performance.now() < until;) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (await fails(shorter)) smallest = shorter;
      else at += size;
    }
  }
  return smallest;
}
