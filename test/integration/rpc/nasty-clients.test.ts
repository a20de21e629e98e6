/** Clients that hold, flood or starve a connection. Each is bounded, each is answered, and none is in another's way. */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { workerLost } from '../../../src/errors.ts';
import { FakeDispatch, POOL_REPORT } from '../../fakes/dispatch.ts';
import { callText, closeFronts, openFront, PATIENCE, postText, type RawClient } from '../../support/front.ts';

afterEach(closeFronts);

/** Long against a turn of the event loop, short against a test's patience. In milliseconds. */
const LIMITS = {
  ...{ headersMs: 400, requestMs: 800, keepAliveMs: 600 },
  ...{ checkMs: 50, stalledMs: 500, lingerMs: 500 },
};
const BETWEEN_BYTES_MS = 10;
/** So many requests of the smallest size are in one chunk of 64 KB. */
const CHUNK_REQUESTS = 600;
const QUEUE = 1000;
/** Node's server looks after each turn of the event loop only, which reads up to 2 MB. */
const MOST_TAKEN = process.env['SPILLWAY_TEST_LANE'] === 'node' ? 18_000 : QUEUE + CHUNK_REQUESTS;
const IDLE_CLIENTS = 10_000;
/** What else this process has open. */
const OTHER_FILES = 500;

const answering = (json: string | Buffer = '3'): FakeDispatch =>
  new FakeDispatch((call) => setImmediate(() => call.ok(json)));

/** Sends byte by byte, without end; resolves with what came back once the server has ended the connection. */
async function trickle(client: RawClient, first: string, then: string): Promise<string> {
  client.send(first);
  for (let at = 0; !client.ended && client.closed === undefined; at = (at + 1) % then.length) {
    client.send(then.charAt(at));
    await sleep(BETWEEN_BYTES_MS);
  }
  return client.text;
}

const withoutLength = (text: string): string => text.replace(/content-length.*\r\n/, '');

describe('a slow client', () => {
  it.each([
    ['says nothing', '', undefined],
    ['sends its first line byte by byte', 'POST /', 'a'],
    ['sends a header byte by byte', 'POST / HTTP/1.1\r\nhost: x\r\n', 'x-a: b\r\n'],
    ['sends one long header byte by byte', 'POST / HTTP/1.1\r\nhost: x\r\nx-a: ', 'b'],
    ['sends its body byte by byte', postText('x'.repeat(100_000)).slice(0, -100_000), 'x'],
    [
      'sends chunks byte by byte',
      withoutLength(postText('', { 'transfer-encoding': 'chunked' })),
      '1\r\nx\r\n',
    ],
  ])('that %s is told that it is late, and others are served meanwhile', async (_what, first, then) => {
    const fake = answering();
    const { raw, post } = await openFront(fake, { limits: LIMITS });
    const slow = await raw();
    const told = then === undefined ? slow.untilEnd() : trickle(slow, first, then);
    expect(await (await post(callText(1))).json()).toMatchObject({ result: 3 });
    expect(await told).toMatch(/^HTTP\/1\.1 408 .*"code":-32600.*"id":null\}$/s);
    expect(fake.calls).toHaveLength(1);
  });

  it('is answered if it makes it in time', async () => {
    const { raw } = await openFront(answering(), {
      limits: { ...LIMITS, headersMs: 10_000, requestMs: 10_000 },
    });
    const client = await raw();
    for (const byte of postText(callText(1))) {
      client.send(byte);
      await sleep(1);
    }
    await client.until('"id":1}');
  });
});

describe('a header', () => {
  it.each([
    ['of one endless line', 'x-a: ', 'b'.repeat(1000)],
    ['of endless lines', '', 'x-a: b\r\n'.repeat(100)],
  ])('%s is refused, and the rest of it is not kept', async (_what, first, more) => {
    const fake = answering();
    const { raw, front } = await openFront(fake, { limits: LIMITS });
    const client = await raw();
    client.send(`POST / HTTP/1.1\r\nhost: x\r\n${first}`);
    for (let sent = 0; sent < 200 && client.closed === undefined; sent++) client.send(more);
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 431 /);
    client.socket.end();
    await front.drain();
    expect(fake.calls).toEqual([]);
  });
});

describe('a client that takes nothing', () => {
  it.each([
    ['large answers', Buffer.from(`"${'x'.repeat(100_000)}"`)],
    ['small answers', Buffer.from(`"${'x'.repeat(5000)}"`)],
  ])('of %s is read no further, and cut off', async (_what, json) => {
    const fake = answering(json);
    const { raw, front } = await openFront(fake, { limits: LIMITS });
    const client = await raw();
    client.socket.pause();
    const flood = postText(callText(1)).repeat(100);
    const requests = 400 * Math.ceil(1e7 / json.length);
    let sent = 0;
    while (sent < requests && client.closed === undefined) {
      client.send(flood);
      sent += 100;
      if (client.socket.writableLength > 1e6) await sleep(1);
      if (client.socket.writableLength > 2e6) break;
    }
    await vi.waitFor(async () => expect(await connectionsOf(front.server)).toBe(0), PATIENCE);
    // What the system takes on the way, and as many as may be due at once; a chunk more may have been read already.
    expect(fake.calls.length).toBeLessThan(1000 + Math.ceil(20e6 / json.length) + CHUNK_REQUESTS);
    expect(fake.calls.length).toBeLessThan(sent);
    client.socket.destroy();
  });

  it('of its one answer is cut off, though it has ended its side', async () => {
    // More than the system takes on the way.
    const json = JSON.stringify('x'.repeat(30e6));
    // Its end has been seen by then.
    const fake = new FakeDispatch((call) => void setTimeout(() => call.ok(json), 100));
    const { raw, front } = await openFront(fake, { limits: LIMITS, maxBodyBytes: 40e6 });
    const client = await raw();
    client.socket.pause();
    client.socket.end(postText(callText(1)));
    await vi.waitFor(async () => expect(await connectionsOf(front.server)).toBe(1), PATIENCE);
    await vi.waitFor(async () => expect(await connectionsOf(front.server)).toBe(0), PATIENCE);
    client.socket.destroy();
  });
});

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

describe('a flood of requests on one connection', () => {
  it('is answered in order, and taken no further than answers to it can be kept', async () => {
    // As the queue: so many wait, and the others are turned away at once.
    const waiting: (() => void)[] = [];
    const fake = new FakeDispatch((call) => {
      if (waiting.length < QUEUE) waiting.push(() => call.ok('1'));
      else call.answer({ ok: false, error: workerLost('turned away'), report: POOL_REPORT });
    });
    const { raw } = await openFront(fake);
    const client = await raw();
    const all = 24_000;
    for (let id = 0; id < all; id++) client.send(postText(callText(id)));
    await vi.waitFor(() => expect(fake.calls.length).toBeGreaterThanOrEqual(QUEUE), PATIENCE);
    await sleep(300);
    expect(fake.calls.length).toBeLessThan(MOST_TAKEN);
    fake.answerer = (call) => setImmediate(() => call.ok('1'));
    for (const answer of waiting) answer();
    // Not until(): it would search all of it for each chunk.
    await vi.waitFor(() => expect(client.text.endsWith(`"id":${all - 1}}`)).toBe(true), { timeout: 45_000 });
    const ids = [...client.text.matchAll(/"id":(\d+)/g)].map(([, id]) => Number(id));
    expect(ids).toEqual(Array.from({ length: all }, (_, id) => id));
    client.socket.destroy();
  });
});

describe('ten thousand idle connections', () => {
  const most = Number(/Max open files +(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
  const missing = most < IDLE_CLIENTS + OTHER_FILES;
  if (missing)
    process.stderr.write(`skipped: ten thousand idle connections: only ${most} files may be open\n`);

  it.skipIf(missing)('cost little memory, keep nobody waiting, and are ended in time', async () => {
    const { port, post } = await openFront(answering(), {
      limits: { ...LIMITS, headersMs: 5000, requestMs: 5000 },
    });
    const before = process.memoryUsage().rss;
    const clients = fork(join(import.meta.dirname, '../../support/idle-clients.ts'), [
      String(port),
      String(IDLE_CLIENTS),
    ]);
    try {
      const said: Record<string, number>[] = [];
      clients.on('message', (word: Record<string, number>) => said.push(word));
      await vi.waitFor(() => expect(said[0]).toEqual({ open: IDLE_CLIENTS }), { timeout: 30_000 });
      expect(await (await post(callText(1))).json()).toMatchObject({ result: 3 });
      expect(process.memoryUsage().rss - before).toBeLessThan(IDLE_CLIENTS * 40_000);
      await vi.waitFor(() => expect(said[1]).toEqual({ ended: IDLE_CLIENTS, answered: IDLE_CLIENTS }), {
        timeout: 30_000,
      });
      expect(await (await post(callText(2))).json()).toMatchObject({ result: 3 });
    } finally {
      clients.disconnect();
    }
  });
});
