/** The CPU time that the host has used, for the scaling decision. */
import { availableParallelism, cpus } from 'node:os';
import { readFileSync } from 'node:fs';

/** A reading serves this long, in milliseconds: under load there are a hundred looks a second. */
const KEPT_MS = 100;

/** A counter and two limits. */
export interface HostCpu {
  /** Cores that the workers may use. */
  readonly cores: number;
  readonly hostCores: number;
  /** CPU milliseconds that the whole host has used since its start. */
  readonly hostMs: number;
}

/**
 * Returns a function that reads them; undefined where the host doesn't tell.
 * @param children whether the workers are children of this process: what limits it limits them too
 */
export function hostCpu(children: boolean): () => HostCpu | undefined {
  const cores = children ? Math.min(availableParallelism(), cgroupCores()) : Infinity;
  let latest: { at: number; cpu: HostCpu | undefined } | undefined;
  return () => {
    const now = performance.now();
    if (latest === undefined || now - latest.at > KEPT_MS) latest = { at: now, cpu: read(cores) };
    return latest.cpu;
  };
}

function read(cores: number): HostCpu | undefined {
  const all = cpus();
  let hostMs = 0;
  for (const { times } of all) hostMs += times.user + times.nice + times.sys + times.irq;
  return hostMs > 0 ? { cores: Math.min(cores, all.length), hostCores: all.length, hostMs } : undefined;
}

/** The quota of this process's cgroup (v2), in cores; Infinity where there is none. */
function cgroupCores(): number {
  try {
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').split(' ').map(Number);
    return quota !== undefined && period !== undefined && quota > 0 ? quota / period : Infinity;
  } catch {
    return Infinity; // no cgroup v2, or none to be seen
  }
}
