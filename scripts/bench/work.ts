/** What is called, and how its right answer is known. */

/** One request, sent over and over. */
export interface Work {
  readonly name: string;
  /** The JSON-RPC request body. */
  readonly body: string;
  /** Calls in one request. */
  readonly calls: number;
  /** Text that stands in a right answer once for each call. */
  readonly expected: string;
}

function single(name: string, method: string, params: unknown, result: unknown): Work {
  return {
    name,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    calls: 1,
    expected: `"result":${JSON.stringify(result)}`,
  };
}

/** 60 bytes there and 38 back. */
export const ADD = single('add', 'add', [19, 23], 42);
/** CPU work of about 0.1 ms. */
export const FIBONACCI = single('fibonacci(20)', 'fibonacci', [20], 6765);
/** A call that only waits; its function allows many at once on one slot. */
export const NAP = single('nap(10)', 'nap', [10], 10);

/** A text of `bytes` letters there and back. */
export function echo(name: string, bytes: number): Work {
  const text = 'abcdefghij'.repeat(Math.ceil(bytes / 10)).slice(0, bytes);
  return single(name, 'echo', [text], text);
}

/** `calls` times add in one request. */
export function batch(calls: number): Work {
  const entries = Array.from({ length: calls }, (_, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'add',
    params: [19, 23],
  }));
  return { name: `batch of ${calls}`, body: JSON.stringify(entries), calls, expected: ADD.expected };
}
