/** The HTTP front, listening for real: each input is one client's connection. Knows nothing of the front but createFront. */
import { connect, type Socket } from 'node:net';
import { createFront } from '../../src/rpc/http.ts';
import { BODIES, Echo, LIMITS, MANIFEST, SILENT, WHO, WORDS } from './calls.ts';
import { pick, randomOf, type Random } from './mutate.ts';
import { whyBadReply } from './protocol.ts';
import { readResponses } from './responses.ts';
import type { Target } from './target.ts';

/** A canary goes along with every so many inputs: the front must still serve those who do nothing wrong. */
const CANARY_EVERY = 50;

const HEADER_WORDS = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  ':',
  ' ',
  '\t',
  'POST ',
  'GET ',
  ' HTTP/1.1',
  ' HTTP/1.0',
  ' HTTP/2.0',
  '/rpc',
  '/healthz',
  '/readyz',
  'content-length: 5',
  'content-length: -1',
  'content-length: 99999999999999999999',
  'content-length: 0x10',
  'transfer-encoding: chunked',
  'transfer-encoding: gzip, chunked',
  'transfer-encoding: identity',
  'connection: close',
  'connection: keep-alive',
  'connection: upgrade\r\nupgrade: websocket',
  'expect: 100-continue',
  'expect: tea',
  'content-type: application/json',
  'content-type: text/plain',
  'content-encoding: gzip',
  'spillway-timeout-ms: 5',
  'spillway-backend: pool',
  'authorization: Bearer x',
  'host: a',
  '0\r\n\r\n',
  '5\r\n',
  'ffffffffffffffff\r\n',
  '-5\r\n',
  '5;ext=1\r\n',
  `x: ${'y'.repeat(3000)}`,
  `x: ${'y'.repeat(17_000)}`,
  '\u0000',
];

function post(body: string, headers = 'content-type: application/json\r\nhost: h'): string {
  return `POST / HTTP/1.1\r\n${headers}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function chunked(body: string): string {
  const head =
    'POST /rpc HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
  const half = Math.floor(body.length / 2);
  const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  return `${head}${body === '' ? '' : chunk(body.slice(0, half)) + chunk(body.slice(half))}0\r\n\r\n`;
}

function corpusOf(): Buffer[] {
  const ascii = BODIES.filter((body) => /^[\x20-\x7e]*$/.test(body)).map((body) =>
    body.replaceAll(WHO, NAME),
  );
  const [good = ''] = ascii;
  const requests = [
    ...ascii.map((body) => post(body)),
    ...ascii.filter((body) => body.length > 1).map(chunked),
    post(good) + post(good) + post(good),
    post(good, 'content-type: application/json\r\nhost: h\r\nexpect: 100-continue'),
    post(good, 'content-type: application/json\r\nhost: h\r\nconnection: close') + post(good),
    post(good, 'content-type: text/plain\r\nhost: h'),
    'GET /healthz HTTP/1.1\r\nhost: h\r\n\r\nGET /readyz HTTP/1.1\r\nhost: h\r\n\r\n',
    'GET / HTTP/1.0\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  ];
  return requests.map((text) => Buffer.from(text.replaceAll(NAME, WHO_PADDED), 'latin1'));
}

/** As long as a client's name, so that inputs keep their lengths whoever sends them. */
const NAME = 'who_000000000_';
const WHO_PADDED = `@@@${WHO}@@@`.padEnd(NAME.length, '@');

/** Makes the target; close it with finish(). */
export async function frontTarget(parallel = 16): Promise<Target> {
  const echo = new Echo();
  const front = createFront(
    {
      manifest: () => MANIFEST,
      dispatch: echo.dispatch,
      readiness: () => ({ ready: true }),
      onBadResult: () => undefined,
      log: SILENT,
    },
    { ...LIMITS, host: '127.0.0.1', port: 0, apiKeys: [], fastLane: true },
  );
  const { port } = await front.listen();
  const canary = post(`{"jsonrpc":"2.0","id":1,"method":"echo","params":["alive"]}`);
  return {
    name: 'front',
    corpus: corpusOf(),
    dictionary: [...HEADER_WORDS, ...WORDS.map((word) => (word === WHO ? WHO_PADDED : word)), canary],
    parallel,
    async run(input, index) {
      const who = `who-${String(index).padStart(9, '0')}-`;
      const bytes = Buffer.from(input.toString('latin1').replaceAll(WHO_PADDED, who), 'latin1');
      const random = randomOf(index);
      // A good request before it, whose answer must come whatever follows.
      const led = random() < 0.3;
      const lead = post(`{"jsonrpc":"2.0","id":"${who}","method":"echo","params":["${who}"]}`);
      const sent = led ? Buffer.concat([Buffer.from(lead), bytes]) : bytes;
      const received = await converse(port, sent, random);
      const what = whyBad(received, sent, who, led);
      if (what !== undefined || index % CANARY_EVERY !== 0) return what;
      const song = (await converse(port, Buffer.from(canary), () => 0.9)).toString('latin1');
      return song.includes('"result":["alive"]') || song.includes('"code":-32001')
        ? undefined
        : `the canary: ${song}`;
    },
    async finish() {
      await front.close();
      return echo.open === 0 ? undefined : `${echo.open} calls are neither answered nor given up`;
    },
  };
}

/** Sends the bytes in pieces, ends its side, and resolves with all that came, once the connection is closed. */
function converse(port: number, bytes: Buffer, random: Random): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('data', (chunk) => received.push(chunk));
    // The server may cut off who talks nonsense. What it said until then counts.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(Buffer.concat(received)));
    socket.on('end', () => socket.end());
    socket.on('connect', () => {
      const cut = random() < 0.5 ? pick(random, bytes.length + 1) : bytes.length;
      socket.write(bytes.subarray(0, cut));
      if (cut === bytes.length) socket.end();
      else setImmediate(() => socket.end(bytes.subarray(cut)));
    });
  });
}

function whyBad(received: Buffer, sent: Buffer, who: string, led: boolean): string | undefined {
  // An answer to HEAD has a length and no body, and can't be told from others by itself.
  if (sent.includes('HEAD ')) return undefined;
  const responses = readResponses(received);
  if (typeof responses === 'string') return responses;
  const final = responses.filter(({ status }) => status >= 200);
  for (const { body, type } of final) {
    if (!type.startsWith('application/json')) continue;
    const what = whyBadReply(body, who, body.length);
    if (what !== undefined) return what;
  }
  if (!led) return undefined;
  const [first] = final;
  const good =
    first?.status === 200 &&
    first.body.includes(`"id":"${who}"`) &&
    (first.body.includes(`"result":["${who}"]`) || first.body.includes('"code":-32001'));
  return good
    ? undefined
    : `the good request before it: ${JSON.stringify(received.toString('latin1').slice(0, 300))}`;
}
