/** Large params and results keep their bytes, whatever happens to those who send, carry and receive them. */
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home, type Balancer } from '../../support/balancer.ts';

const CLIENTS = 4;
const REQUESTS = 12;

/** Text that says at every place whose it is: bytes of another call, or of none, would be seen. */
function textOf(seed: string, length: number): string {
  return createHash('sha256')
    .update(seed)
    .digest('hex')
    .repeat(Math.ceil(length / 64))
    .slice(0, length);
}

function requestOf(id: number, text: string, ms = 0): string {
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'naptime', params: [ms, text] });
  const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  return head + body;
}

/** The results that a client is sent, by id. */
async function results(socket: Socket, count: number): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  let text = '';
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('latin1');
    for (;;) {
      const head = /^HTTP\/1\.1 200 OK\r\n.*?Content-Length: (\d+)\r\n.*?\r\n\r\n/s.exec(text.slice(0, 2000));
      const end = head === null ? Infinity : head[0].length + Number(head[1]);
      if (head === null || text.length < end) break;
      const { id, result } = JSON.parse(text.slice(head[0].length, end)) as { id: number; result: string };
      found.set(id, result);
      text = text.slice(end);
    }
    if (found.size === count) break;
  }
  return found;
}

describe('large calls', () => {
  const home = new Home();
  let balancer: Balancer;

  beforeAll(async () => {
    balancer = await home.start({ SPILLWAY_RUNTIME: 'process', SPILLWAY_WORKERS: '2' });
  });
  afterAll(() => home.rm({ docker: false }));

  const dial = (): Socket => connect(Number(new URL(balancer.url).port), '127.0.0.1');

  /** Sends requests of several sizes at once, and compares every answer; reads none before `reads`. */
  async function client(name: number, reads: Promise<unknown>): Promise<void> {
    const socket = dial();
    const sent = new Map<number, string>();
    for (let id = 0; id < REQUESTS; id++) {
      sent.set(id, textOf(`${name}/${id}`, [50, 700_000, 90_000][id % 3] as number));
    }
    socket.write([...sent].map(([id, text]) => requestOf(id, text)).join(''), 'latin1');
    await reads;
    expect(await results(socket, REQUESTS)).toEqual(sent);
    socket.destroy();
  }

  /** Leaves in the middle of a request or an answer, again and again. */
  async function fickle(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const socket = dial();
      const request = requestOf(1, textOf(`fickle ${round}`, 400_000));
      const sent = new Promise((resolve) => {
        socket.write(request + request.slice(0, 200_000), 'latin1', resolve);
      });
      if (round % 2 === 0) await new Promise((resolve) => socket.once('data', resolve));
      else await sent;
      socket.destroy();
    }
  }

  it('come back as they were sent, also to the slow, and while others leave and slots die', async () => {
    const quick = Promise.all(Array.from({ length: CLIENTS }, (_, name) => client(name, Promise.resolve())));
    const slow = Promise.all(Array.from({ length: CLIENTS }, (_, name) => client(CLIENTS + name, quick)));
    const [, , , left] = await Promise.all([quick, slow, fickle(10), balancer.call('leave')]);
    // Else no call had to be sent a second time.
    expect(left.error?.code).toBe(-32003);
  });
});
