import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Queue } from '../../../src/dispatch/queue.ts';
import { call, names, SLOTS, type Call } from './queue-rig.ts';

describe('a call with large params', () => {
  const LARGE = { characters: 256 * 1024 };
  const QUICK = { expectedMs: 0.1 };

  /** Serves the first call again and again. @returns the names, in that order */
  function serveAll(queue: Queue<Call>, now: number): string[] {
    const order: string[] = [];
    for (let [head] = queue.next(now); head !== undefined; [head] = queue.next(now)) {
      order.push(head.name);
      queue.serve(head);
    }
    expect(queue.size).toBe(0);
    return order;
  }

  /** These wait, each since it came. */
  function filled(...calls: Call[]): Queue<Call> {
    const queue = new Queue<Call>(100);
    for (const waiting of calls) expect(queue.push(waiting, waiting.arrivedAt, SLOTS)).toBeUndefined();
    return queue;
  }

  it('lets quick calls pass that come soon after, and none later', () => {
    const queue = filled(
      call('large', 100, 1, LARGE),
      call('another', 101, 1, LARGE),
      call('soon', 120, 1, QUICK),
      call('later', 120.1, 1, QUICK),
      call('late', 122, 1, QUICK),
    );
    const order = ['soon', 'large', 'later', 'another', 'late'];
    expect(names(queue.first(9))).toEqual(order);
    expect(names(queue.first(2))).toEqual(['soon', 'large']);
    expect(serveAll(queue, 123)).toEqual(order);
  });

  it('lets none pass that may be much work, nor those behind it', () => {
    const queue = filled(call('large', 0, 1, LARGE), call('unknown', 1), call('quick', 2, 1, QUICK));
    expect(serveAll(queue, 10)).toEqual(['large', 'unknown', 'quick']);
  });

  it('lets as much work pass as it is worth, however it comes', () => {
    const passing = Array.from({ length: 9 }, (_, i) => call(String(i), 1 + i, 1, { expectedMs: 5 }));
    const queue = filled(call('large', 0, 1, LARGE), ...passing);
    const order = ['0', '1', '2', '3', 'large', '4', '5', '6', '7', '8'];
    expect(names(queue.first(10))).toEqual(order);
    expect(serveAll(queue, 10)).toEqual(order);
    // Those that left the line unserved were in its way as well.
    const other = filled(call('large', 0, 1, LARGE), ...passing);
    for (let i = 0; i < 2; i++) other.remove(other.next(9)[0]!);
    expect(names(other.first(20))).toEqual(['2', '3', 'large', '4', '5', '6', '7', '8']);
  });

  it('comes in its turn among calls of another concurrency, which don’t pass', () => {
    const queue = filled(
      call('large', 100, 1, LARGE),
      call('other', 101, 4, QUICK),
      call('soon', 102, 1, QUICK),
      call('last', 103, 4),
    );
    expect(names(queue.next(120))).toEqual(['other', 'soon']);
    expect(names(queue.first(9))).toEqual(['other', 'soon', 'large', 'last']);
  });

  it('doesn’t wait for those that join the line after it, however long they have been here', () => {
    const queue = filled(call('large', 100, 1, LARGE));
    queue.push(call('of a batch', 50), 101, SLOTS);
    expect(serveAll(queue, 110)).toEqual(['large', 'of a batch']);
  });

  it('counts the work of those that pass as it is known then', () => {
    const queue = filled(call('large', 100, 1, LARGE));
    const passing = [1, 2, 3].map((i) => ({ ...call(String(i), 100 + i), expectedMs: 0 }));
    for (const one of passing) queue.push(one, one.arrivedAt, SLOTS);
    for (const one of passing) one.expectedMs = 15;
    expect(names(queue.first(9))).toEqual(['1', 'large', '2', '3']);
    expect(serveAll(queue, 110)).toEqual(['1', 'large', '2', '3']);
  });

  it('has waited since it came, whoever passes it', () => {
    const queue = filled(call('large', 0, 1, { expectedMs: 10, ...LARGE }), call('small', 19, 1, QUICK));
    queue.next(50);
    for (let i = 0; i < 2; i++) queue.failed(call('refused', 51));
    expect(names(queue.next(549))).toEqual(['small']);
    queue.next(550);
    expect(queue.overloaded).toBe(true);
  });

  it('is the newest under overload like any other', () => {
    const queue = filled(
      call('small', 1, 1, { expectedMs: 20 }),
      call('large', 2, 1, { expectedMs: 20, ...LARGE }),
      call('last', 3, 1, { expectedMs: 20 }),
    );
    queue.next(101);
    for (let i = 0; i < 2; i++) queue.failed(call('refused', 102));
    expect(names(queue.next(601))).toEqual(['last']);
    expect(names(queue.first(9))).toEqual(['last', 'large', 'small']);
  });

  it('is told in advance in the order in which it comes, whatever is removed', () => {
    const waiting = fc.record({
      large: fc.boolean(),
      afterMs: fc.constantFrom(0, 1, 9, 21),
      expectedMs: fc.constantFrom(undefined, 0.1, 7, 19, 30),
      remove: fc.boolean(),
    });
    const isLarge = ({ characters }: Call): boolean => characters > 0;
    fc.assert(
      fc.property(fc.array(waiting, { maxLength: 30 }), (all) => {
        const queue = new Queue<Call>(100);
        const calls: Call[] = [];
        let now = 0;
        for (const { large, afterMs, expectedMs, remove } of all) {
          now += afterMs;
          const is = { expectedMs, ...(large && LARGE), deadlineAt: 1e9 };
          const one = call(`${calls.length} of ${now}`, now, 1, is);
          queue.push(one, now, SLOTS);
          if (remove) queue.remove(one);
          else calls.push(one);
        }
        const told = queue.first(Infinity);
        expect(names(told)).toEqual(serveAll(queue, now));
        for (const kind of [true, false]) {
          const alike = (one: Call): boolean => isLarge(one) === kind;
          expect(told.filter(alike)).toEqual(calls.filter(alike));
        }
        for (const [at, large] of told.entries()) {
          if (!isLarge(large)) continue;
          const passed = told
            .slice(0, at)
            .filter((one) => !isLarge(one) && calls.indexOf(one) > calls.indexOf(large));
          for (const one of passed) expect(one.arrivedAt - large.arrivedAt).toBeLessThanOrEqual(20);
        }
      }),
    );
  });
});
