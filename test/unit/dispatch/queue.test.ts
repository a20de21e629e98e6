import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Queue } from '../../../src/dispatch/queue.ts';
import { call, names, SLOTS, type Call } from './queue-rig.ts';

/** Some time, where it makes no difference. */
const NOW = 10;

describe('Queue', () => {
  it('tries the first of each concurrency, in the order in which they joined', () => {
    const queue = new Queue<Call>(10);
    for (const waiting of [call('a', 3), call('b', 4), call('c', 1, 100), call('d', 2, 3), call('e', 5, 3)]) {
      expect(queue.push(waiting, waiting.arrivedAt, SLOTS)).toBeUndefined();
    }
    expect(names(queue.next(NOW))).toEqual(['c', 'd', 'a']);
    expect(queue.size).toBe(5);
  });

  it('tries those that were placed before first, all of them, oldest first', () => {
    const queue = new Queue<Call>(10);
    queue.push(call('a', 1), NOW, SLOTS);
    queue.pushRetry(call('z', 9));
    queue.pushRetry(call('y', 8));
    expect(names(queue.next(NOW))).toEqual(['z', 'y', 'a']);
  });

  it('lets no more wait than its limit, but those on top that were admitted before', () => {
    const queue = new Queue<Call>(2);
    const [a, b, c] = [call('a', 1), call('b', 2, 3), call('c', 3)];
    expect([queue.push(a, NOW, SLOTS), queue.push(b, NOW, SLOTS), queue.push(c, NOW, SLOTS)]).toEqual([
      undefined,
      undefined,
      'queue full',
    ]);
    queue.pushRetry(call('r', 0));
    expect(queue.size).toBe(3);
    queue.remove(b);
    expect(queue.push(c, NOW, SLOTS)).toBeUndefined();
    expect(new Queue<Call>(0).push(a, NOW, SLOTS)).toBe('queue full');
  });

  it('tells which concurrency waits, with those placed before and without', () => {
    const queue = new Queue<Call>(10);
    const [a, r] = [call('a', 1, 3), call('r', 2, 7)];
    queue.push(a, NOW, SLOTS);
    queue.pushRetry(r);
    expect([3, 7, 1].map((concurrency) => queue.hasWaiting(concurrency))).toEqual([true, true, false]);
    expect([3, 7, 1].map((concurrency) => queue.hasLine(concurrency))).toEqual([true, false, false]);
    queue.remove(a);
    queue.remove(r);
    expect([3, 7].map((concurrency) => queue.hasWaiting(concurrency))).toEqual([false, false]);
  });

  it('bears the removal of what isn’t in it', () => {
    const queue = new Queue<Call>(10);
    const a = call('a', 1);
    queue.push(a, NOW, SLOTS);
    queue.remove(call('a', 1));
    expect(queue.size).toBe(1);
    queue.remove(a);
    queue.remove(a);
    expect(queue.size).toBe(0);
  });

  it('lets no call wait that comes too late for the work that waits', () => {
    const queue = new Queue<Call>(10);
    const work = { expectedMs: 100 };
    for (let i = 0; i < 4; i += 1) expect(queue.push(call('a', 0, 1, work), 0, SLOTS)).toBeUndefined();
    // Two slots have 200 ms of work each.
    expect(queue.push(call('b', 0, 1, { deadlineAt: 199 }), 0, SLOTS)).toBe('queue too long');
    expect(queue.push(call('b', 0, 1, { deadlineAt: 199 }), 0, 3)).toBeUndefined();
    expect(queue.push(call('c', 0, 1, { deadlineAt: 200 }), 0, SLOTS)).toBeUndefined();
    // Whose time is over waits for being told so; and without slots nobody knows.
    expect(queue.push(call('d', 0, 1, { deadlineAt: 0 }), 0, SLOTS)).toBeUndefined();
    expect(queue.push(call('e', 0, 1, { deadlineAt: 1 }), 0, 0)).toBeUndefined();
  });

  it('counts a call’s own run as well, where it is known', () => {
    const queue = new Queue<Call>(10);
    for (let i = 0; i < 4; i += 1) queue.push(call('a', 0, 1, { expectedMs: 100 }), 0, SLOTS);
    expect(queue.push(call('b', 0, 4, { expectedMs: 25, deadlineAt: 299 }), 0, SLOTS)).toBe('queue too long');
    expect(queue.push(call('b', 0, 4, { expectedMs: 25, deadlineAt: 300 }), 0, SLOTS)).toBeUndefined();
    // The first in line is given its chance: nobody knows when a slot will be free.
    expect(new Queue<Call>(10).push(call('c', 0, 1, { expectedMs: 100, deadlineAt: 1 }), 0, SLOTS)).toBe(
      undefined,
    );
  });

  it('forgets the work of a call that leaves, as it was when the call came', () => {
    const queue = new Queue<Call>(10);
    const changing = { ...call('a', 0), expectedMs: 1000 };
    queue.push(changing, 0, 1);
    const keeps = call('b', 0, 1, { expectedMs: 10 });
    queue.push(keeps, 0, 1);
    changing.expectedMs = 5;
    queue.remove(changing);
    expect(queue.push(call('c', 0, 1, { deadlineAt: 9 }), 0, 1)).toBe('queue too long');
    expect(queue.push(call('c', 0, 1, { deadlineAt: 10 }), 0, 1)).toBeUndefined();
  });

  it('keeps no more params than memory bears, but any one', () => {
    const queue = new Queue<Call>(10);
    const large = (): Call => call('a', 0, 1, { characters: 100 * 1024 * 1024 });
    const first = large();
    expect([queue.push(first, NOW, SLOTS), queue.push(large(), NOW, SLOTS)]).toEqual([
      undefined,
      'queue full',
    ]);
    expect(queue.push(call('small', 0), NOW, SLOTS)).toBeUndefined();
    queue.remove(first);
    expect(queue.push(large(), NOW, SLOTS)).toBeUndefined();
  });

  it('knows when a call can’t be done any more, unless it has run before', () => {
    const queue = new Queue<Call>(10);
    const [fresh, retry] = [0, 1].map((i) => call(String(i), 0, 1, { deadlineAt: 1000, leastMs: 80 }));
    queue.push(fresh!, 0, SLOTS);
    queue.pushRetry(retry!);
    expect([919, 920, 1000].map((now) => queue.tooLate(fresh!, now))).toEqual([false, true, true]);
    expect([920, 999, 1000].map((now) => queue.tooLate(retry!, now))).toEqual([false, false, true]);
  });

  it('is first come, first served for each concurrency, whatever is removed', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ push: fc.constantFrom(1, 3, 100), retry: fc.boolean() }),
        fc.record({ remove: fc.nat(100) }),
      ),
    );
    fc.assert(
      fc.property(steps, fc.nat(12), (all, limit) => {
        const queue = new Queue<Call>(limit);
        let fresh: Call[] = [];
        let retries: Call[] = [];
        let now = 0;
        for (const step of all) {
          now += 1;
          if ('push' in step) {
            const waiting = call(String(now), now, step.push);
            if (step.retry) {
              queue.pushRetry(waiting);
              retries.push(waiting);
            } else {
              expect(queue.push(waiting, now, SLOTS)).toBe(fresh.length < limit ? undefined : 'queue full');
              if (fresh.length < limit) fresh.push(waiting);
            }
          } else {
            const there = [...retries, ...fresh];
            const gone = there[step.remove % Math.max(1, there.length)];
            if (gone !== undefined) queue.remove(gone);
            fresh = fresh.filter((other) => other !== gone);
            retries = retries.filter((other) => other !== gone);
          }
          const heads = fresh.filter(
            (one) => fresh.find(({ concurrency }) => concurrency === one.concurrency) === one,
          );
          expect(queue.next(NOW)).toEqual([...retries, ...heads]);
          expect(queue.first(5)).toEqual([...retries, ...fresh].slice(0, 5));
          expect(queue.size).toBe(fresh.length + retries.length);
        }
      }),
    );
  });
});
