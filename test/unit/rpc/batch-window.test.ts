import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { timeout } from '../../../src/errors.ts';
import type { FunctionSpec } from '../../../src/functions/manifest.ts';
import { POOL_REPORT } from '../../fakes/dispatch.ts';
import { call, calls, fakeTimers, openBatching, summary } from '../../support/rpc.ts';

fakeTimers();

describe('the window', () => {
  it('holds so many calls at once; an answer makes room for the next', () => {
    const { fake, desk } = openBatching({ batchWindow: 2 });
    const sent = desk.send(calls(5));
    expect(fake.calls).toHaveLength(2);
    fake.calls[1]?.ok('"b"');
    expect(fake.calls).toHaveLength(3);
    fake.calls[0]?.ok('"a"');
    fake.calls[2]?.ok('"c"');
    expect(fake.calls).toHaveLength(5);
    expect(sent.replies).toEqual([]);
    fake.calls[4]?.ok('"e"');
    fake.calls[3]?.ok('"d"');
    expect(summary(sent.json)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
      [3, 'd'],
      [4, 'e'],
    ]);
  });

  it('is never exceeded, and every entry is answered in its order, whatever the order of answers', () => {
    const cases = fc.record({
      window: fc.integer({ min: 1, max: 6 }),
      kinds: fc.array(fc.constantFrom('call', 'notification', 'invalid', 'unknown'), {
        minLength: 1,
        maxLength: 20,
      }),
      order: fc.infiniteStream(fc.nat()),
      full: fc.infiniteStream(fc.boolean()),
    });
    fc.assert(
      fc.property(cases, ({ window, kinds, order, full }) => {
        const holdsBack = (): boolean => full.next().value === true;
        const { fake, desk } = openBatching({ batchWindow: window }, { holdsBack });
        const texts = kinds.map((kind, id) => {
          return { call: call(id), notification: call(undefined), invalid: '{}', unknown: call(id, 'nope') }[
            kind
          ];
        });
        const sent = desk.send(`[${texts.join()}]`);
        const open_ = new Set<number>();
        let seen = 0;
        for (;;) {
          while (seen < fake.calls.length) open_.add(seen++);
          expect(open_.size).toBeLessThanOrEqual(window);
          const [next] = [...open_].slice(Number(order.next().value) % Math.max(1, open_.size));
          if (next === undefined) break;
          open_.delete(next);
          fake.calls[next]?.ok('"r"');
        }
        const expected = kinds.flatMap((kind, id) => {
          if (kind === 'notification') return [];
          return [[kind === 'invalid' ? null : id, { call: 'r', invalid: -32600, unknown: -32601 }[kind]]];
        });
        if (expected.length === 0) expect(sent.replies).toEqual([undefined]);
        else expect(summary(sent.json)).toEqual(expected);
      }),
    );
  });

  it('has no more room after an answer that came twice', () => {
    const { fake, desk } = openBatching({ batchWindow: 1 });
    const sent = desk.send(calls(3));
    fake.calls[0]?.ok('0');
    fake.calls[0]?.ok('0');
    expect(fake.calls).toHaveLength(2);
    fake.calls[1]?.ok('1');
    fake.calls[2]?.ok('2');
    expect(sent.replies).toHaveLength(1);
  });

  it('is one batch’s own', () => {
    const { fake, desk } = openBatching({ batchWindow: 2 });
    desk.send(calls(3));
    desk.send(calls(3));
    expect(fake.calls).toHaveLength(4);
    for (let i = 0; i < 6; i++) fake.calls[i]?.ok('1');
  });
});

describe('calls that would only stand in line', () => {
  it('stay in their batch but for two, until dispatch has room; it is told how many there are', () => {
    let full = true;
    const holdsBack = vi.fn((_spec: FunctionSpec, _count: number) => full);
    const { fake, desk } = openBatching({ batchWindow: 9 }, { holdsBack });
    const sent = desk.send(calls(8));
    expect(fake.calls).toHaveLength(2);
    expect(holdsBack.mock.calls.map(([{ name }, count]) => [name, count])).toEqual([['f', 6]]);
    fake.calls[0]?.ok('0');
    expect(fake.calls).toHaveLength(3);
    full = false;
    fake.calls[1]?.ok('1');
    expect(fake.calls).toHaveLength(8);
    for (const one of fake.calls) one.ok('2');
    expect(sent.replies).toHaveLength(1);
  });

  it('are placed all the same where the client has said where', () => {
    const { fake, desk } = openBatching({ backendChoice: true }, { holdsBack: () => true });
    desk.send(calls(5), { backend: 'cloud' });
    expect(fake.calls).toHaveLength(5);
    for (const one of fake.calls) one.ok('1');
  });

  it('are placed where their batch calls others too, which may be long', () => {
    const { fake, desk } = openBatching({}, { holdsBack: () => true });
    desk.send(`[${call(0)},${call(1)},${call(2)},${call(3, 'slow')}]`);
    expect(fake.calls).toHaveLength(4);
    for (const one of fake.calls) one.ok('1');
  });

  it('are placed after 20 ms without an answer, whatever dispatch says', () => {
    const holdsBack = vi.fn(() => true);
    const { fake, desk } = openBatching({}, { holdsBack });
    const sent = desk.send(calls(8));
    vi.advanceTimersByTime(19);
    fake.calls[0]?.ok('1');
    vi.advanceTimersByTime(19);
    expect(fake.calls).toHaveLength(3);
    vi.advanceTimersByTime(2);
    expect(fake.calls).toHaveLength(8);
    for (const one of fake.calls.slice(1)) one.ok('1');
    expect(sent.replies).toHaveLength(1);
  });

  it('are placed after 100 ms in any case', () => {
    const { fake, desk } = openBatching({}, { holdsBack: () => true });
    const sent = desk.send(calls(50));
    for (let i = 0; i < 9; i++) {
      vi.advanceTimersByTime(11);
      fake.calls[i]?.ok('1');
      expect(fake.calls).toHaveLength(i + 3);
    }
    vi.advanceTimersByTime(2);
    expect(fake.calls).toHaveLength(50);
    for (const one of fake.calls) one.ok('1');
    expect(sent.replies).toHaveLength(1);
  });

  it('end at their deadlines there', () => {
    const { fake, desk } = openBatching({ timeoutMs: 5000 }, { holdsBack: () => true });
    const sent = desk.send(`[${call(0)},${call(1)},${call(2)},${call(3)}]`, { timeoutMs: '10' });
    vi.advanceTimersByTime(11);
    fake.calls[0]?.ok('0');
    fake.calls[1]?.ok('1');
    expect(fake.calls).toHaveLength(2);
    const late = { error: { code: timeout(10, false).code } };
    expect(sent.json).toMatchObject([{ result: 0 }, { result: 1 }, late, late]);
  });
});

describe('deadlines of entries that wait inside', () => {
  it('start on arrival, and end a call that was never handed over', () => {
    const { fake, desk } = openBatching({ batchWindow: 1, timeoutMs: 5000 });
    const sent = desk.send(`[${call(0)},${call(1, 'slow')},${call(2, 'quick')},${call(3)}]`);
    vi.advanceTimersByTime(99);
    expect(fake.calls).toHaveLength(1);
    vi.advanceTimersByTime(2);
    vi.advanceTimersByTime(900);
    fake.calls[0]?.ok('0');
    // quick and slow have passed their deadlines; the last one has its own.
    expect(fake.calls.map((entry) => entry.method)).toEqual(['f', 'f']);
    expect(fake.calls[1]?.request.arrivedAt).toBe(fake.calls[0]?.request.arrivedAt);
    fake.calls[1]?.ok('3');
    expect(summary(sent.json)).toEqual([
      [0, 0],
      [1, -32002],
      [2, -32002],
      [3, 3],
    ]);
    expect(sent.json).toMatchObject([
      {},
      { error: { data: { timeoutMs: 1000, mayHaveRun: false } } },
      { error: { data: { timeoutMs: 100, mayHaveRun: false } } },
      {},
    ]);
  });

  it('are shortened by the header', () => {
    const { fake, desk } = openBatching({ batchWindow: 1 });
    const sent = desk.send(calls(2), { timeoutMs: '10' });
    vi.advanceTimersByTime(11);
    expect(sent.replies).toEqual([]);
    fake.calls[0]?.answer({ ok: false, error: timeout(10, true), report: POOL_REPORT });
    expect(sent.json).toMatchObject([
      { error: { data: { timeoutMs: 10, mayHaveRun: true } } },
      { error: { data: { timeoutMs: 10, mayHaveRun: false } } },
    ]);
  });

  it('end a waiting entry that comes up too late', () => {
    const { fake, desk } = openBatching({ batchWindow: 1 });
    const sent = desk.send(calls(2, 'quick'));
    // The clock has moved on, but the timer hasn't come round yet, as on a busy event loop.
    vi.setTimerTickMode('manual');
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 150);
    fake.calls[0]?.ok('0');
    vi.restoreAllMocks();
    expect(summary(sent.json)).toEqual([
      [0, 0],
      [1, -32002],
    ]);
  });

  it('leave no timer behind, whatever ends the wait', () => {
    const { fake, desk } = openBatching({ batchWindow: 1 });
    desk.send(calls(2));
    expect(vi.getTimerCount()).toBe(1);
    fake.calls[0]?.ok('0');
    expect(vi.getTimerCount()).toBe(0);
    fake.calls[1]?.ok('0');

    const { pending } = desk.send(calls(2));
    expect(vi.getTimerCount()).toBe(1);
    pending.cancel();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('cancel', () => {
  it('gives up what is with dispatch, once, and hands nothing more over', () => {
    const { fake, desk } = openBatching({ batchWindow: 2 });
    const sent = desk.send(calls(4));
    fake.calls[0]?.ok('0');
    sent.pending.cancel();
    sent.pending.cancel();
    expect(fake.calls.map((entry) => entry.cancel.mock.calls.length)).toEqual([0, 1, 1]);
    fake.calls[1]?.ok('late');
    fake.calls[2]?.ok('late');
    expect(fake.calls).toHaveLength(3);
    expect(sent.replies).toEqual([]);
  });

  it('still hands over the notifications', () => {
    const { fake, desk } = openBatching({ batchWindow: 1 });
    const sent = desk.send(`[${call(0)},${call(undefined, 'quick')},${call(1)},${call(undefined, 'slow')}]`);
    sent.pending.cancel();
    expect(fake.calls.map((entry) => entry.method)).toEqual(['f', 'quick']);
    fake.calls[1]?.ok('1');
    expect(fake.calls.map((entry) => entry.method)).toEqual(['f', 'quick', 'slow']);
    fake.calls[2]?.ok('1');
    expect(sent.replies).toEqual([]);
  });
});
