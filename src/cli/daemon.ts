/** The running daemon as the commands see it: found by the settings it was started with. */
import { readFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { join, resolve } from 'node:path';
import jayson from 'jayson';
import type { Config } from '../config.ts';
import { CommandFailed, DaemonMissing } from './faults.ts';
import { readEvents } from './event-stream.ts';
import type { Params } from './params.ts';
import { messageOf } from '../message-of.ts';

/** An error of either API. */
export interface RpcFault {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** An answer of the client API, with what its headers say. */
export interface ClientAnswer {
  /** For `logs`; absent where the call never reached dispatch. */
  readonly callId?: string;
  readonly result?: unknown;
  readonly error?: RpcFault;
  readonly backend?: string;
  readonly worker?: string;
  readonly queueMs?: number;
  readonly runMs?: number;
}

const UNAUTHORIZED = 401;
const METHOD_NOT_FOUND = -32601;

/** What the daemon answers out of its memory, at once; whatever else it is asked may take as long as it takes. */
const QUICK = new Set(['status', 'functions.list']);
/** One that takes longer than this is frozen, or its machine is, in milliseconds. */
const QUICK_MS = 10_000;

/** What node says when nobody is there. */
const ABSENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL']);

/** One daemon. */
export class Daemon {
  readonly #config: Config;
  readonly clientUrl: string;
  readonly adminUrl: string;

  constructor(config: Config) {
    this.#config = config;
    this.clientUrl = urlOf(config.host, config.port);
    this.adminUrl = urlOf(config.adminHost, config.adminPort);
  }

  /**
   * One method of the admin API.
   * @throws DaemonMissing, also where a quick answer doesn't come within 10 s, or CommandFailed with the daemon's own words
   */
  async admin(method: string, params?: Record<string, unknown>): Promise<unknown> {
    const { body } = await this.#request(this.adminUrl, '/rpc', this.#bearer(), method, params);
    if (body?.error === undefined) return body?.result;
    if (body.error.code === METHOD_NOT_FOUND) {
      throw new CommandFailed(`the daemon that runs can't do this: it has no method ${method}`);
    }
    throw new CommandFailed(body.error.message);
  }

  /**
   * One call, as any client makes it.
   * @throws DaemonMissing; the call's own error is in the answer
   */
  async call(method: string, params: Params, timeoutMs: number | undefined): Promise<ClientAnswer> {
    const [key] = this.#config.apiKeys;
    const headers = {
      ...(key !== undefined && { 'x-api-key': key }),
      ...(timeoutMs !== undefined && { 'spillway-timeout-ms': String(timeoutMs) }),
    };
    const { body, response } = await this.#request(this.clientUrl, '/', headers, method, params);
    const headersBack = response?.headers ?? {};
    const { 'spillway-call': callId, 'spillway-backend': backend, 'spillway-worker': worker } = headersBack;
    const timing = String(response?.headers['server-timing'] ?? '');
    const [queueMs, runMs] = ['queue', 'run'].map((name) => {
      const found = new RegExp(`${name};dur=([\\d.e+-]+)`).exec(timing)?.[1];
      return found === undefined ? undefined : Number(found);
    });
    return {
      ...(body?.error === undefined ? { result: body?.result } : { error: body.error }),
      ...(typeof callId === 'string' && { callId }),
      ...(typeof backend === 'string' && { backend }),
      ...(typeof worker === 'string' && { worker }),
      ...(queueMs !== undefined && { queueMs }),
      ...(runMs !== undefined && { runMs }),
    };
  }

  /**
   * The events of a stream of the admin port, until it ends or `signal` is aborted.
   * @throws DaemonMissing, CommandFailed
   */
  async *events(path: string, signal: AbortSignal): AsyncGenerator {
    let response: Response;
    try {
      response = await fetch(`${this.adminUrl}${path}`, { headers: this.#bearer(), signal });
    } catch (error) {
      if (signal.aborted) return;
      throw this.#unreachable(error, this.adminUrl);
    }
    if (response.status === UNAUTHORIZED) throw this.#unauthorized();
    if (!response.ok || response.body === null) {
      throw new CommandFailed(`${this.adminUrl}${path} answered ${response.status}`);
    }
    try {
      for await (const data of readEvents(response.body)) yield JSON.parse(data) as unknown;
    } catch {
      // It was there: it has ended without a word, or restarts.
      if (!signal.aborted) throw new DaemonMissing(`the daemon at ${this.adminUrl} has gone`);
    }
  }

  #request(
    base: string,
    path: string,
    headers: Record<string, string>,
    method: string,
    params: Params,
  ): Promise<{
    body: { result?: unknown; error?: RpcFault } | undefined;
    response: IncomingMessage | undefined;
  }> {
    const { hostname, port } = new URL(base);
    const host = hostname.replace(/^\[|\]$/g, '');
    // An agent of its own: Node's shared one gives a request up after 5 s without an answer.
    const client = jayson.Client.http({ host, port, path, headers, agent: false });
    let response: IncomingMessage | undefined;
    client.on('http response', (answer: IncomingMessage) => (response = answer));
    return new Promise((settle, fail) => {
      // A function may have any name.
      if (base === this.adminUrl && QUICK.has(method)) {
        client.on('http request', (sent: ClientRequest) => {
          const timer = setTimeout(() => {
            fail(this.#silent());
            sent.destroy();
          }, QUICK_MS);
          sent.once('close', () => clearTimeout(timer));
        });
      }
      // jayson's types want params always; JSON-RPC doesn't.
      client.request(method, params as jayson.RequestParamsLike, (error: unknown, body: unknown) => {
        if (error === null || error === undefined) {
          settle({ body: body as { result?: unknown; error?: RpcFault } | undefined, response });
          return;
        }
        // Other statuses than 200 reach jayson's callers as an error whose message is the body.
        const told = response === undefined ? undefined : faultIn(error);
        if (base === this.adminUrl && response?.statusCode === UNAUTHORIZED) fail(this.#unauthorized());
        else if (told !== undefined) settle({ body: { error: told }, response });
        else fail(this.#unreachable(error, base));
      });
    });
  }

  #bearer(): Record<string, string> {
    return { authorization: `Bearer ${this.#token()}` };
  }

  #token(): string {
    if (this.#config.adminToken !== undefined) return this.#config.adminToken;
    try {
      return readFileSync(this.#tokenFile(), 'utf8').trim();
    } catch {
      throw new DaemonMissing(
        `no daemon has run here: there is no ${this.#tokenFile()}; start one with npm start, or say with ` +
          'SPILLWAY_STATE where its state is, or with SPILLWAY_ADMIN_TOKEN what its token is',
      );
    }
  }

  #tokenFile(): string {
    return join(resolve(this.#config.stateDir), 'admin-token');
  }

  #unauthorized(): CommandFailed {
    const where = this.#config.adminToken === undefined ? this.#tokenFile() : 'SPILLWAY_ADMIN_TOKEN';
    return new CommandFailed(
      `the daemon at ${this.adminUrl} doesn't take the token in ${where}: is it another daemon's?`,
    );
  }

  #silent(): DaemonMissing {
    return new DaemonMissing(
      `the daemon at ${this.adminUrl} doesn't answer within ${QUICK_MS / 1000} s: ` +
        'it is frozen, its machine is overloaded, or something drops what is sent to it',
    );
  }

  #unreachable(error: unknown, url: string): Error {
    const code = codeOf(error) ?? codeOf(error instanceof Error ? error.cause : undefined);
    if (code !== undefined && ABSENT.has(code)) {
      const port = url === this.adminUrl ? 'SPILLWAY_ADMIN_PORT' : 'SPILLWAY_PORT';
      return new DaemonMissing(
        `no daemon answers at ${url}; start one with npm start, or set ${port} as it has it`,
      );
    }
    const reason = messageOf(error);
    return new CommandFailed(`what answers at ${url} is no Spillway, or the connection was lost: ${reason}`);
  }
}

/** Where to reach what listens on a host; one that means all addresses is reached over the loopback. */
function urlOf(host: string, port: number): string {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${near.includes(':') ? `[${near}]` : near}:${port}`;
}

function faultIn(error: unknown): RpcFault | undefined {
  try {
    const { error: fault } = JSON.parse((error as Error).message) as { error?: RpcFault };
    return typeof fault?.code === 'number' ? fault : undefined;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  // A name with several addresses fails with one error for each.
  return 'errors' in error && Array.isArray(error.errors) ? codeOf(error.errors[0]) : undefined;
}
