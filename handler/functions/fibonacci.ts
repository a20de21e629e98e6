import * as z from 'zod';

/** The last Fibonacci number that a JSON client surely reads exactly is F(78), just below 2^53. */
const MAX_N = 78;

export const spec = {
  summary: 'The n-th Fibonacci number by naive recursion: F(0) = 0. Takes 1.6 times as long for each n more.',
  params: z.tuple([z.int().min(0).max(MAX_N).meta({ title: 'n' })]),
  // A pure computation: running it twice gives the same and changes nothing.
  idempotent: true,
};

/** Slow on purpose: load that is nothing but computing. About 10 ms for n = 30, 1 s for 40; the deadline ends the rest. */
export default function fibonacci(n: number): number {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
