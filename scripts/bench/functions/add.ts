import { z } from 'zod';

export const spec = { params: z.tuple([z.number(), z.number()]), idempotent: true };

export default function add(a: number, b: number): number {
  return a + b;
}
