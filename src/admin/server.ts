/** The admin port: the dashboard, its event stream, metrics, logs and the admin API. Off the path of calls. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { createServer } from '../node-http.ts';
import { whyNotListening } from '../listen-fault.ts';
import { Pieces } from '../pool/chunks.ts';
import { createTokenCheck, foreignRequest } from './access.ts';
import { LogLineFeed, MAX_STREAMS, SnapshotFeed } from './feeds.ts';
import type { LogFeed } from './log-feed.ts';
import { createAdminRpc, rpcError } from './methods.ts';
import type { Operations } from './operations.ts';
import { PAGE_HEADERS, readPageFiles } from './page-files.ts';

/** What the admin port shows and does. */
export interface AdminDeps {
  readonly operations: Operations;
  /** The metrics in Prometheus' text format. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly logs: LogFeed;
  readonly log: Logger;
}

/** The admin port's settings. */
export interface AdminOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly token: string;
  /** The longest request to the admin API. */
  readonly maxBodyBytes: number;
  /** The dashboard's folder; the one that is shipped unless a test has its own. */
  readonly pageDir?: string;
  /** How far snapshots are apart, in milliseconds; a second unless a test is in a hurry. */
  readonly snapshotMs?: number;
}

/** The admin port: opened once, then closed. */
export interface Admin {
  /**
   * Opens the port; resolves with where it really is.
   * @throws Error of one line that names the setting to change
   */
  listen(): Promise<{ host: string; port: number }>;
  /** Ends the streams, gives answers that are under way a moment, then ends every connection. */
  close(): Promise<void>;
}

const SNAPSHOT_MS = 1000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 256;
/** How long close() waits for answers that are under way, in milliseconds. */
const CLOSE_MS = 1000;

const UNAUTHORIZED = -32006;
const REFUSED = -32600;
const TOO_LARGE = -32007;

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

/** Makes the admin port; nothing is opened before listen(). */
export function createAdmin(deps: AdminDeps, options: AdminOptions): Admin {
  const mayEnter = createTokenCheck(options.token);
  const rpc = createAdminRpc(deps.operations);
  const files = readPageFiles(options.pageDir);
  const snapshots = new SnapshotFeed(deps.operations, options.snapshotMs ?? SNAPSHOT_MS);
  const logs = new LogLineFeed(deps.logs);

  const guarded: Readonly<Record<string, readonly [method: string, handler: Handler]>> = {
    '/events': ['GET', (_request, response, url) => openStream(snapshots, response, url)],
    '/logs': ['GET', (_request, response, url) => openStream(logs, response, url)],
    '/metrics': ['GET', (_request, response) => void sendMetrics(deps, response)],
    '/rpc': ['POST', (request, response) => readBody(request, response, options.maxBodyBytes, answerRpc)],
  };

  const answerRpc = async (body: string, response: ServerResponse): Promise<void> => {
    const answer = await rpc(body);
    if (answer === undefined) response.writeHead(204, { 'cache-control': 'no-store' }).end();
    else sendJson(response, 200, answer);
  };

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const foreign = foreignRequest(request.headers, options.host);
    if (foreign !== undefined) return refuse(request, response, 403, REFUSED, foreign);
    const url = URL.parse(request.url ?? '/', 'http://admin');
    const path = url?.pathname ?? '';
    const route = guarded[path];
    if (route !== undefined && url !== null) {
      // The token first: nobody without it learns anything else.
      if (!mayEnter(request.headers)) {
        response.setHeader('www-authenticate', 'Bearer realm="spillway admin"');
        const hint = 'missing or wrong admin token: send "Authorization: Bearer TOKEN"';
        return refuse(request, response, 401, UNAUTHORIZED, hint);
      }
      const [method, handler] = route;
      if (request.method === method) return handler(request, response, url);
      response.setHeader('allow', method);
      return refuse(request, response, 405, REFUSED, `send ${method}`);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return refuse(request, response, 405, REFUSED, 'send GET, or POST to /rpc');
    }
    if (path === '/healthz') return sendText(response, 'text/plain; charset=utf-8', 'ok\n');
    const file = files.get(path);
    if (file === undefined) return refuse(request, response, 404, REFUSED, 'there is nothing here');
    const known = request.headers['if-none-match'] === file.headers.etag;
    response.writeHead(known ? 304 : 200, { ...PAGE_HEADERS, ...file.headers });
    response.end(known ? undefined : file.body);
  }

  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      try {
        handle(request, response);
      } catch (error) {
        deps.log.error({ err: error, path: request.url?.replace(/\?.*/, '') }, 'the admin port failed');
        if (!response.headersSent) sendJson(response, 500, rpcError(-32603, 'Internal error; see the log'));
        else response.destroy();
      }
    },
  );
  server.maxConnections = MAX_CONNECTIONS;

  return {
    listen() {
      return new Promise((resolve, reject) => {
        const refused = (error: NodeJS.ErrnoException): void =>
          reject(new Error(whyNotListening(error, 'SPILLWAY_ADMIN', options)));
        server.once('error', refused);
        server.listen({ host: options.host, port: options.port }, () => {
          server.removeListener('error', refused);
          server.on('error', (error) => deps.log.error({ err: error }, 'the admin server failed'));
          const { address, port } = server.address() as AddressInfo;
          resolve({ host: address, port });
        });
      });
    },
    async close() {
      snapshots.close();
      logs.close();
      if (!server.listening) return;
      const closed = new Promise((resolve) => server.close(resolve));
      const cut = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
      await closed;
      clearTimeout(cut);
    },
  };
}

async function sendMetrics({ metrics, log }: AdminDeps, response: ServerResponse): Promise<void> {
  try {
    const { contentType, text } = await metrics();
    sendText(response, contentType, text);
  } catch (error) {
    log.error({ err: error }, 'the metrics could not be collected');
    sendJson(response, 500, rpcError(-32603, 'Internal error; see the log'));
  }
}

/** A feed of event streams. */
interface Feed {
  readonly streams: { readonly full: boolean };
  open(response: ServerResponse, query: URLSearchParams): void;
}

function openStream(feed: Feed, response: ServerResponse, url: URL): void {
  if (!feed.streams.full) return feed.open(response, url.searchParams);
  response.setHeader('retry-after', '5');
  sendJson(response, 503, rpcError(REFUSED, `${MAX_STREAMS} such streams are open already`));
}

function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  answer: (body: string, response: ServerResponse) => Promise<void>,
): void {
  if (!/^application\/json *(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return refuse(request, response, 415, REFUSED, 'send content-type: application/json');
  }
  let body = new Pieces();
  request.on('data', (chunk: Buffer) => {
    if (response.headersSent) return;
    body.add(chunk);
    if (body.have > maxBytes) {
      body = new Pieces();
      refuse(request, response, 413, TOO_LARGE, `the request is larger than ${maxBytes} bytes`);
    }
  });
  request.on('end', () => {
    if (!response.headersSent) void answer(body.whole().toString('utf8'), response);
  });
}

/** Answers without waiting for the body; the connection ends with it, lest the rest of the body be waited for. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  code: number,
  message: string,
): void {
  if (!request.complete) response.setHeader('connection', 'close');
  request.resume();
  sendJson(response, status, rpcError(code, message));
}

function sendJson(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(json);
}

function sendText(response: ServerResponse, type: string, text: string): void {
  response.writeHead(200, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}
