/** What processes and their descendants use, from /proc: on Linux only. */
import { readdir, readFile } from 'node:fs/promises';
import type { WorkerUsage } from './launcher.ts';

/** The kernel counts CPU time in hundredths of a second for everybody who asks, whatever its own clock is. */
const MS_PER_TICK = 10;
const KIB = 1024;
/** Fields of /proc/PID/stat after the name in brackets, counted from 0 (proc(5)). */
const PARENT = 1;
/** Its own user and system time, and that of its children that have ended. */
const TIMES = [11, 12, 13, 14];

interface Process {
  readonly parent: number;
  readonly cpuMs: number;
}

/** What each of these processes has used together with its descendants. One that has ended is left out. */
export async function processUsage(roots: ReadonlyMap<string, number>): Promise<Map<string, WorkerUsage>> {
  const found = new Map<string, WorkerUsage>();
  if (roots.size === 0) return found;
  const processes = await readProcesses();
  const children = Map.groupBy(processes.keys(), (pid) => processes.get(pid)?.parent ?? 0);
  for (const [id, root] of roots) {
    if (!processes.has(root)) continue;
    const tree = [root];
    for (const pid of tree) tree.push(...(children.get(pid) ?? []));
    const memory = await Promise.all(tree.map(ownMemoryBytes));
    const cpuMs = tree.reduce((sum, pid) => sum + (processes.get(pid)?.cpuMs ?? 0), 0);
    found.set(id, { cpuMs, memoryBytes: memory.reduce((sum, bytes) => sum + bytes, 0) });
  }
  return found;
}

async function readProcesses(): Promise<Map<number, Process>> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const all = new Map<number, Process>();
  await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
      // The name before may have spaces and brackets of its own.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields.length <= Math.max(...TIMES)) return;
      const ticks = TIMES.reduce((sum, field) => sum + Number(fields[field]), 0);
      all.set(Number(pid), { parent: Number(fields[PARENT]), cpuMs: ticks * MS_PER_TICK });
    }),
  );
  return all;
}

/** What is its own: Node's program, which all share, isn't counted. */
async function ownMemoryBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  return ['RssAnon', 'RssShmem'].reduce((sum, name) => {
    const kib = new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1];
    return sum + Number(kib ?? 0) * KIB;
  }, 0);
}
