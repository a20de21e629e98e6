import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FakeDispatch } from '../../fakes/dispatch.ts';
import { callText, closeFronts, openFront, PATIENCE, postText } from '../../support/front.ts';

afterEach(closeFronts);

const answering = (): FakeDispatch => new FakeDispatch((call) => setImmediate(() => call.ok('3')));

describe('a body', () => {
  it('may come on /rpc too, in pieces or in chunks', async () => {
    const { raw, post } = await openFront(answering());
    expect(await (await post(callText(1), {}, '/rpc?x=1')).json()).toMatchObject({ result: 3 });
    const client = await raw();
    const text = postText(callText(1));
    for (const piece of [text.slice(0, 40), text.slice(40, -5), text.slice(-5)]) {
      client.send(piece);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await client.until('"id":1}');
    const body = callText(2);
    const chunked = postText('', { 'transfer-encoding': 'chunked' }).replace(/content-length.*\r\n/, '');
    client.send(
      `${chunked}5\r\n${body.slice(0, 5)}\r\n${(body.length - 5).toString(16)}\r\n${body.slice(5)}\r\n0\r\n\r\n`,
    );
    await client.until('"id":2}');
  });

  it('in a million chunks of a byte each takes little memory', async () => {
    const { raw } = await openFront(answering());
    const client = await raw();
    client.send(postText('', { 'transfer-encoding': 'chunked' }).replace(/content-length.*\r\n/, ''));
    const spaces = '1\r\n \r\n'.repeat(20_000);
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 50; i++) {
      client.send(spaces);
      await vi.waitFor(() => expect(client.socket.writableLength).toBe(0), PATIENCE);
    }
    const body = callText(1);
    await client.send(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`).until('"id":1}');
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024);
  });

  it('may be asked for first', async () => {
    const { raw } = await openFront(answering());
    const client = await raw();
    const text = postText(callText(1), { expect: '100-continue' });
    const cut = text.indexOf('\r\n\r\n') + 4;
    await client.send(text.slice(0, cut)).until('100 Continue');
    await client.send(text.slice(cut)).until('"id":1}');
  });

  it('to a whole URL, as by a proxy', async () => {
    const { raw } = await openFront(answering());
    const client = await raw();
    await client.send(postText(callText(1), {}, 'http://example.com/rpc')).until('"id":1}');
  });
});

describe('a body over the limit', () => {
  const limit = { maxBodyBytes: 1000 };

  it('is refused on its own word, before it is sent', async () => {
    const { raw } = await openFront(answering(), limit);
    const client = await raw();
    const text = await client.send(postText('x'.repeat(1001)).slice(0, -1001)).until('}}');
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    expect(text).toMatch(/connection: close/i);
    expect(text).toContain('"code":-32007');
    expect(text).toContain('"limitBytes":1000');
  });

  it.each(['chunked', 'of known length'])(
    'is refused while it is read (%s), and the client can read that when it has sent it all',
    async (kind) => {
      const { raw } = await openFront(answering(), limit);
      const client = await raw();
      const head = postText('', { 'content-length': String(20e6) });
      const piece = 'x'.repeat(100_000);
      if (kind === 'chunked') client.send(head.replace(/content-length: \d+/, 'transfer-encoding: chunked'));
      else client.send(head);
      // Reads nothing meanwhile, as a simple client does.
      client.socket.pause();
      for (let i = 0; i < 200; i++) {
        const text = kind === 'chunked' ? `186a0\r\n${piece}\r\n` : piece;
        if (!client.socket.write(text)) await once(client.socket, 'drain');
      }
      if (kind === 'chunked') client.send('0\r\n\r\n');
      client.socket.resume();
      const text = await client.untilEnd();
      expect(text).toMatch(/^HTTP\/1\.1 413 /);
      expect(text).toContain('-32007');
      expect(client.closed).toBeUndefined();
    },
  );

  it('is refused without waiting for a word to go on', async () => {
    const { raw } = await openFront(answering(), limit);
    const client = await raw();
    const text = postText('x'.repeat(1001), { expect: '100-continue' }).slice(0, -1001);
    expect(await client.send(text).until('}}')).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('is no longer read when the client goes on for ever', async () => {
    const { raw } = await openFront(answering(), limit);
    const client = await raw();
    client.send(postText('', { 'transfer-encoding': 'chunked' }).replace(/content-length.*\r\n/, ''));
    const endless = setInterval(() => client.send(`400\r\n${'x'.repeat(1024)}\r\n`), 5);
    await client.until('}}');
    const startedAt = performance.now();
    await client.untilEnd();
    clearInterval(endless);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('of exactly the limit is none', async () => {
    const { post } = await openFront(answering(), limit);
    const call = callText(1);
    expect((await post(call + ' '.repeat(1000 - call.length))).status).toBe(200);
    expect((await post(call + ' '.repeat(1001 - call.length))).status).toBe(413);
  });

  it('does not let what follows it on the connection run', async () => {
    const fake = answering();
    const { raw } = await openFront(fake, limit);
    const client = await raw();
    await client.send(postText('x'.repeat(1001)) + postText(callText(1))).untilEnd();
    expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(fake.calls).toHaveLength(0);
  });
});
