import { expect, it } from 'vitest';
import type { Snapshot } from '../../../src/admin/operations.ts';
import { FakeOperations } from '../../fakes/operations.ts';

// The page has types of its own, which aren't those of Node.
const page = new URL('../../../src/admin/page/history.js', import.meta.url).href;
const { History } = (await import(page)) as {
  History: new () => { add(snapshot: Snapshot): void; lines: Record<string, readonly number[]> };
};

/** Snapshots a second apart, each with its own pool. */
function history(...pools: Partial<Snapshot['status']['pool']>[]): InstanceType<typeof History> {
  const made = new History();
  const snapshot = new FakeOperations().snapshot();
  for (const [second, pool] of pools.entries()) {
    const status = { ...snapshot.status, pool: { ...snapshot.status.pool, ...pool } };
    made.add({ ...snapshot, at: 1_790_000_000_000 + second * 1000, status });
  }
  return made;
}

it('has the load in slots, of which calls may share one', () => {
  const { lines } = history({ running: 12, busySlots: 1.2, ahead: 2, slots: 2, queued: 3 });
  expect(lines['running']).toEqual([1.2]);
  expect(lines['load']).toEqual([6.2]);
});

it('has N and 2N in slots, though a worker has none for a moment', () => {
  const [worker] = new FakeOperations().state.pool.workers;
  const { lines } = history(
    { slotsPerWorker: 3, workers: [{ ...worker!, slots: 0 }] },
    { slotsPerWorker: 3 },
  );
  expect(lines['n']).toEqual([6, 6]);
  expect(lines['max']).toEqual([12, 12]);
});
