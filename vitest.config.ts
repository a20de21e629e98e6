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
          // Nothing here waits for real, so the limit only ends what hangs, also on a busy machine.
          testTimeout: 20_000,
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
    ],
  },
});
