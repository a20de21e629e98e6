/** What only the fast lane has: its own clock, its own limits, and the way out of it. */
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { shuttingDown } from '../../../src/errors.ts';
import { letGo } from '../../../src/pool/holders.ts';
import { FakeDispatch, POOL_REPORT } from '../../fakes/dispatch.ts';
import { callText, closeFronts, openFront, PATIENCE, postText, type OpenFront } from '../../support/front.ts';

afterEach(closeFronts);

const inLane = (fake: FakeDispatch): Promise<OpenFront> => openFront(fake, { fastLane: true });

async function untilCalls(fake: FakeDispatch, count: number): Promise<void> {
  await vi.waitFor(() => expect(fake.calls).toHaveLength(count), PATIENCE);
}

const GET = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n';

/** Until what was sent has been read, and what that led to was received: both ends are in this process. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn();
}

describe('the sweep', () => {
  // Node's own timers go on; only the sweep is on virtual time.
  beforeEach(() => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => vi.useRealTimers());

  const pass = async (seconds: number): Promise<void> => {
    vi.advanceTimersByTime(seconds * 1000);
    await settled();
  };
  it('ends a connection that never asks anything after 15 s, with 408', async () => {
    const front = await inLane(new FakeDispatch());
    const client = await front.raw();
    await settled();
    await pass(14);
    expect(client.ended).toBe(false);
    await pass(7);
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 408 .*"code":-32600.*"id":null\}$/s);
  });

  it('gives a header 15 s from its first byte, however it trickles', async () => {
    const fake = new FakeDispatch((call) => call.ok('1'));
    const front = await inLane(fake);
    const client = await front.raw();
    await client.send(postText(callText(1))).until('"id":1}');
    await pass(60);
    client.text = '';
    for (const byte of ['P', 'O', 'S', 'T']) {
      client.send(byte);
      await settled();
      await pass(5);
    }
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 408 /);
    expect(fake.calls).toHaveLength(1);
  });

  it('gives a whole request two minutes', async () => {
    const front = await inLane(new FakeDispatch());
    const client = await front.raw();
    const text = postText(callText(1));
    client.send(text.slice(0, -5));
    await settled();
    await pass(118);
    expect(client.ended).toBe(false);
    await pass(10);
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('leaves a client alone that waits for its answer, and tells one that is late behind it', async () => {
    const fake = new FakeDispatch();
    const front = await inLane(fake);
    const [patient, late] = [await front.raw(), await front.raw()];
    patient.send(postText(callText(1)));
    late.send(`${postText(callText(2))}POST`);
    await untilCalls(fake, 2);
    await pass(300);
    await settled();
    expect([patient.text, patient.ended, late.text]).toEqual(['', false, '']);
    for (const call of fake.calls) call.ok('7');
    await patient.until('"id":1}');
    expect(await late.untilEnd()).toMatch(/^HTTP\/1\.1 200 .*"id":2\}HTTP\/1\.1 408 /s);
  });

  it('closes an idle connection after 65 s, without a word', async () => {
    const front = await inLane(new FakeDispatch((call) => call.ok('1')));
    const client = await front.raw();
    await client.send(postText(callText(1))).until('"id":1}');
    client.text = '';
    await pass(64);
    await settled();
    expect(client.ended).toBe(false);
    await pass(10);
    expect(await client.untilEnd()).toBe('');
  });

  it('ends when no connection is left', async () => {
    const front = await inLane(new FakeDispatch());
    const client = await front.raw();
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), PATIENCE);
    client.socket.destroy();
    await front.front.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('what is not for the fast lane', () => {
  it('waits for the answers before it', async () => {
    const fake = new FakeDispatch();
    const { raw } = await inLane(fake);
    const client = await raw();
    client.send(postText(callText(1)) + GET + postText(callText(2)));
    await untilCalls(fake, 1);
    expect(client.text).toBe('');
    fake.calls[0]?.ok('1');
    await untilCalls(fake, 2);
    fake.calls[1]?.ok('2');
    expect(await client.until('"id":2}')).toMatch(/"id":1\}HTTP.*ok\nHTTP.*"id":2\}$/s);
  });

  it('is given up with them when the client goes', async () => {
    const fake = new FakeDispatch();
    const { raw, front } = await inLane(fake);
    const client = await raw();
    client.send(postText(callText(1)) + GET);
    await untilCalls(fake, 1);
    client.socket.resetAndDestroy();
    await vi.waitFor(() => expect(fake.calls[0]?.cancel).toHaveBeenCalledTimes(1), PATIENCE);
    await front.drain();
  });

  it('is answered also to a client that has ended its side meanwhile', async () => {
    const fake = new FakeDispatch();
    const { raw } = await inLane(fake);
    const client = await raw();
    client.socket.end(postText(callText(1)) + GET);
    await client.until('102 Processing');
    fake.calls[0]?.ok('1');
    expect(await client.untilEnd()).toMatch(/"id":1\}HTTP\/1\.1 200 .*ok\n$/s);
  });

  it('is read only so far while it waits', async () => {
    const fake = new FakeDispatch();
    const { raw } = await inLane(fake);
    const client = await raw();
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const chunked = postText('', { 'transfer-encoding': 'chunked' }).replace(/content-length.*\r\n/, '');
    client.send(postText(callText(1)) + chunked);
    await untilCalls(fake, 1);
    // More than the system's buffers hold on the way.
    for (let sent = 0; sent < 400; sent++) client.send(chunk);
    // Until nothing moves any more.
    for (let left = -1; left !== client.socket.writableLength;) {
      left = client.socket.writableLength;
      await settled();
    }
    expect(client.socket.writableLength).toBeGreaterThan(1_000_000);
    fake.calls[0]?.ok('1');
    await client.until(/"id":1\}HTTP\/1\.1 413 /);
  });
});

describe('drain', () => {
  it('does not close with an answer behind which a request is coming in', async () => {
    const fake = new FakeDispatch();
    const { raw, front } = await inLane(fake);
    const client = await raw();
    const next = postText(callText(2));
    client.send(postText(callText(1)) + next.slice(0, 50));
    await untilCalls(fake, 1);
    const drained = front.drain();
    fake.calls[0]?.ok('1');
    expect(await client.until('"id":1}')).toMatch(/connection: keep-alive/i);
    client.text = '';
    client.send(next.slice(50));
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 200 .*Connection: close.*-32005.*"id":2\}$/s);
    await drained;
  });
});

describe('a crowd', () => {
  it('of requests on one connection is taken a thousand at a time', async () => {
    const fake = new FakeDispatch();
    const { raw } = await inLane(fake);
    const client = await raw();
    client.send(Array.from({ length: 2500 }, (_, id) => postText(callText(id))).join(''));
    await untilCalls(fake, 1000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(fake.calls).toHaveLength(1000);
    fake.answerer = (call) => setImmediate(() => call.ok('1'));
    for (const call of [...fake.calls]) call.ok('1');
    await client.until('"id":2499}');
    expect([...client.text.matchAll(/"id":(\d+)/g)].map(([, id]) => Number(id))).toEqual(
      Array.from({ length: 2500 }, (_, id) => id),
    );
  });

  it('is answered to the last one where the client has ended its side, and one is refused at once', async () => {
    const fake = new FakeDispatch();
    const { raw } = await inLane(fake);
    const client = await raw();
    client.send(Array.from({ length: 1003 }, (_, id) => postText(callText(id))).join(''));
    client.socket.end();
    await untilCalls(fake, 1000);
    await settled();
    fake.answerer = (call) => {
      fake.answerer = (later) => setImmediate(() => later.ok('1'));
      call.answer({ ok: false, error: shuttingDown(), report: POOL_REPORT });
    };
    for (const call of [...fake.calls]) call.ok('1');
    expect(await client.untilEnd()).toMatch(/"id":1000\}.*"id":1001\}.*Connection: close.*"id":1002\}$/s);
  });

  it('of answers goes out in one write a turn', async () => {
    const fake = new FakeDispatch();
    const { raw } = await inLane(fake);
    const client = await raw();
    client.send(Array.from({ length: 50 }, (_, id) => postText(callText(id))).join(''));
    await untilCalls(fake, 50);
    let chunks = 0;
    client.socket.on('data', () => chunks++);
    for (const call of fake.calls) call.ok('1');
    await client.until('"id":49}');
    expect(chunks).toBe(1);
  });
});

describe('the memory of large requests', () => {
  const LARGE = JSON.stringify(['x'.repeat(40_000)]);
  const large = (id: number): string =>
    postText(`{"jsonrpc":"2.0","id":${id},"method":"f","params":${LARGE}}`);

  it('is its call’s, which can give it back', async () => {
    const fake = new FakeDispatch();
    const { raw } = await inLane(fake);
    const client = await raw();
    // The second comes in pieces.
    client.send(large(1));
    await untilCalls(fake, 1);
    client.send(large(2).slice(0, 20_000));
    await settled();
    client.send(large(2).slice(20_000));
    await untilCalls(fake, 2);
    for (const { request } of fake.calls) {
      expect(String(request.params)).toBe(LARGE);
      letGo(request.params as Buffer);
      expect(request.params).toHaveLength(0);
    }
  });

  it('may be given back before the connection has done with the request, where the call is refused at once', async () => {
    const fake = new FakeDispatch((call) => {
      call.answer({ ok: false, error: shuttingDown(), report: POOL_REPORT });
      letGo(call.request.params as Buffer);
    });
    const { raw } = await inLane(fake);
    const client = await raw();
    for (const id of [1, 2]) await client.send(large(id)).until(`"id":${id}}`);
    expect(client.text.match(/"code":-32005/g)).toHaveLength(2);
    expect(fake.calls.map(({ request }) => request.params?.length)).toEqual([0, 0]);
  });

  it('is nobody’s to give back where several came in one piece', async () => {
    const fake = new FakeDispatch();
    const { raw } = await inLane(fake);
    const client = await raw();
    client.send(large(1) + postText(callText(2)) + large(3));
    await untilCalls(fake, 3);
    letGo(fake.calls[0]?.request.params as Buffer);
    expect(String(fake.calls[0]?.request.params)).toBe(LARGE);
    expect(String(fake.calls[2]?.request.params)).toBe(LARGE);
  });
});
