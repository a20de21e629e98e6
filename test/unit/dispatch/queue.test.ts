import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Queue, type Waiting } from '../../../src/dispatch/queue.ts';

interface Call extends Waiting {
  readonly name: string;
}

function call(name: string, arrivedAt: number, concurrency = 1, changes: Partial<Call> = {}): Call {
  const unknown = { deadlineAt: 30_000, expectedMs: undefined, leastMs: 0, characters: 0 };
  return { name, arrivedAt, concurrency, ...unknown, ...changes };
}

/** Some time, and some slots, where they make no difference. */
const NOW = 10;
const SLOTS = 2;

const names = (calls: readonly Call[]): string[] => calls.map(({ name }) => name);

describe('Queue', () => {
  it('tries the first of each concurrency, in the order of their arrival', () => {
    const queue = new Queue<Call>(10);
    for (const waiting of [call('a', 3), call('b', 4), call('c', 1, 100), call('d', 2, 3), call('e', 5, 3)]) {
      expect(queue.push(waiting, NOW, SLOTS)).toBe(true);
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
      true,
      true,
      false,
    ]);
    queue.pushRetry(call('r', 0));
    expect(queue.size).toBe(3);
    queue.remove(b);
    expect(queue.push(c, NOW, SLOTS)).toBe(true);
    expect(new Queue<Call>(0).push(a, NOW, SLOTS)).toBe(false);
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
    for (let i = 0; i < 4; i += 1) expect(queue.push(call('a', 0, 1, work), 0, SLOTS)).toBe(true);
    // Two slots have 200 ms of work each.
    expect(queue.push(call('b', 0, 1, { deadlineAt: 199 }), 0, SLOTS)).toBe(false);
    expect(queue.push(call('b', 0, 1, { deadlineAt: 199 }), 0, 3)).toBe(true);
    expect(queue.push(call('c', 0, 1, { deadlineAt: 200 }), 0, SLOTS)).toBe(true);
    // Whose time is over waits for being told so; and without slots nobody knows.
    expect(queue.push(call('d', 0, 1, { deadlineAt: 0 }), 0, SLOTS)).toBe(true);
    expect(queue.push(call('e', 0, 1, { deadlineAt: 1 }), 0, 0)).toBe(true);
  });

  it('counts a call’s own run as well, where it is known', () => {
    const queue = new Queue<Call>(10);
    for (let i = 0; i < 4; i += 1) queue.push(call('a', 0, 1, { expectedMs: 100 }), 0, SLOTS);
    expect(queue.push(call('b', 0, 4, { expectedMs: 25, deadlineAt: 299 }), 0, SLOTS)).toBe(false);
    expect(queue.push(call('b', 0, 4, { expectedMs: 25, deadlineAt: 300 }), 0, SLOTS)).toBe(true);
    // The first in line is given its chance: nobody knows when a slot will be free.
    expect(new Queue<Call>(10).push(call('c', 0, 1, { expectedMs: 100, deadlineAt: 1 }), 0, SLOTS)).toBe(
      true,
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
    expect(queue.push(call('c', 0, 1, { deadlineAt: 9 }), 0, 1)).toBe(false);
    expect(queue.push(call('c', 0, 1, { deadlineAt: 10 }), 0, 1)).toBe(true);
  });

  it('keeps no more params than memory bears, but any one', () => {
    const queue = new Queue<Call>(10);
    const large = (): Call => call('a', 0, 1, { characters: 100 * 1024 * 1024 });
    const first = large();
    expect([queue.push(first, NOW, SLOTS), queue.push(large(), NOW, SLOTS)]).toEqual([true, false]);
    expect(queue.push(call('small', 0), NOW, SLOTS)).toBe(true);
    queue.remove(first);
    expect(queue.push(large(), NOW, SLOTS)).toBe(true);
  });

  it('knows when a call can’t be done any more, unless it has run before', () => {
    const queue = new Queue<Call>(10);
    const [fresh, retry] = [0, 1].map((i) => call(String(i), 0, 1, { deadlineAt: 1000, leastMs: 80 }));
    queue.push(fresh!, 0, SLOTS);
    queue.pushRetry(retry!);
    expect([919, 920, 1000].map((now) => queue.tooLate(fresh!, now))).toEqual([false, true, true]);
    expect([920, 999, 1000].map((now) => queue.tooLate(retry!, now))).toEqual([false, false, true]);
  });

  describe('under overload', () => {
    /** Three calls of 20 ms each, which came at 1, 2 and 3, and one of another kind between them. */
    function overloaded(): Queue<Call> {
      const queue = new Queue<Call>(10);
      const known = { expectedMs: 20 };
      for (const at of [1, 2, 3]) queue.push(call(`a${at}`, at, 1, known), at, SLOTS);
      queue.push(call('b', 2.5, 4, { expectedMs: 5 }), 2.5, SLOTS);
      return queue;
    }

    it('tries the newest of each concurrency, the newest first, and before them what was placed before', () => {
      const queue = overloaded();
      queue.pushRetry(call('r', 0));
      // Five runs are too long a wait; for half a second nothing changes.
      for (const now of [100, 101, 400, 600.9]) expect(names(queue.next(now))).toEqual(['r', 'a1', 'b']);
      expect(queue.overloaded).toBe(false);
      expect(names(queue.next(601))).toEqual(['r', 'a3', 'b']);
      expect(queue.overloaded).toBe(true);
    });

    it('is over when the oldest has waited for a short time only', () => {
      const queue = overloaded();
      queue.next(101);
      const [newest, other] = queue.next(700);
      queue.remove(newest!);
      queue.remove(other!);
      queue.push(call('c', 650, 1, { expectedMs: 20 }), 650, SLOTS);
      for (const old of queue.next(700)) queue.remove(old); // c
      queue.push(call('d', 700, 1, { expectedMs: 20 }), 700, SLOTS);
      for (const name of ['d', 'a2', 'a1']) {
        const [head] = queue.next(720);
        expect(head?.name).toBe(name);
        queue.remove(head!);
      }
      for (const at of [730, 740]) queue.push(call(`e${at}`, at, 1, { expectedMs: 20 }), at, SLOTS);
      expect(names(queue.next(750))).toEqual(['e730']);
      expect(queue.overloaded).toBe(false);
    });

    it('isn’t seen where the delay was short in between, or where the function isn’t known', () => {
      const moving = new Queue<Call>(10);
      moving.push(call('a', 0, 1, { expectedMs: 20 }), 0, SLOTS);
      moving.next(101);
      moving.next(99);
      for (const now of [101, 600]) moving.next(now);
      expect(moving.overloaded).toBe(false);
      const unknown = new Queue<Call>(10);
      unknown.push(call('a', 0), 0, SLOTS);
      for (const now of [1000, 7499]) unknown.next(now);
      expect(unknown.overloaded).toBe(false);
    });

    it('goes on without another interval when waiting gets long again soon after', () => {
      const queue = new Queue<Call>(10);
      const [a, b, c] = [0, 600, 1600].map((at) => call(`at ${at}`, at, 1, { expectedMs: 20 }));
      queue.push(a!, 0, SLOTS);
      for (const now of [100, 600]) queue.next(now);
      expect(queue.overloaded).toBe(true);
      // All who waited in vain have left; the others have only just come.
      queue.remove(a!);
      queue.push(b!, 600, SLOTS);
      queue.next(601);
      expect(queue.overloaded).toBe(false);
      queue.next(701);
      expect(queue.overloaded).toBe(true);
      queue.remove(b!);
      queue.push(c!, 1600, SLOTS);
      queue.next(1601);
      queue.next(2101); // half a second after the end it is another one
      expect(queue.overloaded).toBe(false);
    });

    it('is seen when a quarter of a call’s time has gone, however long it may run', () => {
      for (const expectedMs of [1000, undefined]) {
        const queue = new Queue<Call>(10);
        queue.push(call('a', 0, 1, { expectedMs, deadlineAt: 2000 }), 0, SLOTS);
        for (const now of [499, 500, 1499]) queue.next(now);
        expect(queue.overloaded).toBe(false);
        queue.next(1500);
        expect(queue.overloaded).toBe(true);
      }
    });

    /** Ten milliseconds a call; every hundred `come`, and four are run. */
    function run(queue: Queue<Call>, from: number, to: number, come: number): void {
      for (let now = from; now <= to; now += 100) {
        for (let i = 0; i < come; i++)
          queue.push(call('new', now, 1, { expectedMs: 10, deadlineAt: now + 1e6 }), now, 100);
        for (let i = 0; i < 4; i++) for (const head of queue.next(now)) queue.serve(head);
      }
    }

    it('isn’t seen where no more come than are served, and is over when that is so for a while', () => {
      const queue = new Queue<Call>(1000);
      for (let i = 0; i < 20; i++) queue.push(call('old', 0, 1, { expectedMs: 10, deadlineAt: 1e6 }), 0, 100);
      run(queue, 100, 5000, 4);
      expect(queue.overloaded).toBe(false);
      run(queue, 5100, 7000, 8);
      expect(queue.overloaded).toBe(true);
      run(queue, 7100, 9000, 4);
      expect(queue.overloaded).toBe(false);
    });

    it('goes on where fewer come than are served: those who are late wait for the line to be worked off', () => {
      const queue = new Queue<Call>(1000);
      run(queue, 0, 5000, 8);
      expect(queue.overloaded).toBe(true);
      run(queue, 5100, 7000, 2);
      expect(queue.overloaded).toBe(true);
    });

    it('is seen where calls are turned away, though as many wait as before', () => {
      const queue = new Queue<Call>(1000);
      for (let i = 0; i < 20; i++) queue.push(call('old', 0, 1, { expectedMs: 10, deadlineAt: 1e6 }), 0, 100);
      for (let now = 100; now <= 2000; now += 100) {
        run(queue, now, now, 4);
        queue.turnedAway();
      }
      expect(queue.overloaded).toBe(true);
    });

    it('takes longer to be seen where calls run long', () => {
      const queue = new Queue<Call>(10);
      queue.push(call('a', 0, 1, { expectedMs: 1000, deadlineAt: 60_000 }), 0, SLOTS);
      for (const now of [4999, 5000, 14_999]) queue.next(now);
      expect(queue.overloaded).toBe(false);
      queue.next(15_000);
      expect(queue.overloaded).toBe(true);
    });
  });

  describe('with large params', () => {
    const MEGABYTE = { characters: 1_000_000 };

    it('lets small calls pass that come soon after, and none that comes later than its size explains', () => {
      const queue = new Queue<Call>(10);
      queue.push(call('large', 100, 1, MEGABYTE), 100, SLOTS);
      queue.push(call('soon', 119, 1), 119, SLOTS);
      queue.push(call('late', 121, 1), 121, SLOTS);
      queue.push(call('another', 122, 1, MEGABYTE), 122, SLOTS);
      expect(names(queue.first(9))).toEqual(['soon', 'large', 'late', 'another']);
      expect(names(queue.first(2))).toEqual(['soon', 'large']);
      const order = [];
      for (let [head] = queue.next(123); head !== undefined; [head] = queue.next(123)) {
        order.push(head.name);
        queue.remove(head);
      }
      expect(order).toEqual(['soon', 'large', 'late', 'another']);
      expect(queue.size).toBe(0);
    });

    it('comes after small calls of another concurrency too', () => {
      const queue = new Queue<Call>(10);
      queue.push(call('large', 100, 1, MEGABYTE), 100, SLOTS);
      queue.push(call('soon', 119, 4), 119, SLOTS);
      expect(names(queue.next(120))).toEqual(['soon', 'large']);
      expect(names(queue.first(2))).toEqual(['soon', 'large']);
    });

    it('has waited since it came, whoever passes it', () => {
      const queue = new Queue<Call>(10);
      queue.push(call('large', 0, 1, { expectedMs: 20, characters: 40_000_000 }), 0, SLOTS);
      queue.push(call('small', 50, 1, { expectedMs: 20 }), 50, SLOTS);
      queue.next(101);
      expect(names(queue.next(600))).toEqual(['small']);
      queue.next(601);
      expect(queue.overloaded).toBe(true);
    });

    it('is the newest under overload like any other', () => {
      const queue = new Queue<Call>(10);
      queue.push(call('small', 1, 1, { expectedMs: 20 }), 1, SLOTS);
      queue.push(call('large', 2, 1, { expectedMs: 20, ...MEGABYTE }), 2, SLOTS);
      queue.next(101);
      expect(names(queue.next(601))).toEqual(['large']);
      expect(names(queue.first(2))).toEqual(['large', 'small']);
    });
  });

  it('is turn by turn for each concurrency, whatever is removed', () => {
    const turn = ({ arrivedAt, characters }: Call): number => arrivedAt + characters / 50_000;
    const steps = fc.array(
      fc.oneof(
        fc.record({
          push: fc.constantFrom(1, 3, 100),
          retry: fc.boolean(),
          characters: fc.constantFrom(0, 0, 175_000),
        }),
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
            const waiting = call(String(now), now, step.push, { characters: step.characters });
            if (step.retry) {
              queue.pushRetry(waiting);
              retries.push(waiting);
            } else {
              expect(queue.push(waiting, NOW, SLOTS)).toBe(fresh.length < limit);
              if (fresh.length < limit) fresh.push(waiting);
            }
          } else {
            const there = [...retries, ...fresh];
            const gone = there[step.remove % Math.max(1, there.length)];
            if (gone !== undefined) queue.remove(gone);
            fresh = fresh.filter((other) => other !== gone);
            retries = retries.filter((other) => other !== gone);
          }
          const inTurn = fresh.toSorted((a, b) => turn(a) - turn(b));
          const heads = inTurn.filter(
            (one) => inTurn.find(({ concurrency }) => concurrency === one.concurrency) === one,
          );
          expect(queue.next(NOW)).toEqual([...retries, ...heads]);
          expect(queue.first(5)).toEqual([...retries, ...inTurn].slice(0, 5));
          expect(queue.size).toBe(fresh.length + retries.length);
        }
      }),
    );
  });
});
