import { expect, it } from 'vitest';
import { CloudSpeed, SharedSpeed } from '../../../src/dispatch/cloud-speed.ts';

/** As fast as a core of the pool, for all that is known. */
const MEMORY_MB = 1769;

it('no single call proves that the cloud is faster', () => {
  const speed = new CloudSpeed(new SharedSpeed(MEMORY_MB));
  speed.observe('cloud', 600, 1000);
  expect(speed.ratio).toBe(1);
  speed.observe('pool', 1000, 1000);
  expect(speed.ratio).toBe(1);
});

it('many calls do, which agree', () => {
  const speed = new CloudSpeed(new SharedSpeed(MEMORY_MB));
  for (let i = 0; i < 100; i += 1) {
    speed.observe('cloud', 600, 1000);
    speed.observe('pool', 1000, 1000);
  }
  expect(speed.ratio).toBeGreaterThan(0.55);
  expect(speed.ratio).toBeLessThan(0.9);
});

it('a slower one is believed at once', () => {
  const speed = new CloudSpeed(new SharedSpeed(MEMORY_MB));
  speed.observe('cloud', 3000, 1000);
  expect(speed.ratio).toBeGreaterThan(1);
});
