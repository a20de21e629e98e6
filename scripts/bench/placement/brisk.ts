import { setTimeout as sleep } from 'node:timers/promises';

export const spec = { idempotent: true };

/** Waits, so that the emulated cloud takes no CPU from the pool; `padding` is as long as its time in some workloads. */
export default async function brisk(ms: number, _padding: string): Promise<number> {
  await sleep(ms);
  return ms;
}
