import { setTimeout as sleep } from 'node:timers/promises';

/** Keeps a slot to itself. */
export default async function hold(ms: number): Promise<number> {
  await sleep(ms);
  return ms;
}
