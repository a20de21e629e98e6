/** What is measured: this balancer, and HAProxy and nginx before plain Node HTTP workers, each with two workers. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');
const WORKERS = 2;
const START_MS = 30_000;

/** One body for all: 60 bytes, a single call. */
export const ADD = '{"jsonrpc":"2.0","id":1,"method":"add","params":[19,23]}';

/** Something that answers calls. */
export interface Contender {
  readonly name: string;
  readonly url: string;
  /** The process that clients speak to. */
  readonly pid: number;
  /** All of its processes that aren't descendants of another one here. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Why a contender can't take part, or undefined. */
export function whyNot(program: string): string | undefined {
  const { error } = spawnSync(program, ['-v'], { stdio: 'ignore' });
  return error === undefined ? undefined : `${program} is not installed (apt-get install ${program})`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Starts a process whose end ends the benchmark, unless it was stopped. */
function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): { pid: number; stop(): Promise<void> } {
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

/** Waits until calls are answered, and rightly. */
async function answering(name: string, url: string): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: ADD,
      });
      const { result } = (await response.json()) as { result?: number };
      if (result === 42) return;
    } catch {
      // Not listening yet.
    }
    if (Date.now() > deadline) throw new Error(`${name} does not answer on ${url}`);
    await sleep(50);
  }
}

/** This balancer with its own workers as processes. */
export async function spillway(dir: string): Promise<Contender> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const own = run(process.execPath, ['src/main.ts'], {
    SPILLWAY_STATE: join(dir, 'state'),
    SPILLWAY_PORT: String(port),
    SPILLWAY_ADMIN_PORT: '0',
    SPILLWAY_RUNTIME: 'process',
    SPILLWAY_WORKERS: String(WORKERS),
    SPILLWAY_FUNCTIONS: join(HERE, 'functions'),
    SPILLWAY_LOG_LEVEL: 'warn',
  });
  try {
    await answering('spillway', url);
  } catch (error) {
    await own.stop();
    throw error;
  }
  return { name: 'spillway', url, pids: [own.pid], ...own };
}

async function proxy(
  name: string,
  dir: string,
  server: (socket: string, index: number) => string,
  args: (config: string) => string[],
  template: string,
): Promise<Contender> {
  const home = join(dir, name);
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const sockets = Array.from({ length: WORKERS }, (_, i) => join(home, `worker${i}.sock`));
  const workers = sockets.map((socket) => run(process.execPath, [join(HERE, 'http-worker.ts'), socket]));
  while (!sockets.every((socket) => existsSync(socket))) await sleep(20);
  const config = join(home, template);
  const text = readFileSync(join(HERE, template), 'utf8')
    .replaceAll('@PORT@', String(port))
    .replaceAll('@DIR@', home)
    .replaceAll('@USER@', userInfo().username)
    .replaceAll('@SERVERS@', sockets.map(server).join('\n'));
  writeFileSync(config, text);
  const own = run(name, args(config));
  const stop = async (): Promise<void> => {
    await Promise.all([own.stop(), ...workers.map((worker) => worker.stop())]);
  };
  const url = `http://127.0.0.1:${port}/`;
  try {
    await answering(name, url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, url, pid: own.pid, pids: [own.pid, ...workers.map(({ pid }) => pid)], stop };
}

/** HAProxy before Node HTTP workers. */
export function haproxy(dir: string): Promise<Contender> {
  const server = (socket: string, index: number): string => `  server w${index} unix@${socket}`;
  return proxy('haproxy', dir, server, (config) => ['-db', '-f', config], 'haproxy.cfg');
}

/** nginx before Node HTTP workers. */
export function nginx(dir: string): Promise<Contender> {
  const server = (socket: string): string => `    server unix:${socket} max_fails=0;`;
  return proxy('nginx', dir, server, (config) => ['-c', config], 'nginx.conf');
}
