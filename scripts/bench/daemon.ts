/** The real daemon with workers as processes, on a free port, until it is stopped. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '../..');

/** A daemon that is ready. */
export interface Daemon {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts one with the example functions. @throws Error if it ends before it is ready */
export async function startDaemon(stateDir: string, workers: number): Promise<Daemon> {
  const child = spawn(process.execPath, ['src/main.ts'], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      SPILLWAY_STATE: stateDir,
      SPILLWAY_PORT: '0',
      SPILLWAY_ADMIN_PORT: '0',
      SPILLWAY_RUNTIME: 'process',
      SPILLWAY_WORKERS: String(workers),
      SPILLWAY_CLOUD: 'off',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, url } = JSON.parse(line) as { msg: string; url?: string };
    if (!msg.startsWith('ready') || url === undefined || child.pid === undefined) continue;
    child.stdout.resume(); // what it logs from now on is not read
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      await exited;
    };
    return { url, pid: child.pid, stop };
  }
  throw new Error(`the balancer ended before it was ready: ${String((await exited)[0])}`);
}
