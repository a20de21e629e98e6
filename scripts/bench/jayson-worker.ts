/** A worker of the jayson relay: jayson's own HTTP server on a unix socket, with the same functions. */
import { rmSync } from 'node:fs';
import jayson from 'jayson';
import add from './functions/add.ts';
import echo from './functions/echo.ts';
import fibonacci from './functions/fibonacci.ts';
import nap from './functions/nap.ts';

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: jayson-worker.ts SOCKET');
rmSync(path, { force: true });

const FUNCTIONS: Readonly<Record<string, (...params: never[]) => unknown>> = { add, echo, fibonacci, nap };

function method(run: (...params: never[]) => unknown): jayson.MethodHandler {
  return (params: jayson.RequestParamsLike, done: jayson.JSONRPCCallbackTypePlain) => {
    void Promise.resolve(run(...(params as never[]))).then((result) => {
      done(null, result as jayson.JSONRPCResultLike);
    });
  };
}

const methods = Object.fromEntries(Object.entries(FUNCTIONS).map(([name, run]) => [name, method(run)]));
const server = new jayson.Server(methods).http();
server.keepAliveTimeout = 0;
server.listen(path);
