import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { functionError, timeout } from '../../../src/errors.ts';
import { FakeDispatch, POOL_REPORT } from '../../fakes/dispatch.ts';
import { numberText, stringText, structureText } from '../../support/json-text.ts';
import { openDesk, openManual, request } from '../../support/rpc.ts';

describe('a single call', () => {
  it('hands dispatch the raw params, and answers with the raw result under the raw id', () => {
    const cases = fc.tuple(fc.oneof(numberText, stringText), structureText, structureText);
    fc.assert(
      fc.property(cases, ([id, params, result]) => {
        const { fake, desk } = openManual();
        const sent = desk.send(request(`,"id":${id},"params":${params}`));
        expect(fake.calls.map((call) => call.request.params)).toEqual([params]);
        expect(sent.replies).toEqual([]);
        fake.calls[0]?.ok(result);
        expect(sent.replies).toEqual([`{"jsonrpc":"2.0","result":${result},"id":${id}}`]);
      }),
    );
  });

  it('without params hands over none', () => {
    const { fake, desk } = openManual();
    desk.send(request(',"id":1'));
    expect(fake.calls[0]?.request.params).toBeUndefined();
  });

  it('passes on what is not ASCII as it is, in strings and in bytes that are no text at all', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(request(',"id":"ключ","params":["日本"]'));
    expect(fake.calls[0]?.request.params).toBe('["日本"]');
    fake.calls[0]?.ok('"žluť 🐎"');
    expect(sent.text).toBe('{"jsonrpc":"2.0","result":"žluť 🐎","id":"ключ"}');

    const odd = desk.send(request(',"id":1'));
    // textOf compares the length of the bytes with what the reply says.
    fake.calls[1]?.ok(Buffer.from([0x22, 0xff, 0xfe, 0x22]));
    expect(odd.text).toContain('"result":"');
  });

  it('leaves a large result in its buffer', () => {
    const { fake, desk } = openManual();
    const large = Buffer.from(JSON.stringify('x'.repeat(100_000)));
    let pieces: unknown;
    desk.protocol.handle(
      Buffer.from(request(',"id":1')),
      { timeoutMs: undefined, backend: undefined },
      (reply) => {
        pieces = reply?.pieces;
      },
    );
    fake.calls[0]?.ok(large);
    expect(pieces).toHaveLength(3);
    const json = (pieces as unknown[])[1] as Buffer;
    expect(json.length).toBe(large.length);
    // FakeDispatch copies once; nothing after it does.
    expect(json.equals(large)).toBe(true);
  });

  it('reports where it ran', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(request(',"id":1'));
    fake.calls[0]?.ok('1');
    expect(sent.report).toEqual(POOL_REPORT);
    const failing = desk.send(request(',"id":1'));
    fake.calls[1]?.answer({ ok: false, error: timeout(5, true), report: POOL_REPORT });
    expect(failing.report).toEqual(POOL_REPORT);
    expect(desk.send('{').report).toBeUndefined();
  });

  it('a result over the limit gets TooLarge', () => {
    const { fake, desk } = openManual({ maxBodyBytes: 100 });
    const sent = desk.send(request(',"id":1'));
    fake.calls[0]?.ok(JSON.stringify('x'.repeat(99)));
    expect(sent.json).toMatchObject({ error: { code: -32007, data: { limitBytes: 100 } }, id: 1 });
    const fits = desk.send(request(',"id":1'));
    fake.calls[1]?.ok(JSON.stringify('x'.repeat(98)));
    expect(fits.json).toMatchObject({ result: 'x'.repeat(98) });
  });

  it('an empty result is a fault of its worker', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(request(',"id":1'));
    fake.calls[0]?.ok('');
    expect(sent.json).toMatchObject({ error: { code: -32603 } });
    expect(desk.onBadResult).toHaveBeenCalledExactlyOnceWith('w1');
  });

  it('keeps code, message and data of every error, and tells nothing else', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(request(',"id":1'));
    const error = functionError({ name: 'Oops', message: 'außer\u2028 "sich"', code: 42, data: { a: [1] } });
    fake.calls[0]?.answer({ ok: false, error, report: POOL_REPORT });
    expect(sent.json).toEqual({
      jsonrpc: '2.0',
      error: { code: 42, message: 'außer\u2028 "sich"', data: { a: [1] } },
      id: 1,
    });
  });

  it('data that can not be written is left out', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(request(',"id":1'));
    fake.calls[0]?.answer({
      ok: false,
      error: { name: 'Timeout', code: 7, message: 'm', data: 1n },
      report: POOL_REPORT,
    });
    expect(sent.json).toEqual({ jsonrpc: '2.0', error: { code: 7, message: 'm' }, id: 1 });
  });
});

describe('notifications', () => {
  it('are dispatched, and have no answer whatever becomes of them', () => {
    const { fake, desk } = openManual();
    const good = desk.send(request());
    expect(good.replies).toEqual([]);
    fake.calls[0]?.ok('1');
    expect(good.replies).toEqual([undefined]);
    const bad = desk.send(request());
    fake.calls[1]?.answer({ ok: false, error: timeout(1, true), report: POOL_REPORT });
    expect(bad.replies).toEqual([undefined]);
  });

  it('are not given up when their client leaves', () => {
    const { fake, desk } = openManual();
    desk.send(request()).pending.cancel();
    desk.send(`[${request()},${request(',"id":1')}]`).pending.cancel();
    expect(fake.calls.map((call) => call.cancel.mock.calls.length)).toEqual([0, 0, 1]);
  });
});

describe('cancel', () => {
  it('gives up a pending call once, and nothing after its answer', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(request(',"id":1'));
    sent.pending.cancel();
    sent.pending.cancel();
    expect(fake.calls[0]?.cancel).toHaveBeenCalledTimes(1);
    fake.calls[0]?.ok('1');
    expect(sent.replies).toEqual([]);

    const answered = desk.send(request(',"id":1'));
    fake.calls[1]?.ok('1');
    answered.pending.cancel();
    expect(fake.calls[1]?.cancel).not.toHaveBeenCalled();
    desk.send('{').pending.cancel();
  });
});

describe('before the functions are known, and at the end', () => {
  it('calls are told to come back', () => {
    const desk = openDesk(new FakeDispatch(), undefined);
    for (const method of ['f', 'rpc.discover']) {
      const { json } = desk.send(request(',"id":1', method));
      expect(json).toMatchObject({ error: { code: -32001, data: { retryAfterMs: 1000 } }, id: 1 });
      expect((json as { error: { message: string } }).error.message).toMatch(/^starting: /);
    }
    expect(desk.send(request(',"id":1', 'rpc.x')).json).toMatchObject({ error: { code: -32601 } });
  });

  it('calls get ShuttingDown, those under way go on', () => {
    const { fake, desk } = openManual();
    const before = desk.send(request(',"id":1'));
    desk.protocol.stop();
    expect(desk.send(request(',"id":2')).json).toMatchObject({ error: { code: -32005 }, id: 2 });
    fake.calls[0]?.ok('1');
    expect(before.json).toMatchObject({ result: 1 });
    expect(fake.calls).toHaveLength(1);
  });
});

describe('the headers of a call', () => {
  it.each([
    ['f', undefined, 30_000],
    ['f', '100', 100],
    ['f', '30001', 30_000],
    ['f', '9'.repeat(400), 30_000],
    ['quick', undefined, 50],
    ['quick', '49', 49],
    ['quick', '51', 50],
  ])('%s with spillway-timeout-ms %s has %d ms', (method, timeoutMs, expected) => {
    const { fake, desk } = openManual();
    desk.send(request(',"id":1', method), { timeoutMs });
    expect(fake.calls[0]?.request.timeoutMs).toBe(expected);
  });

  it.each(['0', '-1', '1.5', '1e3', '', 'soon', '100, 200', ' 5'])(
    'spillway-timeout-ms: %j is refused',
    (timeoutMs) => {
      const { fake, desk } = openManual();
      const { json } = desk.send(request(',"id":1'), { timeoutMs });
      expect(json).toMatchObject({ error: { code: -32600 }, id: 1 });
      const { message } = (json as { error: { message: string } }).error;
      expect(message).toContain('spillway-timeout-ms');
      expect(message).toContain(JSON.stringify(timeoutMs));
      expect(fake.calls).toHaveLength(0);
    },
  );

  it('a fault concerns every entry of a batch, and no notification', () => {
    const { fake, desk } = openManual();
    const sent = desk.send(`[${request(',"id":1')},${request()},{}]`, { timeoutMs: 'x' });
    expect(sent.json).toMatchObject([
      { error: { code: -32600 }, id: 1 },
      { error: { code: -32600 }, id: null },
    ]);
    expect(fake.calls).toHaveLength(0);
    expect(desk.send(request(), { timeoutMs: 'x' }).replies).toEqual([undefined]);
  });

  it('the place can be forced where that is allowed', () => {
    const { fake, desk } = openManual({ backendChoice: true });
    desk.send(request(',"id":1'), { backend: 'pool' });
    desk.send(request(',"id":1'), { backend: 'cloud' });
    desk.send(request(',"id":1'));
    expect(fake.calls.map((call) => call.request.backend)).toEqual(['pool', 'cloud', undefined]);
    expect(fake.calls[2]?.request).not.toHaveProperty('backend');
    expect(desk.send(request(',"id":1'), { backend: 'moon' }).text).toContain('send pool or cloud');
  });

  it('and nowhere else', () => {
    const { fake, desk } = openManual();
    expect(desk.send(request(',"id":1'), { backend: 'pool' }).text).toContain('SPILLWAY_BACKEND_CHOICE=true');
    expect(fake.calls).toHaveLength(0);
  });

  it('the deadline counts from arrival', () => {
    const { fake, desk } = openManual();
    const before = performance.now();
    desk.send(request(',"id":1'));
    const arrivedAt = fake.calls[0]?.request.arrivedAt ?? 0;
    expect(arrivedAt).toBeGreaterThanOrEqual(before);
    expect(arrivedAt).toBeLessThanOrEqual(performance.now());
  });
});
