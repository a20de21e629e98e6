import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/leftovers.ts'],
    // A stray .only would leave the rest of a file unrun and green.
    allowOnly: false,
    projects: [
      {
        test: {
          name: 'unit',
          environment: 'node',
          include: ['test/unit/**/*.test.ts'],
          // Nothing here waits for real, so the limit only ends what hangs, also on a busy machine: with a load of ten on two
          // cores, the longest took half a minute.
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'real',
          environment: 'node',
          include: ['test/{contract,integration,e2e}/**/*.test.ts'],
          // Containers and processes need the cores themselves: one file at a time, after the unit tests.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          // The front once more, on Node's own HTTP server: what holds in one lane must hold in the other.
          name: 'node-lane',
          environment: 'node',
          env: { SPILLWAY_TEST_LANE: 'node' },
          include: ['test/integration/rpc/*.test.ts'],
          exclude: ['test/integration/rpc/lanes.test.ts', 'test/integration/rpc/lean-lane.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
