import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Queue } from '../../../src/dispatch/queue.ts';

interface Call {
  readonly name: string;
  readonly concurrency: number;
  readonly arrivedAt: number;
}

function call(name: string, arrivedAt: number, concurrency = 1): Call {
  return { name, arrivedAt, concurrency };
}

const names = (calls: readonly Call[]): string[] => calls.map(({ name }) => name);

describe('Queue', () => {
  it('tries the first of each concurrency, in the order of their arrival', () => {
    const queue = new Queue<Call>(10);
    for (const waiting of [call('a', 3), call('b', 4), call('c', 1, 100), call('d', 2, 3), call('e', 5, 3)]) {
      expect(queue.push(waiting)).toBe(true);
    }
    expect(names(queue.next())).toEqual(['c', 'd', 'a']);
    expect(queue.size).toBe(5);
  });

  it('tries those that were placed before first, all of them, oldest first', () => {
    const queue = new Queue<Call>(10);
    queue.push(call('a', 1));
    queue.pushRetry(call('z', 9));
    queue.pushRetry(call('y', 8));
    expect(names(queue.next())).toEqual(['z', 'y', 'a']);
  });

  it('lets no more wait than its limit, but those on top that were admitted before', () => {
    const queue = new Queue<Call>(2);
    const [a, b, c] = [call('a', 1), call('b', 2, 3), call('c', 3)];
    expect([queue.push(a), queue.push(b), queue.push(c)]).toEqual([true, true, false]);
    queue.pushRetry(call('r', 0));
    expect(queue.size).toBe(3);
    queue.remove(b);
    expect(queue.push(c)).toBe(true);
    expect(new Queue<Call>(0).push(a)).toBe(false);
  });

  it('tells which concurrency waits, with those placed before and without', () => {
    const queue = new Queue<Call>(10);
    const [a, r] = [call('a', 1, 3), call('r', 2, 7)];
    queue.push(a);
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
    queue.push(a);
    queue.remove(call('a', 1));
    expect(queue.size).toBe(1);
    queue.remove(a);
    queue.remove(a);
    expect(queue.size).toBe(0);
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
              expect(queue.push(waiting)).toBe(fresh.length < limit);
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
          expect(queue.next()).toEqual([...retries, ...heads]);
          expect(queue.size).toBe(fresh.length + retries.length);
        }
      }),
    );
  });
});
