/**
 * The fast lane against Node's HTTP server, its reference: the same bytes to both, and no difference in meaning.
 * SPILLWAY_FUZZ_RUNS asks for more streams, SPILLWAY_FUZZ_SEED for others.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeFronts } from '../../support/front.ts';
import { openLanes, send, type LaneFront } from '../../support/lanes.ts';
import { bytesOf, cutAt, ODD_LINES, pieces, START_LINES } from '../../support/odd-requests.ts';

const RUNS = Number(process.env['SPILLWAY_FUZZ_RUNS'] ?? 300);
const SEED = Number(process.env['SPILLWAY_FUZZ_SEED'] ?? 20_261_122);
/** A stream in milliseconds, at the worst. */
const PATIENCE_MS = 60_000 + RUNS * 200;

let open: [LaneFront, LaneFront];
let locked: [LaneFront, LaneFront];

beforeAll(async () => {
  const limits = { maxBodyBytes: 1000, maxBatch: 3 };
  open = await openLanes(limits);
  locked = await openLanes({ ...limits, apiKeys: ['k'] });
});

afterAll(closeFronts);

async function expectSame(lanes: [LaneFront, LaneFront], sent: readonly Buffer[]): Promise<void> {
  const [ours, reference] = await Promise.all(lanes.map((lane) => send(lane, sent)));
  expect(ours).toEqual(reference);
}

const PLAIN = {
  start: 'POST / HTTP/1.1',
  lines: [],
  body: '{"jsonrpc":"2.0","method":"f","id":1}',
  end: '\r\n',
  unmeasured: false,
  chunked: false,
};
const NEXT = bytesOf({ ...PLAIN, body: '{"jsonrpc":"2.0","method":"g","params":["next"],"id":2}' });

describe('both lanes answer alike', () => {
  it.each(ODD_LINES.map((line) => [line.slice(0, 60), line]))('%j', async (_name, line) => {
    for (const unmeasured of [false, true]) {
      const odd = bytesOf({ ...PLAIN, lines: [line], unmeasured });
      await expectSame(open, [odd, NEXT]);
      await expectSame(open, [Buffer.concat([NEXT, odd, NEXT])]);
      await expectSame(locked, [Buffer.concat([odd, NEXT])]);
    }
  });

  it.each(START_LINES.map((line) => [line]))('%j', async (start) => {
    const odd = bytesOf({ ...PLAIN, start });
    await expectSame(open, [odd, NEXT]);
    await expectSame(open, [Buffer.concat([NEXT, odd, NEXT])]);
    await expectSame(locked, [odd, NEXT]);
  });

  it('CONNECT, which closes the connection', async () => {
    // Not behind others: Node's server cuts off the answers that are due, where ours waits for them.
    await expectSame(open, [bytesOf({ ...PLAIN, start: 'CONNECT example.com:443 HTTP/1.1' }), NEXT]);
  });

  it('wherever the stream is cut', async () => {
    const chunked = bytesOf({ ...PLAIN, lines: ['transfer-encoding: chunked'], unmeasured: true, chunked: true });
    const stream = Buffer.concat([bytesOf(PLAIN), NEXT, chunked]);
    for (let place = 1; place < stream.length; place++) await expectSame(open, cutAt(stream, [place]));
  });

  it('when it comes byte by byte', async () => {
    await expectSame(
      open,
      Array.from(Buffer.concat([NEXT, bytesOf(PLAIN)]), (byte) => Buffer.from([byte])),
    );
  });

  it('wherever it ends', async () => {
    const stream = Buffer.concat([NEXT, bytesOf(PLAIN)]);
    for (let end = 0; end < stream.length; end++) await expectSame(open, [stream.subarray(0, end)]);
  });

  it(
    `to ${RUNS} streams of proper and odd requests`,
    async () => {
      await fc.assert(
        fc.asyncProperty(pieces, fc.boolean(), async (sent, withKeys) => {
          await expectSame(withKeys ? locked : open, sent);
        }),
        { numRuns: RUNS, seed: SEED },
      );
    },
    PATIENCE_MS,
  );
});
