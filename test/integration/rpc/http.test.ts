import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createFront } from '../../../src/rpc/http.ts';
import { functionError } from '../../../src/errors.ts';
import { FakeDispatch, POOL_REPORT } from '../../fakes/dispatch.ts';
import { callText, closeFronts, openFront, postText } from '../../support/front.ts';
import { manifestOf, OPTIONS, SILENT } from '../../support/rpc.ts';

afterEach(closeFronts);

const answering = (): FakeDispatch => new FakeDispatch((call) => setImmediate(() => call.ok('3')));

describe('an answer', () => {
  it('is 200 with its exact length, and says where it ran and how long', async () => {
    const { raw } = await openFront(answering());
    const client = await raw();
    const text = await client.send(postText(callText(1))).until('}');
    const [head = '', body] = text.split('\r\n\r\n');
    expect(body).toBe('{"jsonrpc":"2.0","result":3,"id":1}');
    const lines = head.split('\r\n');
    expect(lines[0]).toBe('HTTP/1.1 200 OK');
    expect(lines).toContain('Content-Type: application/json');
    expect(lines).toContain('Content-Length: 35');
    expect(lines).toContain('spillway-backend: pool');
    expect(lines).toContain('spillway-worker: w1');
    expect(lines).toContain('server-timing: queue;dur=0.5, run;dur=1.25');
  });

  it('has no worker from the cloud, three decimals at most, and neither where nothing ran', async () => {
    const report = { backend: 'cloud', queueMs: 0.123456, runMs: 1 / 3 } as const;
    const fake = new FakeDispatch((call) => call.answer({ ok: true, json: Buffer.from('1'), report }));
    const { post } = await openFront(fake);
    const ran = await post(callText(1));
    expect(ran.headers.get('spillway-backend')).toBe('cloud');
    expect(ran.headers.get('spillway-worker')).toBeNull();
    expect(ran.headers.get('server-timing')).toBe('queue;dur=0.123, run;dur=0.333');
    const unknown = await post(callText(1, 'nope'));
    expect(unknown.headers.get('server-timing')).toBeNull();
    expect(unknown.headers.get('spillway-backend')).toBeNull();
  });

  it.each([true, false])('says what was expected of both places (fast lane: %s)', async (fastLane) => {
    const placement = { reason: 'cloud sooner', localMs: 312.25, cloudMs: 140 };
    const report = { ...POOL_REPORT, placement };
    const fake = new FakeDispatch((call) => call.answer({ ok: true, json: Buffer.from('1'), report }));
    const { post } = await openFront(fake, { fastLane });
    const { headers } = await post(callText(1));
    expect(headers.get('spillway-placement')).toBe('cloud sooner; local=312.3; cloud=140.0');
  });

  it('is 200 for every error of JSON-RPC', async () => {
    const error = functionError({ name: 'E', message: 'm' });
    const { post } = await openFront(
      new FakeDispatch((call) => call.answer({ ok: false, error, report: POOL_REPORT })),
    );
    for (const body of [callText(1), callText(1, 'nope'), '{', '[]', '{}', '']) {
      const response = await post(body);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(await response.json()).toHaveProperty('error.code');
    }
  });

  it('is 204 without a body where there is nothing to say, and the connection goes on', async () => {
    const { raw } = await openFront(answering());
    const client = await raw();
    const text = await client.send(postText(callText(undefined))).until('\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 204 /);
    expect(text).not.toMatch(/content-length|transfer-encoding/i);
    client.text = '';
    await client.send(postText(`[${callText(undefined)}]`)).until('\r\n\r\n');
    await client.send(postText(callText(7))).until('"id":7}');
  });

  it('may be large, and comes as it is', async () => {
    const large = JSON.stringify('ž🐎'.repeat(300_000));
    const { post } = await openFront(new FakeDispatch((call) => call.ok(large)));
    expect(await (await post(callText(1))).text()).toBe(`{"jsonrpc":"2.0","result":${large},"id":1}`);
    expect(await (await post(`[${callText(1)},${callText(2)}]`)).json()).toMatchObject([
      { id: 1 },
      { id: 2 },
    ]);
  });

  it('keeps the connection in step whatever bytes a worker sends', async () => {
    const { raw } = await openFront(new FakeDispatch((call) => call.ok(Buffer.from([0xff, 0xfe, 0x80]))));
    const client = await raw();
    await client.send(postText(callText(1))).until('"id":1}');
    await client.send(postText(callText(2))).until('"id":2}');
    expect(client.text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });
});

describe('health', () => {
  it('lives, and is ready or says why not', async () => {
    let reason = '';
    const readiness = () =>
      reason === '' ? ({ ready: true } as const) : ({ ready: false, reason } as const);
    const { url } = await openFront(answering(), { apiKeys: ['k'] }, { readiness });
    const get = async (path: string): Promise<[number, string]> => {
      const response = await fetch(url + path);
      return [response.status, await response.text()];
    };
    expect(await get('/healthz')).toEqual([200, 'ok\n']);
    expect(await get('/readyz')).toEqual([200, 'ok\n']);
    reason = 'no worker is ready – ždímám';
    expect(await get('/healthz')).toEqual([200, 'ok\n']);
    expect(await get('/readyz')).toEqual([503, `${reason}\n`]);
    const head = await fetch(`${url}/readyz`, { method: 'HEAD' });
    expect(head.status).toBe(503);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(20);
  });
});

/** Refused: the status, the JSON-RPC error's code, and the response. */
async function refused(response: Response): Promise<[number, number]> {
  expect(response.headers.get('content-type')).toBe('application/json');
  const { error, id, jsonrpc } = (await response.json()) as Record<string, { code: number }>;
  expect([id, jsonrpc]).toEqual([null, '2.0']);
  return [response.status, error!.code];
}

describe('what is refused', () => {
  it('other paths', async () => {
    const { post, url } = await openFront(answering());
    expect(await refused(await post(callText(1), {}, '/other'))).toEqual([404, -32600]);
    expect(await refused(await fetch(`${url}/rpc/`))).toEqual([404, -32600]);
    for (const path of ['//', '//rpc', '//foo', '//foo/rpc', '//foo?x=/rpc'])
      expect(await refused(await post(callText(1), {}, path))).toEqual([404, -32600]);
    expect((await post(callText(1), {}, '/?x=//foo')).status).toBe(200);
  });

  it('other methods, with the right ones', async () => {
    const { url } = await openFront(answering());
    for (const method of ['GET', 'PUT', 'OPTIONS', 'DELETE']) {
      const response = await fetch(url, { method });
      expect(response.headers.get('allow')).toBe('POST');
      expect(await refused(response)).toEqual([405, -32600]);
    }
    const response = await fetch(`${url}/healthz`, { method: 'POST', body: 'x' });
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    expect(await refused(response)).toEqual([405, -32600]);
  });

  it('other content types, with the way to say it right', async () => {
    const { post } = await openFront(answering());
    const response = await post(callText(1), { 'content-type': 'text/plain' });
    const text = await response.clone().text();
    expect(text).toContain("-H 'content-type: application/json'");
    expect(text).toContain('text/plain');
    expect(await refused(response)).toEqual([415, -32600]);
  });

  it('compressed bodies, with what is wrong with them', async () => {
    const { post } = await openFront(answering());
    const response = await post(callText(1), { 'content-encoding': 'gzip' });
    expect(response.headers.get('accept-encoding')).toBe('identity');
    expect(response.headers.get('accept')).toBeNull();
    const text = await response.clone().text();
    expect(text).toContain('gzip');
    expect(text).toContain('send the body uncompressed');
    expect(text).not.toContain('content-type');
    expect(await refused(response)).toEqual([415, -32600]);
    expect((await post(callText(1), { 'content-encoding': 'Identity' })).status).toBe(200);
  });

  it('strangers, before their body is read', async () => {
    const fake = answering();
    const { post, raw } = await openFront(fake, { apiKeys: ['right', 'other'] });
    const response = await post(callText(1), { 'x-api-key': 'wrong' });
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(await refused(response)).toEqual([401, -32006]);
    expect((await post(callText(1), { 'x-api-key': 'other' })).status).toBe(200);
    expect((await post(callText(1), { authorization: 'Bearer right' })).status).toBe(200);
    expect(fake.calls).toHaveLength(2);
    const client = await raw();
    await client.send(postText('x'.repeat(100)).slice(0, -100)).until('401 Unauthorized');
  });

  it('a stranger is not told which content types are taken', async () => {
    const { post } = await openFront(answering(), { apiKeys: ['right'] });
    expect((await post(callText(1), { 'content-type': 'text/plain' })).status).toBe(401);
  });
});

describe('listen', () => {
  const deps = {
    manifest: () => manifestOf('f'),
    dispatch: answering().dispatch,
    readiness: () => ({ ready: true }) as const,
    onBadResult: () => undefined,
    log: SILENT,
  };

  it('names the setting to change in one line', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    const refusal = async (host: string, at: number): Promise<string> => {
      const front = createFront(deps, { ...OPTIONS, host, port: at, apiKeys: [], fastLane: true });
      const error = await front.listen().then(
        () => new Error('it opened'),
        (thrown: unknown) => thrown as Error,
      );
      await front.close();
      expect(error.message).not.toContain('\n');
      return error.message;
    };
    expect(await refusal('127.0.0.1', port)).toContain(`SPILLWAY_PORT=${port} is in use`);
    expect(await refusal('192.0.2.1', 0)).toContain('SPILLWAY_HOST=192.0.2.1');
    expect(await refusal('no-such-host.invalid', 0)).toContain('SPILLWAY_HOST=no-such-host.invalid');
    blocker.close();
  });

  it('port 0 is a free one', async () => {
    const { port } = await openFront(answering());
    expect(port).toBeGreaterThan(0);
  });
});
