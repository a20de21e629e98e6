/**
 * dockerode without two of its parts that nothing here uses, BuildKit's sessions and SSH: they load gRPC and an SSH
 * client, which is 100 of the 160 ms that it takes, and 14 MB.
 */
import { createRequire, registerHooks } from 'node:module';
import type Dockerode from 'dockerode';

/** What is left out: the module that is asked for, and by whom. Should dockerode move them, they are loaded as ever. */
const LEFT_OUT: ReadonlyMap<string, RegExp> = new Map([
  ['./session', /\/dockerode\/lib\/docker\.js$/],
  ['./ssh', /\/docker-modem\/lib\/modem\.js$/],
]);
const EMPTY = 'spillway:left-out';

function load(): typeof Dockerode {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const leftOut = LEFT_OUT.get(specifier)?.test(context.parentURL ?? '') ?? false;
      return leftOut ? { url: EMPTY, format: 'commonjs', shortCircuit: true } : next(specifier, context);
    },
    load(url, context, next) {
      return url === EMPTY ? { format: 'commonjs', source: '', shortCircuit: true } : next(url, context);
    },
  });
  try {
    return createRequire(import.meta.url)('dockerode') as typeof Dockerode;
  } finally {
    hooks.deregister();
  }
}

/** The package's class. */
export const Docker = load();
