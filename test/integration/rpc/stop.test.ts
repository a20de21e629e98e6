import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FakeDispatch } from '../../fakes/dispatch.ts';
import { callText, closeFronts, openFront, PATIENCE, postText } from '../../support/front.ts';

afterEach(closeFronts);

const answering = (): FakeDispatch => new FakeDispatch((call) => call.ok('3'));

describe('drain', () => {
  it('lets calls under way end, and closes their connections with the answer', async () => {
    const fake = new FakeDispatch();
    const { raw, front } = await openFront(fake);
    const client = await raw();
    client.send(postText(callText(1)));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1), PATIENCE);
    let drained = false;
    const draining = front.drain().then(() => (drained = true));
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(drained).toBe(false);
    fake.calls[0]?.ok('1');
    const text = await client.untilEnd();
    expect(text).toMatch(/^HTTP\/1\.1 200 .*Connection: close.*"result":1,"id":1\}$/s);
    await draining;
  });

  it('takes no new connection', async () => {
    const { front, port } = await openFront(answering());
    await front.drain();
    const socket = connect(port, '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('answers what comes on an idle connection shortly after, and says close', async () => {
    const fake = answering();
    const { raw, front } = await openFront(fake);
    const client = await raw();
    await client.send(postText(callText(1))).until('"id":1}');
    const draining = front.drain();
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.text = '';
    const text = await client.send(postText(callText(2))).untilEnd();
    expect(text).toMatch(/^HTTP\/1\.1 200 .*Connection: close.*"code":-32005.*"id":2\}$/s);
    expect(fake.calls).toHaveLength(1);
    await draining;
  });

  it('ends idle connections, and those that never asked anything, after a moment', async () => {
    const { raw, front } = await openFront(answering());
    const idle = await raw();
    await idle.send(postText(callText(1))).until('"id":1}');
    const silent = await raw();
    const startedAt = performance.now();
    await front.drain();
    expect(performance.now() - startedAt).toBeGreaterThan(300);
    await Promise.all([idle.untilEnd(), silent.untilEnd()]);
  });

  it('closes a pipeline with its last answer, not before', async () => {
    const fake = new FakeDispatch();
    const { raw, front } = await openFront(fake);
    const client = await raw();
    client.send(postText(callText(1)) + postText(callText(2)));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(2), PATIENCE);
    const draining = front.drain();
    fake.calls[0]?.ok('1');
    await client.until('"id":1}');
    expect(client.text).not.toMatch(/connection: close/i);
    fake.calls[1]?.ok('2');
    expect(await client.untilEnd()).toMatch(/Connection: close.*"result":2,"id":2\}$/s);
    await draining;
  });

  it('closes a pipeline answered in the other order, too', async () => {
    const fake = new FakeDispatch();
    const { raw, front } = await openFront(fake);
    const client = await raw();
    client.send(postText(callText(1)) + postText(callText(2)));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(2), PATIENCE);
    fake.calls[1]?.ok('2');
    const draining = front.drain();
    fake.calls[0]?.ok('1');
    expect(await client.untilEnd()).toMatch(/"id":1\}.*"result":2,"id":2\}$/s);
    await draining;
  });

  it('is alive but not ready', async () => {
    const { raw, front } = await openFront(answering());
    const [alive, ready] = [await raw(), await raw()];
    for (const client of [alive, ready]) await client.send(postText(callText(1))).until('"id":1}');
    void front.drain();
    alive.text = ready.text = '';
    alive.send('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
    ready.send('GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(await alive.untilEnd()).toMatch(/^HTTP\/1\.1 200 .*ok\n$/s);
    expect(await ready.untilEnd()).toMatch(/^HTTP\/1\.1 503 .*shutting down\n$/s);
  });

  it('loses no request of clients that keep asking', async () => {
    const fake = answering();
    const { raw, front } = await openFront(fake);
    const clients = await Promise.all(Array.from({ length: 20 }, raw));
    let asked = 0;
    let answered = 0;
    const busy = new Set<number>();
    const loops = clients.map(async (client, index) => {
      for (let id = 0; ; id++) {
        asked++;
        const text = await client.send(postText(callText(id))).until(`"id":${id}}`);
        answered++;
        busy.add(index);
        if (/connection: close/i.test(text)) return;
        client.text = '';
      }
    });
    // A connection that was not accepted yet is refused by the end of listening, which is another matter.
    await vi.waitFor(() => expect(busy.size).toBe(clients.length), PATIENCE);
    await front.drain();
    await Promise.all(loops);
    expect(answered).toBe(asked);
    expect(answered).toBeGreaterThan(clients.length);
  });
});

describe('close', () => {
  it('gives up calls and ends connections', async () => {
    const fake = new FakeDispatch();
    const { raw, front } = await openFront(fake);
    const client = await raw();
    client.send(postText(callText(1)));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1), PATIENCE);
    await front.close();
    expect(fake.calls[0]?.cancel).toHaveBeenCalledTimes(1);
    await client.untilEnd();
  });

  it('sends an answer to its end first', async () => {
    const large = JSON.stringify('x'.repeat(5_000_000));
    const fake = new FakeDispatch((call) => call.ok(large));
    const { raw, front } = await openFront(fake);
    const client = await raw();
    client.socket.pause();
    client.send(postText(callText(1)));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1), PATIENCE);
    const closing = front.close();
    client.socket.resume();
    expect((await client.untilEnd()).length).toBeGreaterThan(large.length);
    await closing;
  });

  it('waits only a moment for a client that takes nothing', async () => {
    const large = JSON.stringify('x'.repeat(6_000_000));
    const fake = new FakeDispatch((call) => call.ok(large));
    const { raw, front } = await openFront(fake);
    const client = await raw();
    client.socket.pause();
    client.send(postText(callText(1)));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1), PATIENCE);
    const startedAt = performance.now();
    await front.close();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    client.socket.destroy();
  });

  it('may come without drain, after it, or twice', async () => {
    const { front } = await openFront(answering());
    await front.drain();
    await front.close();
    await front.close();
    const other = await openFront(answering());
    await Promise.all([other.front.close(), other.front.close()]);
  });
});
