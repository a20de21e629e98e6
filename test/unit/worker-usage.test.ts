/** How often the runtime is asked what workers use, and what becomes of its answers. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { vi } from 'vitest';
import type { WorkerUsage } from '../../src/runtime/launcher.ts';
import { WorkerUsages } from '../../src/worker-usage.ts';

let asked = 0;
let used: WorkerUsage | Error = { cpuMs: 1000, memoryBytes: 50 * 2 ** 20 };
const usages = (): WorkerUsages =>
  new WorkerUsages({
    usage: () => {
      asked += 1;
      return used instanceof Error ? Promise.reject(used) : Promise.resolve(new Map([['w1', used]]));
    },
  });

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  used = { cpuMs: 1000, memoryBytes: 50 * 2 ** 20 };
});
afterEach(() => vi.useRealTimers());

/** Looks, and lets the answer come in. */
async function look(one: WorkerUsages): Promise<unknown> {
  const seen = one.look()('w1');
  await vi.advanceTimersByTimeAsync(0);
  return seen;
}

it('asks only while somebody looks, and at most every 2 s', async () => {
  const one = usages();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(0);
  for (let looks = 0; looks < 10; looks += 1) await look(one);
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(2000);
  await look(one);
  expect(asked).toBe(2);
});

it('tells memory after one answer, and the share of a core after two', async () => {
  const one = usages();
  expect(await look(one)).toBeUndefined();
  expect(await look(one)).toEqual({ memoryMb: 50 });
  await vi.advanceTimersByTimeAsync(2000);
  used = { cpuMs: 2500, memoryBytes: 60 * 2 ** 20 };
  await look(one);
  expect(await look(one)).toEqual({ cpu: 0.75, memoryMb: 60 });
  expect(one.look()('w2')).toBeUndefined();
});

it('tells nothing of long ago', async () => {
  const one = usages();
  await look(one);
  await vi.advanceTimersByTimeAsync(11_000);
  expect(await look(one)).toBeUndefined();
  expect(await look(one)).toEqual({ memoryMb: 50 });
});

it('goes without while the engine is down', async () => {
  used = new Error('no engine');
  const one = usages();
  await look(one);
  expect(await look(one)).toBeUndefined();
  used = { cpuMs: 1, memoryBytes: 2 ** 20 };
  await vi.advanceTimersByTimeAsync(2000);
  await look(one);
  expect(await look(one)).toEqual({ memoryMb: 1 });
});
