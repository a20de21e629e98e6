/** Requests to the gateway over kept-alive connections: bytes out, an answer or a broken connection back. */
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Agent as HttpAgent, request as httpRequest } from '../node-http.ts';
import { Pieces } from '../pool/chunks.ts';

/** Where the gateway is, and the key it asks for. */
export interface Gateway {
  readonly url: string;
  readonly apiKey: string;
}

/** How a request ended. */
export type Exchange =
  | {
      readonly ok: true;
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    }
  /** No whole answer came. `sent` is false only if no byte of the request left; `code` is for the log. */
  | { readonly ok: false; readonly sent: boolean; readonly code: string };

/** The gateway as calls see it. */
export interface Channel {
  /** Sends a request. `done` is called exactly once, never before this returns, at the latest after `timeoutMs`. */
  send(body: string, timeoutMs: number, done: (exchange: Exchange) => void): void;
  /** Ends every connection; requests under way end as broken. */
  close(): void;
}

/** A connection that was idle this long is closed, in milliseconds: well before a gateway or a firewall drops it unheard. */
const IDLE_MS = 30_000;
/** The longest answer taken, in bytes: the gateway's own limit is 10 MB. */
const MAX_ANSWER_BYTES = 10_500_000;

/** Connects on demand, one request at a time on each connection, the warmest connection first. */
export function openChannel(gateway: Gateway): Channel {
  const url = new URL(gateway.url);
  const secure = url.protocol === 'https:';
  const settings = { keepAlive: true, scheduling: 'lifo', timeout: IDLE_MS } as const;
  const agent = secure ? new HttpsAgent(settings) : new HttpAgent(settings);
  const request = secure ? httpsRequest : httpRequest;
  // What never changes is put together once, not for each call.
  const target = {
    method: 'POST',
    agent,
    // An IPv6 address stands in brackets only in a URL.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port,
    path: url.pathname,
  };
  const underWay = new Set<ClientRequest>();
  return {
    send: (body, timeoutMs, done) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'x-api-key': gateway.apiKey,
      };
      const outgoing = request({ ...target, headers });
      underWay.add(outgoing);
      exchange(outgoing, secure, timeoutMs, (ended) => {
        underWay.delete(outgoing);
        done(ended);
      });
      outgoing.end(body);
    },
    close: () => {
      for (const outgoing of underWay) outgoing.destroy(new Error('closed'));
      agent.destroy();
    },
  };
}

/** Follows one request to its end. */
function exchange(
  outgoing: ClientRequest,
  secure: boolean,
  timeoutMs: number,
  done: (exchange: Exchange) => void,
): void {
  let sent = false;
  let ended = false;
  const end = (result: Exchange): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    done(result);
  };
  const timer = setTimeout(() => {
    outgoing.destroy(Object.assign(new Error('no answer in time'), { code: 'NO_ANSWER' }));
  }, timeoutMs);
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) sent = true;
    else {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        sent = true;
      });
    }
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    end({ ok: false, sent, code: error.code ?? error.message });
  });
  outgoing.once('response', (incoming) => {
    collect(incoming, (body) => {
      if (body === undefined) outgoing.destroy(new Error('the answer broke off or is too long'));
      else end({ ok: true, status: incoming.statusCode ?? 0, headers: incoming.headers, body });
    });
  });
  // After an answer broke off there may be no error event, but there is always this one.
  outgoing.once('close', () => {
    end({ ok: false, sent, code: 'BROKEN_OFF' });
  });
}

/** Reads a whole body; undefined if it breaks off or is too long. */
function collect(incoming: IncomingMessage, done: (body: Buffer | undefined) => void): void {
  const body = new Pieces();
  incoming.on('data', (chunk: Buffer) => {
    body.add(chunk);
    if (body.have > MAX_ANSWER_BYTES) done(undefined);
  });
  incoming.once('end', () => {
    done(body.whole());
  });
  incoming.once('error', () => {
    done(undefined);
  });
}
