/** A balancer for each test, in time that the test moves. */
import { afterEach, beforeEach, expect } from 'vitest';
import { FakeBalancer, type FakeBalancerOptions } from './balancer.ts';
import { pass, startTime, stopTime, timersLeft } from './virtual-time.ts';

/** Longer than anything may take that is still under way when a test ends, in milliseconds. */
const AT_LAST_MS = 60_000;

/**
 * Has time stand still in each test of the group, or file, that calls it; at the test's end its balancer is closed, and no timer may be left.
 * @returns what starts a test's balancer
 */
export function balancerOnVirtualTime(): (options: FakeBalancerOptions) => FakeBalancer {
  let balancer: FakeBalancer | undefined;

  beforeEach(stopTime);

  afterEach(() => {
    balancer?.close();
    balancer = undefined;
    pass(AT_LAST_MS);
    expect(timersLeft()).toBe(0);
    startTime();
  });

  return (options) => (balancer = new FakeBalancer(options));
}
