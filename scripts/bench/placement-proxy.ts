/** Stands before an emulated data plane and makes it what a cloud is: farther away, and slower. */
import { Agent, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEADERS } from '../../src/cloud/event.ts';

/** What it adds. */
export interface Distance {
  readonly roundTripMs: number;
  /** Run time there over run time here: an answer is held back by the difference, and says so as a slower CPU would. */
  readonly slowdown: number;
}

/** A running proxy. */
export interface DelayingProxy {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts one before `target`, of which it keeps the path. */
export async function startDelayingProxy(
  target: string,
  { roundTripMs, slowdown }: Distance,
): Promise<DelayingProxy> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method, url: path, headers } = incoming;
      void sleep(roundTripMs).then(() => {
        const onward = httpRequest({ hostname, port, method, path, headers, agent }, (answer) => {
          const runMs = Number(answer.headers[HEADERS.runMs] ?? 0);
          const told = { ...answer.headers };
          if (runMs > 0) told[HEADERS.runMs] = String(runMs * slowdown);
          void sleep(runMs * (slowdown - 1)).then(() => {
            outgoing.writeHead(answer.statusCode ?? 502, told);
            answer.pipe(outgoing);
          });
        });
        onward.on('error', () => outgoing.destroy());
        onward.end(Buffer.concat(chunks));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    agent.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}
