import { describe, expect, it } from 'vitest';
import { POOL_REPORT } from '../../fakes/dispatch.ts';
import { calls, fakeTimers, openBatching, summary } from '../../support/rpc.ts';

fakeTimers();

describe('what a batch may hold', () => {
  it('gets TooLarge for what comes after the limit, and runs nothing more', () => {
    const { fake, desk } = openBatching({ batchWindow: 2, maxBodyBytes: 200 });
    const sent = desk.send(calls(4));
    fake.calls[1]?.ok(JSON.stringify('x'.repeat(100)));
    expect(fake.calls).toHaveLength(3);
    fake.calls[0]?.ok(JSON.stringify('y'.repeat(100)));
    // The fourth isn't handed over any more. The third was, and even a small result of it is one too many.
    expect(fake.calls).toHaveLength(3);
    fake.calls[2]?.ok('1');
    expect(summary(sent.json)).toEqual([
      [0, -32007],
      [1, 'x'.repeat(100)],
      [2, -32007],
      [3, -32007],
    ]);
    expect(sent.json).toMatchObject([
      { error: { data: { limitBytes: 200 } } },
      {},
      { error: { message: expect.stringContaining('result') as string } },
      { error: { message: expect.stringMatching(/^Not run: /) as string } },
    ]);
  });

  it('counts exactly the bytes of the reply', () => {
    const reply = '[{"jsonrpc":"2.0","result":"žluť","id":0},{"jsonrpc":"2.0","result":1,"id":1}]';
    for (const [limit, fits] of [
      [Buffer.byteLength(reply), true],
      [Buffer.byteLength(reply) - 1, false],
    ] as const) {
      const { fake, desk } = openBatching({ maxBodyBytes: limit });
      const sent = desk.send(calls(2));
      fake.calls[0]?.ok('"žluť"');
      fake.calls[1]?.ok('1');
      if (fits) expect(sent.text).toBe(reply);
      else
        expect(summary(sent.json)).toEqual([
          [0, 'žluť'],
          [1, -32007],
        ]);
    }
  });

  it('a result too large by itself leaves room for the others', () => {
    const { fake, desk } = openBatching({ maxBodyBytes: 300 });
    const sent = desk.send(calls(2));
    fake.calls[0]?.ok(JSON.stringify('x'.repeat(300)));
    fake.calls[1]?.ok('1');
    expect(summary(sent.json)).toEqual([
      [0, -32007],
      [1, 1],
    ]);
  });

  it('large results stay in their buffers, in order, between the text of the others', () => {
    const { fake, desk } = openBatching();
    const large = JSON.stringify('x'.repeat(50_000));
    const sent = desk.send(calls(4));
    fake.calls[0]?.ok(large);
    fake.calls[1]?.ok('1');
    fake.calls[2]?.ok(large);
    fake.calls[3]?.ok('2');
    const entry = (result: string, id: number): string => `{"jsonrpc":"2.0","result":${result},"id":${id}}`;
    expect(sent.text).toBe(`[${[entry(large, 0), entry('1', 1), entry(large, 2), entry('2', 3)].join()}]`);
  });
});

describe('results are checked before they share a body', () => {
  it.each([
    ['nothing', ''],
    ['two values', '1 2'],
    ['one that closes the entry', '1,"id":9},{"jsonrpc":"2.0","result":2'],
    ['half a value', '{"a":'],
    ['no JSON', 'undefined'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('%s is a fault of its worker, and of no other entry', (_name, bad) => {
    const { fake, desk } = openBatching();
    const sent = desk.send(calls(3));
    fake.calls[0]?.ok('1');
    fake.calls[1]?.ok(bad, { worker: 'w7' });
    fake.calls[2]?.ok('3');
    expect(summary(sent.json)).toEqual([
      [0, 1],
      [1, -32603],
      [2, 3],
    ]);
    expect(desk.onBadResult).toHaveBeenCalledExactlyOnceWith('w7');
  });

  it('are sound however they came, and their bytes are kept', () => {
    const { fake, desk } = openBatching();
    const sent = desk.send(calls(3));
    fake.calls[0]?.ok('{"žluť": ["\u007f", "🙂"]}');
    fake.calls[1]?.ok(Buffer.from('"žluť"'));
    fake.calls[2]?.answer({ ok: true, json: '"\xff"', report: { ...POOL_REPORT, worker: 'w7' } });
    expect(summary(sent.json)).toEqual([
      [0, { žluť: ['\u007f', '🙂'] }],
      [1, 'žluť'],
      [2, -32603],
    ]);
    expect(desk.onBadResult).toHaveBeenCalledExactlyOnceWith('w7');
  });

  it('a bad result of the cloud ejects nobody', () => {
    const { fake, desk } = openBatching();
    const sent = desk.send(calls(1));
    fake.calls[0]?.answer({
      ok: true,
      json: Buffer.from('{'),
      report: { backend: 'cloud', queueMs: 0, runMs: 1 },
    });
    expect(summary(sent.json)).toEqual([[0, -32603]]);
    expect(desk.onBadResult).not.toHaveBeenCalled();
  });
});
