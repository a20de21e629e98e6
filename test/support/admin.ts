/** An admin port over fake operations, for tests over real HTTP. */
import { pino } from 'pino';
import { createAdmin, type Admin, type AdminDeps, type AdminOptions } from '../../src/admin/server.ts';
import { FakeOperations } from '../fakes/operations.ts';

/** The token of every such port. */
export const TOKEN = 'a-token-for-tests-0123456789';

const opened: Admin[] = [];

/** An open admin port. */
export interface AdminRig {
  readonly url: string;
  readonly port: number;
  readonly operations: FakeOperations;
  readonly admin: Admin;
  /** Fetches a path, with the token unless headers say otherwise. */
  get(path: string, init?: RequestInit): Promise<Response>;
  /** One call of the admin API; resolves with the whole answer. */
  rpc(method: string, params?: unknown): Promise<RpcAnswer>;
}

/** An answer of the admin API. */
export interface RpcAnswer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** Opens one on a free port. */
export async function openAdmin(
  deps: Partial<AdminDeps> = {},
  options: Partial<AdminOptions> = {},
): Promise<AdminRig> {
  const operations = new FakeOperations();
  const admin = createAdmin(
    {
      operations,
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'spillway_up 1\n' }),
      logs: { recent: () => [], follow: () => () => undefined },
      log: pino({ level: 'silent' }),
      ...deps,
    },
    { host: '127.0.0.1', port: 0, token: TOKEN, maxBodyBytes: 64 * 1024, ...options },
  );
  const { port } = await admin.listen();
  opened.push(admin);
  const url = `http://127.0.0.1:${port}`;
  const get = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${TOKEN}`, ...(init.headers as Record<string, string>) },
    });
  return {
    url,
    port,
    operations,
    admin,
    get,
    async rpc(method, params) {
      const response = await get('/rpc', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, ...(params !== undefined && { params }) }),
      });
      return (await response.json()) as RpcAnswer;
    },
  };
}

/** Closes every port that openAdmin has opened. */
export async function closeAdmins(): Promise<void> {
  await Promise.all(opened.splice(0).map((admin) => admin.close()));
}
