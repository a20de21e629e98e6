import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import { createServer as createRawServer, type AddressInfo, type Server as RawServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openChannel, type Channel, type Exchange } from '../../../src/cloud/channel.ts';

type Listener = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server;
let listener: Listener;
let connections: number;
let channel: Channel;

beforeEach(async () => {
  connections = 0;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => listener(request, response, Buffer.concat(chunks).toString()));
  });
  server.on('connection', () => (connections += 1));
  channel = openChannel({ url: `http://127.0.0.1:${await listen(server)}/v1/call`, apiKey: 'the-key' });
});

afterEach(async () => {
  channel.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function listen(any: Server | RawServer): Promise<number> {
  await new Promise<void>((resolve) => any.listen(0, '127.0.0.1', resolve));
  return (any.address() as AddressInfo).port;
}

function send(body: string, timeoutMs = 5000, over = channel): Promise<Exchange> {
  return new Promise((resolve) => over.send(body, timeoutMs, resolve));
}

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

it.runIf(hasIpv6)('goes to an IPv6 address', async () => {
  const other = createServer((_, response) => response.end('six'));
  await new Promise<void>((resolve) => other.listen(0, '::1', resolve));
  const { port } = other.address() as AddressInfo;
  const six = openChannel({ url: `http://[::1]:${port}/v1/call`, apiKey: 'the-key' });
  try {
    expect(await send('{}', 5000, six)).toMatchObject({ ok: true, body: Buffer.from('six') });
  } finally {
    six.close();
    await new Promise((resolve) => other.close(resolve));
  }
});

describe('an exchange', () => {
  it('carries the body with the key, and brings status, headers and body back', async () => {
    let seen: unknown;
    listener = (request, response, body) => {
      seen = { method: request.method, url: request.url, key: request.headers['x-api-key'], body };
      response.writeHead(201, { 'spillway-outcome': 'result' });
      response.write('4');
      setImmediate(() => response.end('2€'));
    };
    expect(await send('{"a":"é"}')).toMatchObject({
      ok: true,
      status: 201,
      headers: { 'spillway-outcome': 'result' },
      body: Buffer.from('42€'),
    });
    expect(seen).toEqual({ method: 'POST', url: '/v1/call', key: 'the-key', body: '{"a":"é"}' });
  });

  it('uses a kept connection again, and opens more for calls at one time', async () => {
    listener = (_, response) => response.end('ok');
    for (let call = 0; call < 5; call++) await send('{}');
    expect(connections).toBe(1);
    await Promise.all([send('{}'), send('{}'), send('{}')]);
    expect(connections).toBe(3);
  });

  it('of a refused connection never left', async () => {
    const idle = createServer();
    const port = await listen(idle);
    await new Promise((resolve) => idle.close(resolve));
    const nowhere = openChannel({ url: `http://127.0.0.1:${port}/v1/call`, apiKey: 'k' });
    expect(await send('{}', 5000, nowhere)).toEqual({ ok: false, sent: false, code: 'ECONNREFUSED' });
    nowhere.close();
  });

  it('of a failed TLS handshake never left', async () => {
    const plain = createRawServer((socket) => socket.resume().end('not TLS\r\n'));
    const secure = openChannel({ url: `https://127.0.0.1:${await listen(plain)}/v1/call`, apiKey: 'k' });
    expect(await send('{}', 5000, secure)).toMatchObject({ ok: false, sent: false });
    secure.close();
    await new Promise((resolve) => plain.close(resolve));
  });

  it('that is broken off has left: before, within and after the head of the answer', async () => {
    listener = (request) => request.socket.destroy();
    expect(await send('{}')).toMatchObject({ ok: false, sent: true, code: 'ECONNRESET' });
    listener = (request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half', () => request.socket.destroy());
    };
    expect(await send('{}')).toMatchObject({ ok: false, sent: true });
  });

  it('without an answer ends when its time is up', async () => {
    // Over a connection that is there already: making one may take longer than that.
    listener = (_, response) => response.end('ok');
    await send('{}');
    listener = () => undefined;
    expect(await send('{}', 50)).toEqual({ ok: false, sent: true, code: 'NO_ANSWER' });
  });

  it('that is too long is broken off', async () => {
    listener = (_, response) => response.end(Buffer.alloc(11_000_000));
    expect(await send('{}')).toMatchObject({ ok: false, sent: true });
  });
});

it('closing ends what is under way, once each', async () => {
  let arrived: () => void = () => undefined;
  const here = new Promise<void>((resolve) => (arrived = resolve));
  listener = () => arrived();
  const answers: Exchange[] = [];
  channel.send('{}', 5000, (exchange) => answers.push(exchange));
  await here;
  const ended = send('{}');
  channel.close();
  expect(await ended).toMatchObject({ ok: false });
  expect(answers).toMatchObject([{ ok: false, sent: true }]);
});
