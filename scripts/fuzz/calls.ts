/** What the client-facing targets share: functions on paper, requests good and bad, and a dispatch that answers out of order. */
import { pino } from 'pino';
import type { Dispatch, Outcome } from '../../src/dispatch/call.ts';
import { overloaded } from '../../src/errors.ts';
import type { FunctionSpec, Manifest } from '../../src/functions/manifest.ts';

/** Stands in a seed for what tells one client from the others. */
export const WHO = '@@WHO@@';

export const SILENT = pino({ level: 'silent' });

/** Limits small enough for inputs to pass them. */
export const LIMITS = {
  maxBodyBytes: 20_000,
  maxBatch: 20,
  batchWindow: 4,
  timeoutMs: 1000,
  backendChoice: true,
  version: '0.0.0',
};

const NAMES = ['f', 'g', 'echo'];

/** Three functions without schemas. */
export const MANIFEST: Manifest = new Map(
  NAMES.map((name): [string, FunctionSpec] => [
    name,
    { name, style: 'any', idempotent: false, offload: true, concurrency: 1 },
  ]),
);

/** A dispatch that gives every call its own params back: at once, soon, or as an error. */
export class Echo {
  /** Calls that are neither answered nor given up. */
  open = 0;
  #calls = 0;

  readonly dispatch: Dispatch = ({ params }, answer) => {
    const json = Buffer.from(params ?? 'null');
    const report = { backend: 'pool' as const, worker: 'w1', queueMs: 0, runMs: 0.1 };
    const outcome: Outcome =
      this.#calls++ % 7 === 3 ? { ok: false, error: overloaded(1), report } : { ok: true, json, report };
    let over = false;
    this.open++;
    const end = (): void => {
      if (over) return;
      over = true;
      this.open--;
      answer(outcome);
    };
    if (this.#calls % 3 === 0) end();
    else if (this.#calls % 3 === 1) setImmediate(end);
    else setTimeout(end, this.#calls % 5);
    return {
      cancel: () => {
        if (!over) this.open--;
        over = true;
      },
    };
  };
}

function call(more: Record<string, unknown>): string {
  return JSON.stringify({ jsonrpc: '2.0', id: WHO, method: 'f', params: [WHO], ...more });
}

/** Bodies: good ones, and those that once broke some JSON-RPC server. */
export const BODIES: readonly string[] = [
  call({}),
  call({ params: { who: WHO, deep: [[[{ a: [] }]]] } }),
  call({ id: undefined }),
  call({ id: null }),
  call({ method: 'rpc.discover', params: undefined }),
  call({ method: 'none' }),
  call({ params: 7 }),
  `[${call({})},${call({ method: 'g' })},${call({ id: undefined })}]`,
  `[${Array.from({ length: 21 }, () => call({})).join(',')}]`,
  '[]',
  '[[]]',
  `[[], ${call({})}]`,
  '[1,2,3]',
  '{}',
  'null',
  '',
  '{"jsonrpc":"2.0","id":9007199254740993123,"method":"f","params":[1e400,-0,0.10]}',
  `{"jsonrpc":"2.0","method":"f","id":"\\ud800","params":["\\u0000${WHO}"]}`,
  `{"jsonrpc":"2.0","id":"${WHO}","id":"${WHO}","method":"f","method":"g","params":[],"params":["${WHO}"]}`,
  `{"__proto__":{"id":1},"jsonrpc":"2.0","id":"${WHO}","method":"constructor"}`,
  `${'['.repeat(3000)}${']'.repeat(3000)}`,
  `{"jsonrpc":"2.0","id":"${WHO}","method":"f","params":${'[{"a":'.repeat(900)}1${'}]'.repeat(900)}}`,
  call({ params: ['x'.repeat(19_000)] }),
];

/** Words that matter in a body. */
export const WORDS: readonly (string | Buffer)[] = [
  '"jsonrpc":"2.0"',
  '"id":',
  '"method":',
  '"params":',
  'null',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u',
  '\\ud800',
  '__proto__',
  'constructor',
  'toString',
  'rpc.',
  '-0',
  '1e999',
  '0.1',
  '9007199254740993',
  WHO,
  `"${WHO}"`,
  ' ',
  '\t',
  '\u0000',
  Buffer.from([0xff]),
  Buffer.from([0xc0, 0x80]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xef, 0xbb, 0xbf]),
];

/** Puts a client's name into an input. */
export function asClient(input: Buffer, who: string): Buffer {
  return Buffer.from(input.toString('latin1').replaceAll(WHO, who), 'latin1');
}
