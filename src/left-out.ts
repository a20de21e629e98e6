/** Packages without parts that nothing here uses, for a quicker start. */
import { createRequire, registerHooks } from 'node:module';

const require = createRequire(import.meta.url);
const EMPTY = 'spillway:left-out';

/**
 * Loads a package in which some modules are empty.
 * @param parts what is left out: the module as it is asked for, and by whom. Should the package move them, they are
 *   loaded as ever.
 */
export function requireWithout(name: string, parts: ReadonlyMap<string, RegExp>): unknown {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const leftOut = parts.get(specifier)?.test(context.parentURL ?? '') ?? false;
      return leftOut ? { url: EMPTY, format: 'commonjs', shortCircuit: true } : next(specifier, context);
    },
    load(url, context, next) {
      return url === EMPTY ? { format: 'commonjs', source: '', shortCircuit: true } : next(url, context);
    },
  });
  try {
    return require(name);
  } finally {
    hooks.deregister();
  }
}
