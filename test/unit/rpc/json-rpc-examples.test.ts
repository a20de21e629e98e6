/** Every example of the JSON-RPC 2.0 specification, section 7, byte for byte but for the words of error messages. */
import { describe, expect, it } from 'vitest';
import { textOf } from '../../../src/pool/params.ts';
import { FakeDispatch } from '../../fakes/dispatch.ts';
import { manifestOf, openDesk } from '../../support/rpc.ts';

const fake = new FakeDispatch((call) => {
  const params = JSON.parse(textOf(call.request.params ?? '[]')) as
    number[] | { minuend: number; subtrahend: number };
  if (call.method === 'subtract') {
    const [a, b] = Array.isArray(params) ? params : [params.minuend, params.subtrahend];
    call.ok(String(a! - b!));
  } else if (call.method === 'sum') call.ok(String((params as number[]).reduce((sum, n) => sum + n, 0)));
  else if (call.method === 'get_data') call.ok('["hello",5]');
  else call.ok('null');
});
const desk = openDesk(
  fake,
  manifestOf('subtract', 'sum', 'get_data', 'update', 'notify_hello', 'notify_sum'),
);

/** Messages are free, their codes and everything else are not. */
function withoutMessages(text: string | undefined): string | undefined {
  return text?.replace(/"message":"(?:[^"\\]|\\.)*"/g, '"message":"…"');
}

const INVALID = '{"jsonrpc":"2.0","error":{"code":-32600,"message":"…"},"id":null}';
const PARSE = '{"jsonrpc":"2.0","error":{"code":-32700,"message":"…"},"id":null}';
const unknown = (id: string): string => `{"jsonrpc":"2.0","error":{"code":-32601,"message":"…"},"id":${id}}`;

describe('the examples of the specification', () => {
  it.each([
    [
      'positional parameters',
      '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
      '{"jsonrpc":"2.0","result":19,"id":1}',
    ],
    [
      'positional parameters, the other way round',
      '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
      '{"jsonrpc":"2.0","result":-19,"id":2}',
    ],
    [
      'named parameters',
      '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
      '{"jsonrpc":"2.0","result":19,"id":3}',
    ],
    [
      'named parameters, the other way round',
      '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
      '{"jsonrpc":"2.0","result":19,"id":4}',
    ],
    ['a notification', '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', undefined],
    ['a notification of a method that does not exist', '{"jsonrpc": "2.0", "method": "foobar"}', undefined],
    ['a method that does not exist', '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', unknown('"1"')],
    ['invalid JSON', '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', PARSE],
    ['an invalid request', '{"jsonrpc": "2.0", "method": 1, "params": "bar"}', INVALID],
    [
      'a batch of invalid JSON',
      '[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method"]',
      PARSE,
    ],
    ['an empty array', '[]', INVALID],
    ['an invalid batch that is not empty', '[1]', `[${INVALID}]`],
    ['an invalid batch', '[1,2,3]', `[${INVALID},${INVALID},${INVALID}]`],
    [
      'a batch',
      `[
        {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
        {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
        {"foo": "boo"},
        {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
        {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
      ]`,
      [
        '[{"jsonrpc":"2.0","result":7,"id":"1"}',
        '{"jsonrpc":"2.0","result":19,"id":"2"}',
        INVALID,
        unknown('"5"'),
        '{"jsonrpc":"2.0","result":["hello",5],"id":"9"}]',
      ].join(','),
    ],
    [
      'a batch of notifications',
      `[
        {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
        {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
      ]`,
      undefined,
    ],
  ])('%s', (_name, request, response) => {
    const { replies } = desk.send(request);
    expect(replies.map(withoutMessages)).toEqual([response]);
  });
});
