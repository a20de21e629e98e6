import { describe, expect, it } from 'vitest';
import { Queue } from '../../../src/dispatch/queue.ts';
import { call, names, SLOTS, type Call } from './queue-rig.ts';

describe('Queue under overload', () => {
  /** Two calls are turned away that have all the time in the world: one alone means nothing. */
  function turnAway(queue: Queue<Call>, now: number): void {
    for (let i = 0; i < 2; i++) queue.failed(call('refused', now, 1, { deadlineAt: now + 1e6 }));
  }

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
    queue.next(101);
    turnAway(queue, 102);
    // Five runs are too long a wait; for half a second nothing changes.
    for (const now of [102, 400, 600.9]) expect(names(queue.next(now))).toEqual(['r', 'a1', 'b']);
    expect(queue.overloaded).toBe(false);
    expect(names(queue.next(601))).toEqual(['r', 'a3', 'b']);
    expect(queue.overloaded).toBe(true);
  });

  it('is over when the oldest has waited for a short time only', () => {
    const queue = overloaded();
    queue.next(101);
    turnAway(queue, 102);
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
    queue.next(100);
    turnAway(queue, 101);
    queue.next(600);
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
      for (const now of [499, 500]) queue.next(now);
      turnAway(queue, 501);
      queue.next(1499);
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

  it('isn’t seen in one interval of many calls: they may have come together', () => {
    const queue = new Queue<Call>(1000);
    for (let i = 0; i < 200; i++) queue.push(call('old', 0, 1, { expectedMs: 10, deadlineAt: 1e6 }), 0, 100);
    for (let batch = 0; batch < 5; batch++) {
      run(queue, 1000 * batch + 100, 1000 * batch + 500, 12);
      expect(queue.overloaded).toBe(false);
      run(queue, 1000 * batch + 600, 1000 * batch + 1000, 0);
      expect(queue.overloaded).toBe(false);
    }
  });

  it.each([
    ['is seen', 'are turned away', 1e6, true],
    ['isn’t seen', 'are turned away that were in a hurry', 499_000, false],
  ])('%s where calls %s, though as many wait as before', (_seen, _what, timeMs, seen) => {
    const queue = new Queue<Call>(1000);
    for (let i = 0; i < 20; i++) queue.push(call('old', 0, 1, { expectedMs: 10, deadlineAt: 1e6 }), 0, 100);
    for (let now = 100; now <= 2000; now += 100) {
      run(queue, now, now, 4);
      queue.failed(call('refused', now, 1, { deadlineAt: now + timeMs }));
    }
    expect(queue.overloaded).toBe(seen);
  });

  it('is judged by neither those that are placed once more, nor those that go elsewhere', () => {
    const queue = new Queue<Call>(1000);
    for (let now = 0; now <= 3000; now += 100) {
      run(queue, now, now, 8);
      for (let i = 0; i < 4; i++) {
        const retry = call('retry', now, 1, { deadlineAt: now + 1e6 });
        queue.pushRetry(retry);
        queue.serve(retry);
      }
    }
    expect(queue.overloaded).toBe(true);
    const failing = new Queue<Call>(1000);
    for (let i = 0; i < 20; i++) failing.push(call('old', 0, 1, { expectedMs: 10, deadlineAt: 1e6 }), 0, 100);
    for (let now = 100; now <= 3000; now += 100) {
      run(failing, now, now, 4);
      const retry = call('retry', now, 1, { deadlineAt: now + 1e6 });
      failing.pushRetry(retry);
      failing.failed(retry);
      failing.remove(retry);
    }
    expect(failing.overloaded).toBe(false);
    const other = new Queue<Call>(1000);
    for (let i = 0; i < 20; i++) other.push(call('old', 0, 1, { expectedMs: 10, deadlineAt: 1e6 }), 0, 100);
    for (let now = 100; now <= 3000; now += 100) {
      run(other, now, now, 8);
      for (let i = 0; i < 4; i++) other.sendAway(other.first(1)[0]!);
    }
    expect(other.size).toBe(20);
    expect(other.overloaded).toBe(false);
    // The cloud sends them back.
    for (let now = 3100; now <= 6000; now += 100) {
      run(other, now, now, 6);
      for (let i = 0; i < 8; i++) {
        const [back] = other.first(1);
        other.sendAway(back!);
        other.push(back!, now, 100);
      }
    }
    expect(other.overloaded).toBe(true);
  });

  it('takes longer to be seen where calls run long', () => {
    const queue = new Queue<Call>(10);
    queue.push(call('a', 0, 1, { expectedMs: 1000, deadlineAt: 60_000 }), 0, SLOTS);
    for (const now of [4999, 5000]) queue.next(now);
    turnAway(queue, 5001);
    queue.next(14_999);
    expect(queue.overloaded).toBe(false);
    queue.next(15_000);
    expect(queue.overloaded).toBe(true);
  });
});
