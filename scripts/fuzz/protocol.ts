/** The protocol: bytes of a body in, one reply out. */
import { createProtocol } from '../../src/rpc/protocol.ts';
import type { Reply } from '../../src/rpc/reply.ts';
import { asClient, BODIES, Echo, LIMITS, MANIFEST, SILENT, WORDS } from './calls.ts';
import type { Target } from './target.ts';

const HEADERS = [undefined, '1', '50', '0', '-1', 'soon', '99999999999999999999'];

/** Makes the target: every body gets exactly one reply, which is JSON-RPC, and only about this body's calls. */
export function protocolTarget(): Target {
  const echo = new Echo();
  const bad: string[] = [];
  const protocol = createProtocol(
    {
      manifest: () => MANIFEST,
      dispatch: echo.dispatch,
      onBadResult: (worker) => bad.push(worker),
      log: SILENT,
    },
    LIMITS,
  );
  return {
    name: 'protocol',
    corpus: BODIES.map((body) => Buffer.from(body)),
    dictionary: WORDS,
    parallel: 64,
    async run(input, index) {
      const who = `who-${index}-`;
      const bytes = asClient(input, who);
      const headers = { timeoutMs: HEADERS[index % 50], backend: undefined };
      let replies = 0;
      const reply = await new Promise<Reply | undefined>((resolve) => {
        protocol.handle(bytes, headers, (given) => {
          replies++;
          resolve(given);
        });
      });
      if (bad.length > 0) return 'a result that is the params is said to be bad';
      if (replies !== 1) return `${replies} replies`;
      return reply === undefined ? undefined : whyBadReply(textOf(reply), who, reply.byteLength);
    },
    finish: () => Promise.resolve(echo.open === 0 ? undefined : `${echo.open} calls were forgotten`),
  };
}

function textOf(reply: Reply): Buffer {
  if (typeof reply.pieces === 'string') return Buffer.from(reply.pieces, 'latin1');
  return Buffer.concat(
    reply.pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)),
  );
}

/** What is wrong with a body of answers to the client `who`; undefined if nothing. */
export function whyBadReply(body: Buffer, who: string, byteLength: number): string | undefined {
  const text = body.toString('utf8');
  if (body.length !== byteLength) return `${body.length} bytes, said to be ${byteLength}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return `not JSON: ${text.slice(0, 200)}`;
  }
  const answers = Array.isArray(parsed) ? (parsed as unknown[]) : [parsed];
  if (answers.length === 0) return 'an empty array';
  for (const answer of answers) {
    const { jsonrpc, id, result, error } = answer as Record<string, unknown>;
    if (jsonrpc !== '2.0' || id === undefined) return `no answer: ${text.slice(0, 200)}`;
    if ((result === undefined) === (error === undefined)) return `neither or both: ${text.slice(0, 200)}`;
  }
  for (const [named] of text.matchAll(/who-\d+-/g)) {
    if (named !== who) return `${named} in the answer to ${who}`;
  }
  return undefined;
}
