/** What containers use, as the engine's stats tell. */
import type Docker from 'dockerode';
import { answer, statusOf } from './docker-client.ts';
import type { WorkerUsage } from './launcher.ts';

/** The part of the engine's stats that matters here; of a container that has just ended the fields are missing. */
interface Stats {
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } };
  readonly memory_stats?: {
    readonly usage?: number;
    /** inactive_file with cgroup v2, total_inactive_file with v1. */
    readonly stats?: Readonly<Record<string, number>>;
  };
}

const NS_PER_MS = 1e6;

/** Undefined if the container doesn't run any more. */
export async function containerUsage(container: Docker.Container): Promise<WorkerUsage | undefined> {
  try {
    // One shot: the engine would else wait a second for a second sample, which is taken here anyway.
    const options = { stream: false, 'one-shot': true } as unknown as { stream: false };
    return usageIn(await answer('tell what a container uses', () => container.stats(options)));
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 409) return undefined;
    throw error;
  }
}

/** Reads the engine's answer. */
export function usageIn({ cpu_stats: cpu, memory_stats: memory }: Stats): WorkerUsage | undefined {
  const cpuNs = cpu?.cpu_usage?.total_usage;
  const bytes = memory?.usage;
  if (cpuNs === undefined || bytes === undefined) return undefined;
  const cached = memory?.stats?.['total_inactive_file'] ?? memory?.stats?.['inactive_file'] ?? 0;
  return { cpuMs: cpuNs / NS_PER_MS, memoryBytes: Math.max(0, bytes - cached) };
}
