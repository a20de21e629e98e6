/** Passes requests to AWS on, and remembers which operations were asked for. */
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecordingProxy {
  readonly url: string;
  /** Control-plane requests that can change something, as `METHOD path` or the operation's name. */
  readonly writes: string[];
  stop(): Promise<void>;
}

/** Starts a proxy before `target`. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const writes: string[] = [];
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const operation = operationOf(incoming, body.toString());
      if (!/^(GET |Get|Describe|List)|execute-api/.test(operation)) writes.push(operation);
      const { method, url: path, headers } = incoming;
      const onward = httpRequest({ hostname, port, method, path, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, writes, stop };
}

function operationOf({ method = '', url = '', headers }: IncomingMessage, body: string): string {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return target.split('.')[1] ?? target;
  const action = new URLSearchParams(body).get('Action');
  return action ?? `${method} ${url}`;
}
