import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { TIME_LIMITS } from '../../../src/rpc/limits.ts';
import { FakeDispatch } from '../../fakes/dispatch.ts';
import { callText, closeFronts, openFront, PATIENCE, postText } from '../../support/front.ts';

afterEach(closeFronts);

/** Long enough for anything wrong to have happened, in milliseconds. */
const A_WHILE_MS = 100;
const aWhile = (ms = A_WHILE_MS): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function untilCalls(fake: FakeDispatch, count: number): Promise<void> {
  await vi.waitFor(() => expect(fake.calls).toHaveLength(count), PATIENCE);
}

const cancels = (fake: FakeDispatch): number[] => fake.calls.map((call) => call.cancel.mock.calls.length);

describe('a client that is gone', () => {
  it('gives up its pending call exactly once, by reset', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.send(postText(callText(1)));
    await untilCalls(fake, 1);
    client.socket.resetAndDestroy();
    await vi.waitFor(() => expect(cancels(fake)).toEqual([1]), PATIENCE);
    await aWhile();
    expect(cancels(fake)).toEqual([1]);
  });

  it('gives it up when it closed without a reset, as most clients do', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.send(postText(callText(1)));
    await untilCalls(fake, 1);
    client.socket.destroy();
    await vi.waitFor(() => expect(cancels(fake)).toEqual([1]), PATIENCE);
    await aWhile();
    expect(cancels(fake)).toEqual([1]);
  });

  it('gives up every call of a batch and of a pipeline, but none that was answered', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.send(postText(callText(1)) + postText(`[${callText(2)},${callText(3)}]`) + postText(callText(4)));
    await untilCalls(fake, 4);
    fake.calls[0]?.ok('1');
    fake.calls[1]?.ok('1');
    await client.until('"id":1}');
    client.socket.resetAndDestroy();
    await vi.waitFor(() => expect(cancels(fake)).toEqual([0, 0, 1, 1]), PATIENCE);
  });

  it('gives up nothing when it leaves after its answer', async () => {
    const fake = new FakeDispatch((call) => call.ok('1'));
    const { raw } = await openFront(fake);
    const client = await raw();
    await client.send(postText(callText(1))).until('"id":1}');
    client.socket.resetAndDestroy();
    await aWhile();
    expect(cancels(fake)).toEqual([0]);
  });

  it('is written to no more', async () => {
    const fake = new FakeDispatch();
    const { raw, post } = await openFront(fake);
    const client = await raw();
    client.send(postText(callText(1)));
    await untilCalls(fake, 1);
    client.socket.resetAndDestroy();
    await vi.waitFor(() => expect(cancels(fake)).toEqual([1]), PATIENCE);
    fake.calls[0]?.ok('1');
    const next = post(callText(2));
    await untilCalls(fake, 2);
    fake.calls[1]?.ok('2');
    expect(await (await next).json()).toMatchObject({ result: 2, id: 2 });
  });

  it('in the middle of its upload leaves nothing behind', async () => {
    const fake = new FakeDispatch();
    const { raw, front } = await openFront(fake);
    const client = await raw();
    client.send(postText('x'.repeat(1000)).slice(0, -500));
    await aWhile();
    client.socket.destroy();
    await aWhile();
    const half = await raw();
    half.send(postText('x'.repeat(1000)).slice(0, -500));
    await aWhile();
    half.socket.end();
    expect(await half.untilEnd()).toMatch(/^HTTP\/1\.1 400 /);
    expect(fake.calls).toHaveLength(0);
    // Resolves only when no connection is left.
    await front.drain();
  });
});

describe('a half-closed client', () => {
  it('gets its answer, and then the end', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.socket.end(postText(callText(1)));
    await untilCalls(fake, 1);
    await aWhile();
    expect(cancels(fake)).toEqual([0]);
    fake.calls[0]?.ok('1');
    const text = await client.untilEnd();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n\{"jsonrpc":"2.0","result":1,"id":1\}$/s);
    expect(client.ended).toBe(true);
  });

  it('gets it also after it was probed', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.socket.end(postText(callText(1)));
    await client.until('HTTP/1.1 102 ');
    await aWhile(1000);
    expect(cancels(fake)).toEqual([0]);
    fake.calls[0]?.ok('1');
    const text = await client.untilEnd();
    expect(text.replaceAll('HTTP/1.1 102 Processing\r\n\r\n', '')).toMatch(/^HTTP\/1\.1 200 OK.*"id":1\}$/s);
    expect(text.match(/102 Processing/g)).toHaveLength(2);
  });

  it('of HTTP/1.0 is not probed', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.socket.end(postText(callText(1)).replace('HTTP/1.1', 'HTTP/1.0'));
    await untilCalls(fake, 1);
    await aWhile(600);
    fake.calls[0]?.ok('1');
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 200 OK.*"id":1\}$/s);
  });

  it('gets all answers of its pipeline', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.socket.end(postText(callText(1)) + postText(callText(2)));
    await untilCalls(fake, 2);
    fake.calls[1]?.ok('2');
    await aWhile();
    fake.calls[0]?.ok('1');
    expect(await client.untilEnd()).toMatch(/"id":1\}HTTP\/1\.1 200 .*"id":2\}$/s);
  });

  it('that had nothing to ask is closed', async () => {
    const { raw } = await openFront(new FakeDispatch());
    const client = await raw();
    client.socket.end();
    expect(await client.untilEnd()).toBe('');
  });
});

describe('a pipeline', () => {
  it('runs at once, and is answered in order', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.send([1, 2, 3].map((id) => postText(callText(id))).join(''));
    await untilCalls(fake, 3);
    fake.calls[2]?.ok('3');
    fake.calls[0]?.ok('1');
    fake.calls[1]?.ok('2');
    const text = await client.until('"id":3}');
    expect([...text.matchAll(/"id":(\d)/g)].map(([, id]) => id)).toEqual(['1', '2', '3']);
  });

  it('of thousands from one client that reads late costs nothing but time', async () => {
    const fake = new FakeDispatch((call) => setImmediate(() => call.ok('3')));
    const { raw } = await openFront(fake);
    const client = await raw();
    client.socket.pause();
    client.send(Array.from({ length: 3000 }, (_, id) => postText(callText(id))).join(''));
    await aWhile();
    client.socket.resume();
    await client.until('"id":2999}');
    expect(client.text.match(/HTTP\/1\.1 200/g)).toHaveLength(3000);
  });

  it('goes on after a refusal whose body was small', async () => {
    const fake = new FakeDispatch((call) => call.ok('3'));
    const { raw } = await openFront(fake);
    const client = await raw();
    client.send(postText('hello', { 'content-type': 'text/plain' }) + postText(callText(1)));
    expect(await client.until('"id":1}')).toMatch(/^HTTP\/1\.1 415 .*HTTP\/1\.1 200 /s);
  });
});

describe('a refusal behind a long call', () => {
  it.each([
    ['a body', postText('hi', { 'content-type': 'text/plain' })],
    ['half a body', postText('hi', { 'content-type': 'text/plain' }).slice(0, -1)],
  ])('with %s has all its time when it is its turn', async (_what, refused) => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake, { limits: { ...TIME_LIMITS, lingerMs: A_WHILE_MS } });
    const client = await raw();
    client.send(postText(callText(1)) + refused);
    await untilCalls(fake, 1);
    await aWhile(3 * A_WHILE_MS);
    fake.calls[0]?.ok('1');
    expect(await client.until('"id":null}')).toMatch(/^HTTP\/1\.1 200 .*"id":1\}HTTP\/1\.1 415 /s);
    // The rest of a body is waited for no longer than that.
    if (refused.endsWith('hi')) client.socket.end();
    await client.untilEnd();
  });
});

describe('what is not HTTP', () => {
  it.each([
    ['garbage', 'hello\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
    ['two hosts', postText('{}', { host: 'a\r\nHost: b' }), 400],
    ['two hosts of HTTP/1.0', postText('{}', { host: 'a\r\nhost: a' }).replace('HTTP/1.1', 'HTTP/1.0'), 400],
    ['two lengths', postText('{}', { 'content-length': '2\r\ncontent-length: 3' }), 400],
    ['length and chunks', postText('0\r\n\r\n', { 'transfer-encoding': 'chunked' }), 400],
    [
      'a bad chunk',
      postText('zz\r\n', { 'transfer-encoding': 'chunked' }).replace(/content-length.*\r\n/, ''),
      400,
    ],
    ['a header too long', postText('{}', { 'x-long': 'x'.repeat(20_000) }), 431],
  ])('%s gets its status, and the end', async (_name, text, status) => {
    const fake = new FakeDispatch();
    const { raw, front } = await openFront(fake);
    const client = await raw();
    const answer = await client.send(text).untilEnd();
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    if (!answer.includes('\r\n\r\n{'))
      expect(answer).toMatch(/content-length: 0|transfer-encoding: chunked/i);
    client.socket.end();
    expect(fake.calls).toHaveLength(0);
    await front.drain();
  });

  it('after a proper request waits for its answer', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.send(`${postText(callText(1))}garbage\r\n\r\n`);
    await untilCalls(fake, 1);
    await aWhile();
    expect(client.text).toBe('');
    fake.calls[0]?.ok('1');
    const text = await client.untilEnd();
    expect(text).toMatch(/^HTTP\/1\.1 200 .*"id":1\}HTTP\/1\.1 400 /s);
  });
});

describe('what is not HTTP, behind a pipeline', () => {
  it('waits for every answer, in whatever order they come', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    client.send(`${postText(callText(1)) + postText(callText(2))}garbage\r\n\r\n`);
    await untilCalls(fake, 2);
    fake.calls[1]?.ok('2');
    await aWhile();
    fake.calls[0]?.ok('1');
    expect(await client.untilEnd()).toMatch(/"id":1\}HTTP.*"id":2\}HTTP\/1\.1 400 /s);
  });

  it('ends a body in the middle, after the answer before it', async () => {
    const fake = new FakeDispatch();
    const { raw } = await openFront(fake);
    const client = await raw();
    const chunked = postText('', { 'transfer-encoding': 'chunked' }).replace(/content-length.*\r\n/, '');
    client.send(`${postText(callText(1))}${chunked}zz\r\n`);
    await untilCalls(fake, 1);
    await aWhile();
    expect(client.text).toBe('');
    fake.calls[0]?.ok('1');
    expect(await client.untilEnd()).toMatch(/"id":1\}HTTP\/1\.1 400 .*"id":null\}$/s);
  });
});

describe('listeners', () => {
  it('do not pile up on a connection', async () => {
    const warned = vi.fn();
    process.on('warning', warned);
    const fake = new FakeDispatch((call) => setImmediate(() => call.ok('"x"')));
    const { raw } = await openFront(fake);
    const client = await raw();
    for (let id = 0; id < 50; id++) await client.send(postText(callText(id))).until(`"id":${id}}`);
    client.send(Array.from({ length: 50 }, (_, id) => postText(callText(id + 50))).join(''));
    await client.until('"id":99}');
    process.removeListener('warning', warned);
    expect(warned).not.toHaveBeenCalled();
    client.socket.destroy();
    await once(client.socket, 'close');
  });
});
