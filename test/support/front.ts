/** A front on a free port of 127.0.0.1, and a client that speaks bytes. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { vi, type Mock } from 'vitest';
import { createFront, type Front, type FrontDeps, type FrontOptions } from '../../src/rpc/http.ts';
import type { FakeDispatch } from '../fakes/dispatch.ts';
import { manifestOf, OPTIONS, SILENT } from './rpc.ts';

export interface OpenFront {
  readonly front: Front;
  readonly port: number;
  readonly url: string;
  readonly onBadResult: Mock<(worker: string) => void>;
  /** POSTs a JSON body. */
  post(body: string, headers?: Record<string, string>, path?: string): Promise<Response>;
  /** Opens a connection of its own. */
  raw(): Promise<RawClient>;
}

/** Tests of the front run in both lanes: see vitest.config.ts. */
const FAST_LANE = process.env['SPILLWAY_TEST_LANE'] !== 'node';

const opened: Front[] = [];

export async function openFront(
  fake: FakeDispatch,
  options: Partial<FrontOptions> = {},
  deps: Partial<FrontDeps> = {},
): Promise<OpenFront> {
  const onBadResult = vi.fn<(worker: string) => void>();
  const front = createFront(
    {
      manifest: () => manifestOf('f', 'g'),
      dispatch: fake.dispatch,
      readiness: () => ({ ready: true }),
      onBadResult,
      log: SILENT,
      ...deps,
    },
    { ...OPTIONS, host: '127.0.0.1', port: 0, apiKeys: [], fastLane: FAST_LANE, ...options },
  );
  opened.push(front);
  const { port } = await front.listen();
  const url = `http://127.0.0.1:${port}`;
  return {
    front,
    port,
    url,
    onBadResult,
    post: (body, headers = {}, path = '/') => {
      return fetch(url + path, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers },
      });
    },
    raw: () => RawClient.open(port),
  };
}

/** Closes every front that a test opened. */
export async function closeFronts(): Promise<void> {
  await Promise.all(opened.splice(0).map((front) => front.close()));
}

/** A socket that keeps what it received. */
export class RawClient {
  readonly socket: Socket;
  /** Everything received so far. */
  text = '';
  /** The server has ended its side. */
  ended = false;
  /** The connection is gone; the error's code, if it went with one. */
  closed: string | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (this.text += chunk));
    socket.on('end', () => (this.ended = true));
    socket.on('error', (error: NodeJS.ErrnoException) => (this.closed = error.code));
    socket.on('close', () => (this.closed ??= 'closed'));
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** Resolves with what was received once it fits. */
  until(what: string | RegExp): Promise<string> {
    return this.#when(
      () => (typeof what === 'string' ? this.text.includes(what) : what.test(this.text)),
      String(what),
    );
  }

  /** Resolves with what was received once the server has ended its side or cut the connection. */
  untilEnd(): Promise<string> {
    return this.#when(() => this.ended || this.closed !== undefined, 'the end');
  }

  #when(fits: () => boolean, what: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const give = (error?: Error): void => {
        clearTimeout(timer);
        for (const event of ['data', 'end', 'close']) this.socket.removeListener(event, check);
        if (error === undefined) resolve(this.text);
        else reject(error);
      };
      const why = (reason: string): Error => {
        return new Error(
          `${reason}, waiting for ${what}; received ${JSON.stringify(this.text.slice(-1000))}`,
        );
      };
      const check = (): void => {
        if (fits()) give();
        else if (this.closed !== undefined) give(why(this.closed));
      };
      const timer = setTimeout(() => give(why('too late')), PATIENCE.timeout);
      for (const event of ['data', 'end', 'close']) this.socket.on(event, check);
      check();
    });
  }
}

/** How long a test waits for what must happen: long, since a busy machine is no fault. */
export const PATIENCE = { timeout: 15_000, interval: 5 };

/** A POST as bytes. */
export function postText(body: string, headers: Record<string, string> = {}, path = '/'): string {
  const all = {
    host: 'localhost',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** A call as JSON. */
export function callText(id: number | undefined, method = 'f'): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params: [], id });
}
