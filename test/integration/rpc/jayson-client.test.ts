import jayson from 'jayson/promise/index.js';
import { afterEach, expect, it } from 'vitest';
import { FakeDispatch } from '../../fakes/dispatch.ts';
import { closeFronts, openFront } from '../../support/front.ts';

afterEach(closeFronts);

it('jayson’s own client understands every kind of answer', async () => {
  const fake = new FakeDispatch((call) => call.ok(call.request.params ?? 'null'));
  const { port } = await openFront(fake);
  const client = jayson.Client.http({ host: '127.0.0.1', port });
  expect(await client.request('f', [1, 'ž'])).toMatchObject({ result: [1, 'ž'] });
  expect(await client.request('f', { a: 1 }, 'my-id')).toEqual({
    jsonrpc: '2.0',
    result: { a: 1 },
    id: 'my-id',
  });
  expect(await client.request('nope', [])).toMatchObject({ error: { code: -32601 } });
  // Without an id, a notification.
  expect(await client.request('f', [], null as unknown as undefined)).toBeUndefined();
  expect(fake.calls).toHaveLength(3);
  const batch = [client.request('f', [1], undefined, false), client.request('g', [2], undefined, false)];
  expect(await client.request(batch)).toMatchObject([{ result: [1] }, { result: [2] }]);
  const discovered = (await client.request('rpc.discover', [])) as {
    result: { methods: { name: string }[] };
  };
  expect(discovered.result.methods.map(({ name }) => name)).toEqual(['f', 'g']);
});
