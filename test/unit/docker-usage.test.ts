/** What is read out of the engine's stats, with both versions of cgroups. */
import { expect, it } from 'vitest';
import { usageIn } from '../../src/runtime/docker-usage.ts';

const cpu_stats = { cpu_usage: { total_usage: 1_500_000_000 } };

it('leaves out what the system merely keeps of files', () => {
  const v1 = { usage: 5000, stats: { total_inactive_file: 2000, inactive_file: 1 } };
  expect(usageIn({ cpu_stats, memory_stats: v1 })).toEqual({ cpuMs: 1500, memoryBytes: 3000 });
  const v2 = { usage: 5000, stats: { inactive_file: 1000 } };
  expect(usageIn({ cpu_stats, memory_stats: v2 })).toEqual({ cpuMs: 1500, memoryBytes: 4000 });
});

it('knows nothing of a container that has ended', () => {
  expect(usageIn({ cpu_stats: { cpu_usage: { total_usage: 0 } }, memory_stats: {} })).toBeUndefined();
  expect(usageIn({})).toBeUndefined();
});
