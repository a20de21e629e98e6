/** A port for what has to know it before it listens. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Resolves with a port on which nobody listens; somebody else may take it meanwhile. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
