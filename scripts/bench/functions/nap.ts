import { setTimeout as sleep } from 'node:timers/promises';

export const spec = { concurrency: 512 };

export default async function nap(ms: number): Promise<number> {
  await sleep(ms);
  return ms;
}
