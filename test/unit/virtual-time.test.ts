/** The clock of tests that use real sockets on virtual time: it may never move behind their back. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { useVirtualTime, walk } from '../support/virtual-time.ts';

beforeEach(useVirtualTime);
afterEach(() => {
  vi.useRealTimers();
});

/** Keeps the event loop for so long, as a busy machine does. */
function hold(ms: number): void {
  const until = process.hrtime.bigint() + BigInt(ms) * 1_000_000n;
  while (process.hrtime.bigint() < until);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** What begins to wait for something just as the work ends. */
function endsWithATimer(told: () => void): Promise<void> {
  return turns(60).then(() => {
    hold(10);
    setTimeout(told, 5000);
  });
}

it('stands still once the work has ended, however long the machine took over that', async () => {
  const told = vi.fn();
  await walk(endsWithATimer(told), () => false);
  expect(told).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(1);
});

it('moves to the next timer where the work waits for it, one after the other', async () => {
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    for (let wait = 0; wait < 3; wait++) await new Promise((resolve) => setTimeout(resolve, 10_000));
  };
  await walk(work(), () => false);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(30_000);
});
