import { expect, it } from 'vitest';
import { compareFigures, type Sample } from '../../../src/cloud/compare.ts';

const pool = (latencyMs: number, runMs: number): Sample => ({ backend: 'pool', ok: true, latencyMs, runMs });

it('puts both places side by side', () => {
  const samples: Sample[] = [
    pool(12, 10),
    pool(14, 10),
    { backend: 'cloud', ok: true, latencyMs: 200, runMs: 20, billedMs: 120, costUsd: 6e-6, coldStart: true },
    { backend: 'cloud', ok: true, latencyMs: 60, runMs: 20, billedMs: 26, costUsd: 4e-6, coldStart: false },
    { backend: 'cloud', ok: false, latencyMs: 5, costUsd: 2e-6 },
  ];
  const figures = compareFigures(samples, { machineHourUsd: 0.36, slots: 2 });
  expect(figures.cloud).toMatchObject({
    calls: 3,
    failed: 1,
    coldStarts: 1,
    meanMs: 130,
    p50Ms: 60,
    p99Ms: 200,
    meanRunMs: 20,
    billedMs: 146,
  });
  // Failed calls are paid for too.
  expect(figures.cloud.costUsd).toBeCloseTo(12e-6, 12);
  expect(figures.cloud.millionCallsUsd).toBeCloseTo(4, 9);
  // 20 ms of one of two slots of a machine at 1e-4 USD a second.
  expect(figures.pool).toMatchObject({ calls: 2, failed: 0, p50Ms: 12, meanRunMs: 10 });
  expect(figures.pool.costUsd).toBeCloseTo(1e-6, 12);
});

it('says nothing of a place where no call succeeded', () => {
  const figures = compareFigures([{ backend: 'cloud', ok: false, latencyMs: 5 }], {
    machineHourUsd: 0,
    slots: 1,
  });
  expect(figures.cloud).toMatchObject({
    calls: 1,
    failed: 1,
    meanMs: undefined,
    p50Ms: undefined,
    costUsd: 0,
  });
  expect(figures.pool).toMatchObject({ calls: 0, p99Ms: undefined, millionCallsUsd: 0 });
});
