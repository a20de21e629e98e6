/** The admin port over real HTTP, with fake operations behind it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAdmins, openAdmin, TOKEN } from '../../support/admin.ts';

afterEach(closeAdmins);

/** A request whose Host and Origin are what the test says; fetch would set its own. */
function raw(port: number, path: string, headers: Record<string, string>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      response.resume();
      resolve(response);
    });
    request.on('error', reject);
    request.end();
  });
}

const bearer = { authorization: `Bearer ${TOKEN}` };

describe('the token', () => {
  it.each(['/events', '/metrics', '/logs', '/rpc'])('is needed for %s', async (path) => {
    const { url } = await openAdmin();
    const method = path === '/rpc' ? 'POST' : 'GET';
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: TOKEN }]) {
      const response = await fetch(`${url}${path}`, { method, headers });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect(await response.json()).toMatchObject({ error: { code: -32006 } });
    }
  });

  it('is not needed for the page and for the health', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'spw-page-'));
    try {
      writeFileSync(join(dir, 'index.html'), '<!doctype html>');
      writeFileSync(join(dir, 'page.js'), 'export {};');
      writeFileSync(join(dir, 'secret.txt'), 'not a kind that is served');
      const { url } = await openAdmin({}, { pageDir: dir });
      const page = await fetch(`${url}/`);
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(await page.text()).toBe('<!doctype html>');
      const etag = page.headers.get('etag')!;
      const again = await fetch(`${url}/`, { headers: { 'if-none-match': etag } });
      expect(again.status).toBe(304);
      const script = await fetch(`${url}/page.js`);
      expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
      expect((await fetch(`${url}/secret.txt`)).status).toBe(404);
      expect((await fetch(`${url}/..%2fserver.ts`)).status).toBe(404);
      expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('requests that a browser was tricked into', () => {
  it.each(['evil.example', 'evil.example:8081', 'localhost.evil.example', '127.0.0.1.nip.io'])(
    'are refused under the host %j',
    async (host) => {
      const { port } = await openAdmin();
      expect((await raw(port, '/metrics', { ...bearer, host })).statusCode).toBe(403);
    },
  );

  it.each(['127.0.0.1', 'localhost:8081', 'LOCALHOST', '[::1]:8081', '192.168.1.7'])(
    'are let in under the host %j',
    async (host) => {
      const { port } = await openAdmin();
      expect((await raw(port, '/metrics', { ...bearer, host })).statusCode).toBe(200);
    },
  );

  it('are refused from the page of another site', async () => {
    const { port } = await openAdmin();
    const host = `127.0.0.1:${port}`;
    for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:${port + 1}`]) {
      expect((await raw(port, '/metrics', { ...bearer, host, origin })).statusCode).toBe(403);
    }
    const own = { ...bearer, host, origin: `http://${host}` };
    expect((await raw(port, '/metrics', own)).statusCode).toBe(200);
  });
});

describe('requests that make no sense', () => {
  it('are told what would', async () => {
    const { get } = await openAdmin();
    expect((await get('/rpc')).status).toBe(405);
    expect((await get('/metrics', { method: 'POST' })).status).toBe(405);
    expect((await get('/nowhere')).status).toBe(404);
    expect((await get('/', { method: 'DELETE' })).status).toBe(405);
    expect((await get('/rpc', { method: 'POST', body: '{}' })).status).toBe(415);
  });

  it('are cut off at the limit', async () => {
    const { get } = await openAdmin({}, { maxBodyBytes: 1000 });
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'status', params: ['x'.repeat(2000)] });
    const headers = { 'content-type': 'application/json' };
    const response = await get('/rpc', { method: 'POST', headers, body });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: -32007 } });
  });
});

describe('the port', () => {
  it('says which setting to change when it is taken', async () => {
    const { port } = await openAdmin();
    await expect(openAdmin({}, { port })).rejects.toThrow(`SPILLWAY_ADMIN_PORT=${port} is in use`);
  });

  it('closes while streams are open', async () => {
    const { get, admin } = await openAdmin();
    const response = await get('/events');
    const reader = response.body!.getReader();
    await reader.read();
    await admin.close();
    for (;;) if ((await reader.read()).done) break;
    await expect(get('/healthz')).rejects.toThrow();
  });
});

describe('the metrics', () => {
  it('come as they were collected, and a fault is no secret', async () => {
    const { get } = await openAdmin();
    const response = await get('/metrics');
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    expect(await response.text()).toBe('spillway_up 1\n');
    const failing = await openAdmin({ metrics: () => Promise.reject(new Error('secret')) });
    const failed = await failing.get('/metrics');
    expect(failed.status).toBe(500);
    expect(await failed.text()).not.toContain('secret');
  });
});
