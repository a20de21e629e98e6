/** The wait of the next call, told by the real dispatcher over fake workers. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeBalancer } from '../../fakes/balancer.ts';
import { pass, settle, startTime, stopTime } from '../../fakes/virtual-time.ts';

describe('the expected wait', () => {
  let balancer: FakeBalancer;

  beforeEach(() => {
    stopTime();
    balancer = new FakeBalancer({
      functions: { second: {}, blink: {}, shared: { concurrency: 10 }, unknown: {} },
      workers: 2,
    });
    for (const [name, ms] of [
      ['second', 1000],
      ['blink', 0.01],
      ['shared', 1000],
    ] as const) {
      for (let i = 0; i < 14; i += 1) {
        balancer.call(name);
        settle();
        balancer.slots.find(({ calls }) => calls.length > 0)!.answer(undefined, '1', ms);
        settle();
      }
    }
  });
  afterEach(() => {
    balancer.close();
    pass(1000);
    startTime();
  });

  const call = (name: string, times: number): void => {
    for (let i = 0; i < times; i += 1) balancer.call(name);
    settle();
  };
  const waitMs = (): number => balancer.dispatcher.expectedWaitMs();

  it('is nothing while a slot is empty', () => {
    call('second', 1);
    expect(waitMs()).toBe(0);
  });

  it('is that of the slot that is free first', () => {
    call('second', 1);
    pass(600);
    call('second', 1);
    expect(waitMs()).toBeCloseTo(400, 6);
  });

  it('counts work, not heads: a thousand short calls are no load, three of a second are', () => {
    call('second', 2);
    call('blink', 500);
    expect(waitMs()).toBeLessThan(1005);
    call('second', 3);
    expect(waitMs()).toBeGreaterThan(2000);
  });

  it('counts a call that shares a slot by its share', () => {
    call('second', 2);
    call('shared', 10);
    expect(waitMs()).toBeCloseTo(1500, 6);
  });

  it('counts those that wait without being known as no work', () => {
    call('second', 2);
    call('unknown', 100);
    expect(waitMs()).toBeCloseTo(1000, 6);
  });

  it('forgets a call that has left the queue', () => {
    call('second', 2);
    const waiting = balancer.call('second');
    balancer.call('second');
    expect(waitMs()).toBeCloseTo(2000, 6);
    waiting.pending.cancel();
    expect(waitMs()).toBeCloseTo(1000, 6);
  });

  it('is endless where no slot takes calls', () => {
    for (const worker of balancer.pool.workers) worker.drain();
    expect(waitMs()).toBe(Infinity);
  });
});
