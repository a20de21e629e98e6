/** jayson's own HTTP server, relaying to jayson HTTP workers on unix sockets in turn: `jayson-relay.ts PORT SOCKET…` */
import { Agent } from 'node:http';
import jayson from 'jayson';

interface Answer {
  readonly error?: { readonly code: number; readonly message: string } | null;
  readonly result?: unknown;
}

const [port, ...sockets] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const workers = sockets.map((socketPath) => jayson.Client.http({ socketPath, path: '/', agent }));
let turn = 0;

/** Hands a call to the next worker, and its answer back. */
function relay(method: string): jayson.MethodHandler {
  return (params: jayson.RequestParamsLike, done: jayson.JSONRPCCallbackTypePlain) => {
    turn = (turn + 1) % workers.length;
    const heard: jayson.JSONRPCCallbackTypePlain = (failed, answer) => {
      const { error = null, result }: Answer = (answer as Answer | undefined) ?? {};
      done(failed ?? error, result);
    };
    workers[turn]?.request(method, params, heard);
  };
}

const methods = Object.fromEntries(['add', 'echo', 'fibonacci', 'nap'].map((name) => [name, relay(name)]));
const server = new jayson.Server(methods).http();
server.keepAliveTimeout = 0;
server.listen(Number(port), '127.0.0.1');
