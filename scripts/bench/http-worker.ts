/** The peers' worker: a plain Node HTTP server on a unix socket that answers JSON-RPC `add`. */
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';

interface AddRequest {
  readonly id: number;
  readonly params: readonly [number, number];
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: http-worker.ts SOCKET');
rmSync(path, { force: true });

const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => {
    const { id, params } = JSON.parse(body) as AddRequest;
    const answer = JSON.stringify({ jsonrpc: '2.0', id, result: params[0] + params[1] });
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(answer),
    });
    response.end(answer);
  });
});
server.listen({ path, readableAll: true, writableAll: true });
