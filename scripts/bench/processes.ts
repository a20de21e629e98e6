/** The processes of a benchmark: how they are started and ended, and what the kernel says they used. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '../..');
const START_MS = 30_000;

/** A started process. */
export interface Running {
  readonly pid: number;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

/** Why a program can't take part, or undefined. */
export function whyNot(program: string): string | undefined {
  const { error } = spawnSync(program, ['-v'], { stdio: 'ignore' });
  return error === undefined ? undefined : `${program} is not installed (apt-get install ${program})`;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Starts a process in the project's folder. */
export function run(command: string, args: string[], env: Record<string, string> = {}): Running {
  const child: ChildProcess = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => {
      resolve();
    });
  });
  child.on('error', (error) => {
    throw error;
  });
  if (child.pid === undefined) throw new Error(`${command} did not start`);
  return {
    pid: child.pid,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Waits until `url` answers `body` with something that contains `expected`. */
export async function answering(
  name: string,
  url: string,
  { type, body, expected }: { type: string; body: string; expected: string },
): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
      if ((await response.text()).includes(expected)) return;
    } catch {
      // Not listening yet.
    }
    if (Date.now() > deadline) throw new Error(`${name} does not answer on ${url}`);
    await sleep(50);
  }
}

/** A line of /proc/PID/status, in bytes: VmRSS is the memory resident now, VmHWM the most there ever was (Linux). */
export function memoryBytes(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((text) => text.startsWith(what));
  return Number(line?.replace(/\D/g, '')) * 1024;
}

/** Linux counts CPU time in hundredths of a second. */
const TICK_MICROSECONDS = 10_000;

/** CPU time in microseconds: of the process itself, and with all it started that still run (Linux). */
export function cpuMicroseconds(pid: number): { own: number; tree: number } {
  const stats = new Map<number, { parent: number; ticks: number }>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const text = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // The name before the last bracket may hold spaces.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      stats.set(Number(entry), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
    } catch {
      // It ended meanwhile.
    }
  }
  const tree = (id: number): number => {
    let ticks = stats.get(id)?.ticks ?? 0;
    for (const [child, { parent }] of stats) if (parent === id) ticks += tree(child);
    return ticks;
  };
  return { own: (stats.get(pid)?.ticks ?? 0) * TICK_MICROSECONDS, tree: tree(pid) * TICK_MICROSECONDS };
}
