/** The balancer's end of the workers' socket, as little of it as tests of the launchers need. */

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { WorkerOrder } from '../../src/runtime/launcher.ts';

/** The order of a worker in these tests. */
export function order(id: string): WorkerOrder {
  return { id, token: `token-of-${id}` };
}

/** The balancer's end of the socket. */
export interface Balancer {
  /** The line with which the worker of this id dialled in. */
  hello(id: string): Promise<string>;
  /** The worker's answer to a line. */
  ask(id: string, line: string): Promise<string>;
  close(): Promise<void>;
}

/** Listens as the balancer does. */
export async function listen(path: string): Promise<Balancer> {
  const links = new Map<string, { socket: Socket; lines: string[] }>();
  const server: Server = createServer((socket) => {
    let lines: string[] | undefined;
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const whole = (rest + text).split('\n');
      rest = whole.pop() ?? '';
      for (const line of whole) {
        if (lines === undefined) links.set(line.split(' ')[0] ?? '', { socket, lines: (lines = [line]) });
        else lines.push(line);
      }
    });
    socket.on('error', () => {});
  });
  server.listen({ path, readableAll: true, writableAll: true });
  await once(server, 'listening');
  const hello = (id: string): Promise<string> => eventually(() => Promise.resolve(links.get(id)?.lines[0]));
  return {
    hello,
    async ask(id, line) {
      await hello(id);
      const link = links.get(id);
      const answered = link?.lines.length ?? 0;
      link?.socket.write(`${line}\n`);
      return eventually(() => Promise.resolve(link?.lines[answered]));
    },
    async close() {
      for (const { socket } of links.values()) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The first value other than undefined; fails after 15 s. */
export async function eventually<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const value = await attempt();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error('what the test waits for did not happen within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
