/** What HTTP itself refuses, before a body is read. */
import type { IncomingMessage } from 'node:http';
import { invalidRequest, tooLarge, unauthorized, type CallError } from '../errors.ts';
import { whyNotJson } from './media-type.ts';

/** An answer that isn't 200: its status, its JSON-RPC error and the headers that belong to it. */
export interface Refusal {
  readonly status: number;
  readonly error: CallError;
  readonly headers?: readonly string[];
}

/** The paths that are served. */
export type Route = 'rpc' | 'healthz' | 'readyz' | undefined;

/** Which route a request's target means; a proxy may send it as a whole URL. */
export function routeOf(target: string): Route {
  if (target === '/') return 'rpc';
  // Not for URL to read: what follows two slashes would be a host to it, and dots would be resolved.
  const path = target.startsWith('/') ? target.split('?', 1)[0] : URL.parse(target)?.pathname;
  if (path === '/' || path === '/rpc') return 'rpc';
  if (path === '/healthz') return 'healthz';
  return path === '/readyz' ? 'readyz' : undefined;
}

/** Why the request can't be a call, from its header alone; undefined if it may be one. */
export function refusalOf(
  request: IncomingMessage,
  route: Route,
  mayCall: (headers: IncomingMessage['headers']) => boolean,
  maxBodyBytes: number,
): Refusal | undefined {
  const { headers } = request;
  if (headers.host === undefined && request.httpVersion === '1.1')
    return { status: 400, error: wrong('HTTP/1.1 needs a Host header') };
  // A proxy before us may have gone by the other one (RFC 9112, 3.2).
  if ((request.headersDistinct['host']?.length ?? 0) > 1)
    return { status: 400, error: wrong('there is more than one Host header') };
  if (route === undefined)
    return { status: 404, error: wrong('there is nothing at this path; POST to / or /rpc') };
  const { method } = request;
  if (route === 'rpc' ? method !== 'POST' : method !== 'GET' && method !== 'HEAD') {
    const allow = route === 'rpc' ? 'POST' : 'GET, HEAD';
    return { status: 405, error: wrong(`this path takes ${allow} only`), headers: ['Allow', allow] };
  }
  if (route !== 'rpc') return undefined;
  if (!mayCall(headers)) {
    return { status: 401, error: unauthorized(), headers: ['WWW-Authenticate', 'Bearer realm="spillway"'] };
  }
  const why = whyNotJson(headers['content-type']);
  if (why !== undefined) {
    const error = wrong(`${why}; send JSON in UTF-8, with curl: -H 'content-type: application/json'`);
    return { status: 415, error, headers: ['Accept', 'application/json'] };
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    const said = JSON.stringify(encoding.slice(0, 60));
    const error = wrong(`the content encoding is ${said}; send the body uncompressed`);
    return { status: 415, error, headers: ['Accept-Encoding', 'identity'] };
  }
  return Number(headers['content-length'] ?? 0) > maxBodyBytes ? requestTooLarge(maxBodyBytes) : undefined;
}

/** The body is, or says it is, over the limit. */
export function requestTooLarge(maxBodyBytes: number): Refusal {
  return { status: 413, error: tooLarge('request', maxBodyBytes) };
}

function wrong(message: string): CallError {
  return invalidRequest(`Invalid Request: ${message}`);
}
