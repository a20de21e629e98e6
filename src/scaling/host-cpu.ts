/** The CPU time that the host has used, for the scaling decision. */
import { availableParallelism, cpus } from 'node:os';
import { readFileSync } from 'node:fs';

/** A reading serves this long, in milliseconds: under load there are a hundred looks a second. */
const KEPT_MS = 100;

/** A counter and a limit. */
export interface HostCpu {
  /** Cores that this process may use. */
  readonly cores: number;
  /** CPU milliseconds that the whole host has used since its start. */
  readonly hostMs: number;
}

/** Returns a function that reads them; undefined where the host doesn't tell. */
export function hostCpu(): () => HostCpu | undefined {
  const cores = Math.min(availableParallelism(), cgroupCores());
  let latest: { at: number; cpu: HostCpu | undefined } | undefined;
  return () => {
    const now = performance.now();
    if (latest === undefined || now - latest.at > KEPT_MS) latest = { at: now, cpu: read(cores) };
    return latest.cpu;
  };
}

function read(cores: number): HostCpu | undefined {
  let hostMs = 0;
  for (const { times } of cpus()) hostMs += times.user + times.nice + times.sys + times.irq;
  return hostMs > 0 ? { cores, hostMs } : undefined;
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
