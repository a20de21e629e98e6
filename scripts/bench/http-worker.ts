/** The peers' worker: a plain Node HTTP server on a unix socket that runs the same functions. */
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import add from './functions/add.ts';
import echo from './functions/echo.ts';
import fibonacci from './functions/fibonacci.ts';
import nap from './functions/nap.ts';

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: readonly never[];
}

const FUNCTIONS: Readonly<Record<string, (...params: never[]) => unknown>> = { add, echo, fibonacci, nap };

async function answer({ id, method, params }: Call): Promise<unknown> {
  const named = FUNCTIONS[method];
  if (named === undefined)
    return { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } };
  const returned: unknown = named(...params);
  // A synchronous result is answered without waiting a turn: a peer is to be at its best.
  const result: unknown = returned instanceof Promise ? await returned : returned;
  return { jsonrpc: '2.0', id, result };
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: http-worker.ts SOCKET');
rmSync(path, { force: true });

const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
  });
  request.on('end', () => {
    const text = (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString('utf8') ?? '';
    const calls = JSON.parse(text) as Call | readonly Call[];
    const answered = 'method' in calls ? answer(calls) : Promise.all(calls.map(answer));
    void answered.then((value) => {
      const json = JSON.stringify(value);
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(json),
      });
      response.end(json);
    });
  });
});
// A thousand connections come at once.
server.listen({ path, readableAll: true, writableAll: true, backlog: 4096 });
