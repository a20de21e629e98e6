import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LeanRequest, LeanVerdict } from '../../../src/rpc/lean-request.ts';
import { bytesOf, ODD_LINES, pieces, START_LINES } from '../../support/odd-requests.ts';

const LIMIT = 1000;
const { OTHER, MORE, WHOLE } = LeanVerdict;

function read(text: string | Buffer, start = 0): { verdict: number; request: LeanRequest } {
  const request = new LeanRequest();
  return { verdict: request.read(Buffer.from(text as string), start, LIMIT), request };
}

const head = (...lines: string[]): string =>
  ['POST / HTTP/1.1', 'Host: x', 'Content-Type: application/json', ...lines, '', ''].join('\r\n');

const withLine = (line: string): string => head('Content-Length: 38', line);

describe('a header of the subset', () => {
  it('is read where it stands', () => {
    const text = head(
      'content-length: 17',
      'Authorization: Bearer k',
      'X-API-Key: key',
      'User-Agent: a  b/1',
    );
    const { verdict, request } = read(`....${text}`, 4);
    expect(verdict).toBe(WHOLE);
    expect(request).toMatchObject({
      bodyStart: 4 + text.length,
      bodyBytes: 17,
      authorization: 'Bearer k',
      apiKey: 'key',
      timeoutMs: undefined,
      backend: undefined,
    });
  });

  it('may choose place and time, and bring a trace', () => {
    const { verdict, request } = read(
      head(
        'content-length: 1',
        'spillway-timeout-ms: 50',
        'Spillway-Backend: cloud',
        'Traceparent: 00-a-b-01',
        'Tracestate: a=1, b=2',
      ),
    );
    expect(verdict).toBe(WHOLE);
    expect(request).toMatchObject({
      timeoutMs: '50',
      backend: 'cloud',
      traceparent: '00-a-b-01',
      tracestate: 'a=1, b=2',
    });
  });

  it('leaves nothing of itself to the next', () => {
    const request = new LeanRequest();
    request.read(
      Buffer.from(
        head(
          'content-length: 1',
          'x-api-key: k',
          'spillway-backend: pool',
          'traceparent: t',
          'tracestate: s',
        ),
      ),
      0,
      LIMIT,
    );
    expect(request.read(Buffer.from(head('content-length: 2')), 0, LIMIT)).toBe(WHOLE);
    expect(request).toMatchObject({
      bodyBytes: 2,
      apiKey: undefined,
      backend: undefined,
      traceparent: undefined,
      tracestate: undefined,
    });
  });

  it.each([
    'Connection: keep-alive',
    'connection: Keep-Alive',
    'Keep-Alive: timeout=5',
    'Accept: */*',
    'X:y',
    'X:',
    'X-Twice: a\r\nX-Twice: b',
    'Content-Length-Of: 3',
    "!#$%&'*+-.^_`|~09AZaz: y",
  ])('may have %j', (line) => {
    expect(read(withLine(line)).verdict).toBe(WHOLE);
  });

  it('is not whole before its last byte, and never foreign', () => {
    const text = withLine('Authorization: Bearer k');
    for (let end = 0; end < text.length; end++) expect(read(text.slice(0, end)).verdict).toBe(MORE);
  });

  it('may be for /rpc, and its type may say UTF-8', () => {
    expect(read(withLine('A: b').replace('POST /', 'POST /rpc')).verdict).toBe(WHOLE);
    const type = withLine('A: b').replace('/json', '/json; charset=UTF-8');
    expect(read(type).verdict).toBe(WHOLE);
  });
});

const HARMLESS = new Set([
  'X:',
  'X: ',
  'X:y',
  'X:  y  ',
  'Connection: Keep-Alive',
  'Keep-Alive: timeout=1',
  'Authorization: Bearer k',
  'authorization: bearer  k',
  'Authorization: Basic k',
  'x-api-key: k',
  'X-API-Key: wrong',
  'spillway-timeout-ms: 50',
  'spillway-timeout-ms: 050',
  'spillway-backend: pool',
  'spillway-backend: moon',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'TraceParent: 01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more',
  'traceparent: 00-1-2-3',
  'tracestate: a=1, b@c=2',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nTraceState: a=1, b@c=2',
  'Content_Length: 3',
]);

describe('Node’s to judge', () => {
  it.each(ODD_LINES.filter((line) => !HARMLESS.has(line)).map((line) => [line.slice(0, 60), line]))(
    'a header with %j',
    (_name, line) => {
      expect(read(withLine(line)).verdict).toBe(OTHER);
    },
  );

  it.each(START_LINES.filter((line) => line !== 'POST /rpc HTTP/1.1' && line !== 'P').map((line) => [line]))(
    'a request that begins with %j',
    (line) => {
      expect(read(withLine('A: b').replace('POST / HTTP/1.1', line)).verdict).toBe(OTHER);
    },
  );

  it.each(['Host: x', 'Content-Type: application/json', 'Content-Length: 38'])('one without %j', (line) => {
    expect(read(withLine('A: b').replace(`${line}\r\n`, '')).verdict).toBe(OTHER);
  });

  it('any byte but printable ASCII in a value, and any but a token in a name', () => {
    for (let byte = 0; byte < 256; byte++) {
      const char = String.fromCharCode(byte);
      const value = Buffer.from(withLine(`X: a${char}b`), 'latin1');
      expect([byte, read(value).verdict]).toEqual([byte, byte >= 0x20 && byte <= 0x7e ? WHOLE : OTHER]);
      const name = Buffer.from(withLine(`a${char}b: x`), 'latin1');
      // A colon ends the name.
      const token = /[!#$%&'*+.^_`|~\w:-]/.test(char) && byte < 0x7f;
      expect([byte, read(name).verdict]).toEqual([byte, token ? WHOLE : OTHER]);
    }
  });

  it('bodies of no bytes and of more than the limit', () => {
    expect(read(head('content-length: 1000')).verdict).toBe(WHOLE);
    for (const length of ['0', '1001', '00', '01', '+1', '1e1', '9'.repeat(15), '9'.repeat(40)]) {
      expect(read(head(`content-length: ${length}`)).verdict).toBe(OTHER);
    }
  });

  it('too long or too many lines, as soon as that is seen', () => {
    expect(read(withLine(`X: ${'x'.repeat(8000)}`)).verdict).toBe(WHOLE);
    expect(read(withLine(`X: ${'x'.repeat(8192)}`)).verdict).toBe(OTHER);
    expect(read(withLine(`X: ${'x'.repeat(8192)}`).slice(0, 8300)).verdict).toBe(OTHER);
    expect(read(withLine('X: y\r\n'.repeat(65))).verdict).toBe(OTHER);
  });
});

describe('whatever comes', () => {
  it('more bytes change no judgement', () => {
    fc.assert(
      fc.property(pieces, fc.nat(), (sent, cut) => {
        const all = Buffer.concat(sent);
        const part = all.subarray(0, cut % (all.length + 1));
        const early = read(part).verdict;
        if (early !== MORE) expect(read(all).verdict).toBe(early);
      }),
      { numRuns: 2000, seed: 20_261_122 },
    );
  });

  it('most of what the comparison of both lanes sends is for the fast one', () => {
    const verdicts = fc
      .sample(pieces, { numRuns: 500, seed: 1 })
      .map((sent) => read(Buffer.concat(sent)).verdict);
    const whole = verdicts.filter((verdict) => verdict === WHOLE).length;
    expect(whole).toBeGreaterThan(150);
    expect(whole).toBeLessThan(450);
  });

  it('a plain request of the comparison is one of the subset', () => {
    const plain = {
      start: 'POST / HTTP/1.1',
      lines: [],
      body: '{}',
      end: '\r\n',
      unmeasured: false,
      chunked: false,
    };
    expect(read(bytesOf(plain)).verdict).toBe(WHOLE);
  });
});
