/** What is measured: this balancer, and its peers before workers of their own that run the same functions. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answering, freePort, run, type Running } from './processes.ts';
import { ADD } from './work.ts';

const HERE = import.meta.dirname;
const WORKERS = 2;
/** Enough for a thousand connections whose calls all wait. */
const QUEUE = 20_000;
const JSON_CALL = { type: 'application/json', body: ADD.body, expected: ADD.expected };

/** add, as XML-RPC says it. */
const XML_CALL = {
  type: 'text/xml',
  body:
    '<?xml version="1.0"?><methodCall><methodName>call</methodName><params>' +
    '<param><value><string>add</string></value></param><param><value><int>19</int></value></param>' +
    '<param><value><int>23</int></value></param></params></methodCall>',
  expected: '<int>42</int>',
};

/** Something that answers calls. */
export interface Contender {
  readonly name: string;
  readonly url: string;
  /** The process that clients speak to. */
  readonly pid: number;
  /** Its work is done by a process that it started, as nginx does. */
  readonly forks?: true;
  /** All of its processes that aren't descendants of another one here. */
  readonly pids: readonly number[];
  /** How add is said to it where it doesn't speak JSON-RPC; it takes no other work then. */
  readonly says?: { readonly type: string; readonly body: string; readonly expected: string };
  stop(): Promise<void>;
}

/** How this balancer runs. */
interface Own {
  /** [spillway] */
  readonly name?: string;
  /** Workers as processes or containers [process]. */
  readonly runtime?: 'process' | 'docker';
  /** [true] */
  readonly fastLane?: boolean;
}

/** This balancer with its own workers. */
export async function spillway(
  dir: string,
  { name = 'spillway', runtime = 'process', fastLane = true }: Own = {},
): Promise<Contender> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const own = run(process.execPath, ['src/main.ts'], {
    SPILLWAY_STATE: join(dir, name),
    SPILLWAY_FAST_LANE: String(fastLane),
    SPILLWAY_PORT: String(port),
    SPILLWAY_ADMIN_PORT: '0',
    SPILLWAY_RUNTIME: runtime,
    SPILLWAY_WORKERS: String(WORKERS),
    SPILLWAY_FUNCTIONS: join(HERE, 'functions'),
    SPILLWAY_QUEUE: String(QUEUE),
    SPILLWAY_CLOUD: 'off',
    SPILLWAY_LOG_LEVEL: 'warn',
  });
  return await ready(name, url, [own], JSON_CALL);
}

async function ready(
  name: string,
  url: string,
  [front, ...workers]: readonly [Running, ...Running[]],
  says: { type: string; body: string; expected: string },
): Promise<Contender> {
  const stop = async (): Promise<void> => {
    await Promise.all([front, ...workers].map((one) => one.stop()));
  };
  try {
    await answering(name, url, says);
  } catch (error) {
    await stop();
    throw error;
  }
  const contender = { name, url, pid: front.pid, pids: [front, ...workers].map(({ pid }) => pid), stop };
  return says === JSON_CALL ? contender : { ...contender, says };
}

/** Workers on unix sockets of their own, each listening when this resolves. */
async function socketWorkers(
  home: string,
  program: string,
): Promise<{ sockets: string[]; workers: Running[] }> {
  mkdirSync(home, { recursive: true });
  const sockets = Array.from({ length: WORKERS }, (_, i) => join(home, `worker${i}.sock`));
  const workers = sockets.map((socket) => run(process.execPath, [join(HERE, program), socket]));
  while (!sockets.every((socket) => existsSync(socket))) await sleep(20);
  return { sockets, workers };
}

async function proxy(
  name: string,
  dir: string,
  server: (socket: string, index: number) => string,
  args: (config: string) => string[],
  template: string,
): Promise<Contender> {
  const home = join(dir, name);
  const { sockets, workers } = await socketWorkers(home, 'http-worker.ts');
  const port = await freePort();
  const config = join(home, template);
  const text = readFileSync(join(HERE, template), 'utf8')
    .replaceAll('@PORT@', String(port))
    .replaceAll('@DIR@', home)
    .replaceAll('@USER@', userInfo().username)
    .replaceAll('@SERVERS@', sockets.map(server).join('\n'));
  writeFileSync(config, text);
  return await ready(name, `http://127.0.0.1:${port}/`, [run(name, args(config)), ...workers], JSON_CALL);
}

/** HAProxy before Node HTTP workers. */
export function haproxy(dir: string): Promise<Contender> {
  const server = (socket: string, index: number): string => `  server w${index} unix@${socket}`;
  return proxy('haproxy', dir, server, (config) => ['-db', '-f', config], 'haproxy.cfg');
}

/** nginx before Node HTTP workers. */
export async function nginx(dir: string): Promise<Contender> {
  const server = (socket: string): string => `    server unix:${socket} max_fails=0;`;
  return { ...(await proxy('nginx', dir, server, (config) => ['-c', config], 'nginx.conf')), forks: true };
}

/** jayson's HTTP server relaying to jayson workers. */
export async function jaysonRelay(dir: string): Promise<Contender> {
  const { sockets, workers } = await socketWorkers(join(dir, 'jayson'), 'jayson-worker.ts');
  const port = await freePort();
  const front = run(process.execPath, [join(HERE, 'jayson-relay.ts'), String(port), ...sockets]);
  return await ready('jayson', `http://127.0.0.1:${port}/`, [front, ...workers], JSON_CALL);
}

/** The stand-in of the origin's design, see origin.py. */
export async function origin(): Promise<Contender> {
  const ports = [await freePort(), await freePort(), await freePort()].map(String);
  const [front = '', ...rest] = ports;
  const script = join(HERE, 'origin.py');
  const workers = rest.map((port) => run('python3', [script, 'worker', port]));
  const own = run('python3', [script, 'front', ...ports]);
  return await ready('origin', `http://127.0.0.1:${front}/`, [own, ...workers], XML_CALL);
}
