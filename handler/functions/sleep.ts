import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import type { InvokeContext } from '../invoke.ts';

/** In milliseconds. Ten minutes is beyond every deadline in use. */
const MAX_MS = 600_000;

export const spec = {
  summary: 'Waits for so many milliseconds, and gives the number back.',
  params: z.tuple([z.int().min(0).max(MAX_MS).meta({ title: 'ms' })]),
  // Waiting twice takes twice as long, which is all it does: so it shows what happens to a function that must not be repeated.
  idempotent: false,
  // One at a time, so that it fills slots as a busy function would, without keeping a core busy.
  concurrency: 1,
};

/** Waits `ms` milliseconds. Stops at its deadline, with the signal's reason. */
export default async function sleep(ms: number, context: InvokeContext): Promise<number> {
  await delay(ms, undefined, { signal: context.signal });
  return ms;
}
