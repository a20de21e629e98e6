/** Streams of requests: proper ones, odd ones, and attempts at smuggling. Seeded by fast-check. */
import fc from 'fast-check';

/** Header lines that change what a message is, where it ends, or whether it is one. */
export const ODD_LINES: readonly string[] = [
  'Transfer-Encoding: chunked',
  'transfer-encoding: identity',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding\t: chunked',
  ' Transfer-Encoding: chunked',
  'X: y\r\n Transfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\n\nZ: y',
  'X: y\r\rZ: y',
  'X: y\0',
  'X\0: y',
  'X: \u007f',
  'X: ž',
  'X: \u00ff',
  'X:',
  'X: ',
  'X:y',
  'X:  y  ',
  'X: y\tz',
  'X y: z',
  'X',
  ': y',
  '(X): y',
  'Content-Length: 3',
  'Content-Length: 0',
  'content-length: +38',
  'Content-Length: 038',
  'Content-Length: -1',
  'Content-Length: 38 ',
  'Content-Length:  38',
  'Content-Length: 38, 38',
  'Content-Length: 0x26',
  'Content-Length: 3 8',
  'Content-Length: 38\r\n 1',
  'Content-Length : 38',
  'Content_Length: 3',
  'Content-Length: 99999999999999999999',
  'Content-Length:',
  'Content-Encoding: gzip',
  'Content-Encoding: identity',
  'Content-Type: text/plain',
  'Content-Type: application/json',
  'Content-Type: application/json; charset=latin1',
  'Content-Type: application/JSON;charset=utf-8',
  'Host: other',
  'Host: a b',
  'Host:',
  'Connection: close',
  'Connection: Keep-Alive',
  'Connection: upgrade',
  'Connection: keep-alive, upgrade',
  'Connection: x-api-key',
  'Proxy-Connection: close',
  'Keep-Alive: timeout=1',
  'Upgrade: h2c',
  'Upgrade: websocket',
  'HTTP2-Settings: AAAA',
  'Expect: 100-continue',
  'Expect: nonsense',
  'TE: trailers',
  'Trailer: X',
  'Authorization: Bearer k',
  'authorization: bearer  k ',
  'Authorization: Basic k',
  'x-api-key: k',
  'X-API-Key: wrong',
  'x-api-key: k ',
  'spillway-timeout-ms: 50',
  'spillway-timeout-ms: 5 0',
  'spillway-timeout-ms: 050',
  'spillway-timeout-ms:',
  'spillway-backend: pool',
  'spillway-backend: moon',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'TraceParent: 01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ',
  'traceparent: 00-1-2-3',
  'traceparent:',
  // Without a traceparent it is nothing; with one it is passed on.
  'tracestate: a=1, b@c=2',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nTraceState: a=1, b@c=2',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=1\r\ntracestate: b=2',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=1 ',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate:',
  `X-Long: ${'x'.repeat(9000)}`,
  `X-Longer: ${'x'.repeat(17_000)}`,
  Array.from({ length: 70 }, (_, index) => `x-${index}: y`).join('\r\n'),
];

/** First lines, most of which are not for the fast lane. */
export const START_LINES: readonly string[] = [
  'POST /rpc HTTP/1.1',
  'POST /rpc?x=1 HTTP/1.1',
  'POST http://example.com/rpc HTTP/1.1',
  'POST //rpc HTTP/1.1',
  'POST //foo HTTP/1.1',
  'POST /./rpc HTTP/1.1',
  'POST /other HTTP/1.1',
  'POST * HTTP/1.1',
  'POST  / HTTP/1.1',
  'POST /\tHTTP/1.1',
  'POST / HTTP/1.0',
  'POST / HTTP/1.2',
  'POST / HTTP/2.0',
  'POST / http/1.1',
  'POST / HTTP/1.1 ',
  'POST /',
  'post / HTTP/1.1',
  'Post / HTTP/1.1',
  'PUT / HTTP/1.1',
  'GET / HTTP/1.1',
  'GET /healthz HTTP/1.1',
  'HEAD /readyz HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'PRI * HTTP/2.0',
  '\r\nPOST / HTTP/1.1',
  '\nPOST / HTTP/1.1',
  ' POST / HTTP/1.1',
  '\0POST / HTTP/1.1',
  'P',
];

const BODIES: readonly string[] = [
  '{"jsonrpc":"2.0","method":"f","id":1}',
  '{"jsonrpc":"2.0","method":"g","params":[1,"ž"],"id":"x"}',
  '{"jsonrpc":"2.0","method":"f"}',
  '[{"jsonrpc":"2.0","method":"f","id":1},{"jsonrpc":"2.0","method":"g","id":2}]',
  '{"jsonrpc":"2.0","method":"nope","id":1}',
  '{"jsonrpc":',
  '\ufeff{"jsonrpc":"2.0","method":"g","id":1}',
  '{}',
  '',
  '0\r\n\r\n',
  'POST / HTTP/1.1\r\n\r\n',
  JSON.stringify({ jsonrpc: '2.0', method: 'g', params: ['x'.repeat(700)], id: 3 }),
  JSON.stringify({ jsonrpc: '2.0', method: 'g', params: ['x'.repeat(1200)], id: 4 }),
];

/** What one request is made of. */
export interface Parts {
  readonly start: string;
  readonly lines: readonly string[];
  readonly body: string;
  readonly end: string;
  /** Leaves the proper Content-Length out. */
  readonly unmeasured: boolean;
  readonly chunked: boolean;
}

/** The request's bytes. */
export function bytesOf({ start, lines, body, end, unmeasured, chunked }: Parts): Buffer {
  const size = Buffer.byteLength(body);
  const measure = unmeasured ? [] : [`content-length: ${size}`];
  const own = ['host: localhost', 'content-type: application/json', ...measure];
  const coded = chunked ? `${size.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
  return Buffer.from([start, ...own, ...lines].join(end) + end + end + coded);
}

const proper: Parts = {
  start: 'POST / HTTP/1.1',
  lines: [],
  body: BODIES[0] as string,
  end: '\r\n',
  unmeasured: false,
  chunked: false,
};

/** A proper request with a few oddities. */
const parts: fc.Arbitrary<Parts> = fc.record({
  start: rarely(fc.constantFrom(...START_LINES), proper.start),
  lines: fc.array(fc.constantFrom(...ODD_LINES), { maxLength: 2 }),
  body: fc.constantFrom(...BODIES),
  end: rarely(fc.constantFrom('\n', '\r', '\r\r\n', '\n\r'), proper.end),
  unmeasured: rarely(fc.constant(true), false),
  chunked: rarely(fc.constant(true), false),
});

/** A byte put in, taken out or changed, at a place given as a fraction of the length. */
interface Slip {
  readonly at: number;
  readonly byte: number;
  readonly kind: 'put' | 'take' | 'change';
}

const slip: fc.Arbitrary<Slip> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  byte: fc.oneof(fc.constantFrom(0, 9, 10, 13, 32, 44, 58, 127, 128, 255), fc.nat(255)),
  kind: fc.constantFrom('put', 'take', 'change'),
});

const request: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...BODIES).map((body) => ({ ...proper, body })) },
      parts,
    ),
    fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(slip, { minLength: 1, maxLength: 3 })),
  )
  .map(([made, slips]) => slips.reduce(slipped, bytesOf(made)));

/** One to four requests on one connection, in pieces. */
export const pieces: fc.Arbitrary<Buffer[]> = fc
  .tuple(
    fc.array(request, { minLength: 1, maxLength: 4 }),
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
    rarely(fc.double({ min: 0, max: 1, noNaN: true }), 1),
  )
  .map(([requests, cuts, kept]) => {
    const all = Buffer.concat(requests);
    return cutAt(
      all.subarray(0, Math.ceil(all.length * kept)),
      cuts.map((cut) => Math.floor(cut * all.length)),
    );
  });

/** The bytes in pieces that begin at these places. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set([...places, bytes.length])].filter((end) => end > 0).sort((a, b) => a - b);
  return ends
    .map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
    .filter((piece) => piece.length > 0);
}

function slipped(bytes: Buffer, { at, byte, kind }: Slip): Buffer {
  const place = Math.min(bytes.length - 1, Math.floor(at * bytes.length));
  const rest = bytes.subarray(kind === 'put' ? place : place + 1);
  return Buffer.concat([bytes.subarray(0, place), Buffer.from(kind === 'take' ? [] : [byte]), rest]);
}

function rarely<T>(odd: fc.Arbitrary<T>, usual: T): fc.Arbitrary<T> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: odd });
}
