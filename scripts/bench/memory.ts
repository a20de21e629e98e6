/** What the balancer's memory does: idle, after many calls, and with ten thousand calls waiting on their own connections. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contender } from './contenders.ts';
import { load } from './load.ts';
import { memoryBytes } from './processes.ts';
import { ADD } from './work.ts';

const CALLS = 1_000_000;
const WAITING = 10_000;
/** Connections opened at a time: the backlog of a listening socket is bounded. */
const AT_ONCE = 100;
/** Longer than opening all of them takes. */
const BLOCK_MS = 20_000;
/** Two workers with a slot each, and as many more at a peak. */
const MOST_SLOTS = 4;
const GROWN_MS = 3000;

/** Bytes resident before the load, after half of it and after all of it. */
export async function afterManyCalls(
  dir: string,
  { pid, url }: Contender,
): Promise<{ before: number; half: number; end: number; calls: number }> {
  const before = memoryBytes(pid, 'VmRSS');
  let calls = 0;
  let half: number | undefined;
  while (calls < CALLS) {
    calls += (await load(dir, ADD, { url, connections: 64, seconds: 5 })).calls;
    if (calls >= CALLS / 2) half ??= memoryBytes(pid, 'VmRSS');
  }
  const end = memoryBytes(pid, 'VmRSS');
  return { before, half: half ?? end, end, calls };
}

/** Bytes more resident for each of ten thousand calls that wait for a slot, each on a connection of its own. */
export async function whileWaiting({
  pid,
  url,
}: Contender): Promise<{ bytesEach: number; answered: number }> {
  const { hostname, port } = new URL(url);
  const request = (id: number, method: string, params: readonly number[]): string => {
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    return `POST / HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  };
  const sockets: Socket[] = [];
  let answered = 0;
  const open = async (text: string): Promise<void> => {
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.once('data', () => (answered += 1));
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => socket.write(text, () => resolve()));
    });
  };
  try {
    // As many as the pool has slots once it has grown, or the rest would not wait.
    for (let id = 0; id < MOST_SLOTS; id += 1) await open(request(id, 'hold', [BLOCK_MS]));
    await sleep(GROWN_MS);
    const before = memoryBytes(pid, 'VmRSS');
    for (let opened = 0; opened < WAITING; opened += AT_ONCE) {
      await Promise.all(
        Array.from({ length: AT_ONCE }, (_, at) => open(request(opened + at, 'add', [19, 23]))),
      );
    }
    await sleep(500);
    const waiting = memoryBytes(pid, 'VmRSS');
    if (answered > 0) throw new Error(`${answered} calls did not wait`);
    const until = Date.now() + BLOCK_MS + 10_000;
    while (answered < WAITING + MOST_SLOTS && Date.now() < until) await sleep(100);
    return { bytesEach: (waiting - before) / WAITING, answered: answered - MOST_SLOTS };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}
