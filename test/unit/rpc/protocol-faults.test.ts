import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FakeDispatch } from '../../fakes/dispatch.ts';
import { valueText } from '../../support/json-text.ts';
import { manifestOf, openDesk, openManual, request } from '../../support/rpc.ts';

describe('where jayson has holes', () => {
  it('id null is a request, and is answered under null', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(request(',"id":null'));
    fake.calls[0]?.ok('5');
    expect(sent.replies).toEqual(['{"jsonrpc":"2.0","result":5,"id":null}']);
    expect(desk.send(request(',"id":null', 'nope')).json).toMatchObject({
      error: { code: -32601 },
      id: null,
    });
  });

  it('a body that is a string is not parsed a second time', () => {
    const { fake, desk } = openManual();
    const smuggled = JSON.stringify(request(',"id":1'));
    expect(desk.send(smuggled).json).toMatchObject({ error: { code: -32600 }, id: null });
    expect(desk.send(`[${smuggled}]`).json).toMatchObject([{ error: { code: -32600 }, id: null }]);
    expect(fake.calls).toHaveLength(0);
  });

  it.each(['[[]]', '[[],[]]', `[[${request(',"id":1')}]]`])(
    '%s gets an answer for each nested batch',
    (body) => {
      const { fake, desk } = openManual();
      const { json } = desk.send(body);
      expect(json).toHaveLength((JSON.parse(body) as unknown[]).length);
      for (const answer of json as unknown[])
        expect(answer).toMatchObject({ error: { code: -32600 }, id: null });
      expect(fake.calls).toHaveLength(0);
    },
  );

  it('a nested batch drops neither itself nor its neighbour', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(`[[],${request(',"id":1')}]`);
    fake.calls[0]?.ok('1');
    expect(sent.json).toMatchObject([{ error: { code: -32600 } }, { result: 1, id: 1 }]);
  });

  it('a dispatch that throws costs one call, not the process', () => {
    const throwing = vi.fn(() => {
      throw new Error('secret /path');
    });
    const { desk } = openManual({}, { dispatch: throwing });
    const sent = desk.send(request(',"id":1'));
    expect(sent.json).toMatchObject({ error: { code: -32603 }, id: 1 });
    expect(sent.text).not.toContain('secret');
    const batch = desk.send(`[${request(',"id":1')},${request(',"id":2')}]`);
    expect(batch.json).toMatchObject([{ error: { code: -32603 } }, { error: { code: -32603 } }]);
    expect(batch.text).not.toContain('secret');
  });

  it('a second answer is ignored', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(request(',"id":1'));
    fake.calls[0]?.ok('1');
    fake.calls[0]?.ok('2');
    const batch = desk.send(`[${request(',"id":1')},${request(',"id":2')}]`);
    fake.calls[1]?.ok('1');
    fake.calls[1]?.ok('2');
    expect(batch.replies).toEqual([]);
    fake.calls[2]?.ok('3');
    fake.calls[2]?.ok('4');
    expect(sent.replies).toHaveLength(1);
    expect(batch.replies).toHaveLength(1);
    expect(batch.json).toMatchObject([{ result: 1 }, { result: 3 }]);
  });

  it('answering within dispatch is fine, a thousand times over', () => {
    const fake = new FakeDispatch((call) => call.ok('1'));
    const desk = openDesk(fake, manifestOf('f'), { batchWindow: 1 });
    const sent = desk.send(`[${Array<string>(1000).fill(request(',"id":1')).join()}]`);
    expect(sent.json).toHaveLength(1000);
  });
});

describe('what is no request', () => {
  it.each([
    ['null', 'object'],
    ['1', 'object'],
    ['true', 'object'],
    ['"f"', 'object'],
    ['{}', '"jsonrpc"'],
    ['{"jsonrpc":"1.0","method":"f","id":1}', '"jsonrpc"'],
    ['{"jsonrpc":2.0,"method":"f","id":1}', '"jsonrpc"'],
    ['{"jsonrpc":"2.0","id":1}', '"method"'],
    ['{"jsonrpc":"2.0","method":null,"id":1}', '"method"'],
    [request(',"id":1,"params":null'), '"params"'],
    [request(',"id":1,"params":"x"'), '"params"'],
    [request(',"id":1,"params":7'), '"params"'],
    [request(',"id":true'), '"id"'],
    [request(',"id":{}'), '"id"'],
    [request(',"id":[1]'), '"id"'],
    ['{"__proto__":{"jsonrpc":"2.0","method":"f","id":1}}', '"jsonrpc"'],
  ])('%s', (body, says) => {
    const { fake, desk } = openManual();
    const { json } = desk.send(body);
    expect(json).toMatchObject({ error: { code: -32600 }, id: null });
    expect((json as { error: { message: string } }).error.message).toContain(says);
    expect(fake.calls).toHaveLength(0);
  });

  it.each(['toString', '__proto__', 'hasOwnProperty', 'rpc.', 'rpc.f', 'rpc.discover2', ''])(
    'no function is named %j',
    (name) => {
      const { desk } = openManual();
      expect(desk.send(request(',"id":1', name)).json).toMatchObject({ error: { code: -32601 }, id: 1 });
    },
  );

  it('a function may be named as a property of every object', () => {
    const { fake, desk } = openManual();
    desk.send(request(',"id":1', 'constructor'));
    expect(fake.calls).toHaveLength(1);
  });

  it('a megabyte of method name does not come back', () => {
    const { desk } = openManual();
    expect(desk.send(request(',"id":1', 'x'.repeat(1e6))).text?.length).toBeLessThan(1000);
  });

  it('bytes that are not UTF-8 are a parse error', () => {
    const { desk } = openManual();
    const body = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","method":"f","id":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
    expect(desk.send(body).json).toMatchObject({ error: { code: -32700 }, id: null });
  });
});

describe('whatever comes', () => {
  const member = fc.tuple(
    fc.constantFrom('"jsonrpc"', '"method"', '"params"', '"id"', '"\\u0069d"', '"__proto__"', '"x"'),
    fc.oneof(fc.constantFrom('"2.0"', '"f"', '"nope"', '"rpc.discover"'), valueText),
  );
  const object = fc
    .array(member, { maxLength: 6 })
    .map((members) => `{${members.map((parts) => parts.join(':')).join()}}`);
  const body = fc.oneof(
    object,
    fc.array(fc.oneof(object, valueText), { maxLength: 5 }).map((entries) => `[${entries.join()}]`),
    valueText,
    fc.string(),
  );

  it('gets one reply, of JSON-RPC and nothing else', () => {
    const fake = new FakeDispatch((call) => call.ok(call.request.params ?? 'null'));
    const desk = openDesk(fake, manifestOf('f'));
    fc.assert(
      fc.property(body, (text) => {
        const { replies } = desk.send(text);
        expect(replies).toHaveLength(1);
        if (replies[0] === undefined) return;
        const answers = JSON.parse(replies[0]) as Record<string, unknown> | Record<string, unknown>[];
        for (const answer of Array.isArray(answers) ? answers : [answers]) {
          const keys = 'error' in answer ? ['error', 'id', 'jsonrpc'] : ['id', 'jsonrpc', 'result'];
          expect(Object.keys(answer).sort()).toEqual(keys);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
