/** Evaluates a bundle as a worker does. */
import { createRequire } from 'node:module';
import vm from 'node:vm';
import type { InvokeContext, LoadedBundle } from '../../../handler/invoke.ts';

type Body = (require: NodeJS.Require, module: { exports: unknown }, exports: unknown) => void;

/** Runs the bundle's text and gives what it exports. */
export function evaluate(code: string): LoadedBundle {
  const module = { exports: {} };
  const script = new vm.Script(`(function(require,module,exports){${code}\n})`);
  (script.runInThisContext() as Body)(createRequire('/'), module, module.exports);
  return module.exports as LoadedBundle;
}

/** A context whose signal must not be touched before a function asks for it. */
export function lazyContext(touched = () => {}): InvokeContext {
  return {
    deadline: 1_700_000_000_000,
    callId: 'c-1',
    backend: 'pool',
    get signal() {
      touched();
      return new AbortController().signal;
    },
  };
}
