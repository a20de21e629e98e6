import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadlines, type Expiring } from '../../../src/dispatch/deadlines.ts';
import { pass, startTime, stopTime, timersLeft } from '../../fakes/virtual-time.ts';

const STEP_MS = 10;
const LONGEST_MS = 2 ** 31 - 1;

class Item implements Expiring {
  readonly deadlineAt: number;
  expiredAt: number | undefined;

  constructor(ms: number) {
    this.deadlineAt = performance.now() + ms;
  }

  expire(): void {
    expect(this.expiredAt, 'expired twice').toBeUndefined();
    this.expiredAt = performance.now();
  }
}

describe('Deadlines', () => {
  beforeEach(stopTime);
  afterEach(() => {
    vi.restoreAllMocks();
    startTime();
  });

  it('expires everything once, never early and at most a step late', () => {
    const waits = fc.array(fc.integer({ min: -50, max: 5000 }), { maxLength: 50 });
    fc.assert(
      fc.property(waits, fc.nat(300), (all, startMs) => {
        pass(startMs + 1);
        const deadlines = new Deadlines<Item>();
        const items = all.map((ms) => new Item(ms));
        const addedAt = performance.now();
        for (const item of items) deadlines.add(item);
        pass(5000 + STEP_MS + 1);
        for (const { expiredAt = NaN, deadlineAt } of items) {
          expect(expiredAt).toBeGreaterThanOrEqual(deadlineAt);
          expect(expiredAt).toBeLessThan(Math.max(addedAt, deadlineAt) + STEP_MS + 1);
        }
        expect([...deadlines.all()]).toEqual([]);
        expect(timersLeft()).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('has one timer, however many there are', () => {
    const deadlines = new Deadlines<Item>();
    for (let ms = 3000; ms > 0; ms -= 7) deadlines.add(new Item(ms));
    expect(timersLeft()).toBe(1);
    deadlines.close();
  });

  it('leaves alone what was deleted', () => {
    const deadlines = new Deadlines<Item>();
    const [gone, stays] = [new Item(100), new Item(100)];
    deadlines.add(gone);
    deadlines.add(stays);
    deadlines.delete(gone);
    expect([...deadlines.all()]).toEqual([stays]);
    pass(111);
    expect(gone.expiredAt).toBeUndefined();
    expect(stays.expiredAt).toBeDefined();
    deadlines.delete(stays);
    deadlines.delete(new Item(5));
  });

  it('finds an earlier deadline that comes after a later one', () => {
    const deadlines = new Deadlines<Item>();
    const [late, early] = [new Item(10_000), new Item(50)];
    deadlines.add(late);
    deadlines.add(early);
    pass(61);
    expect([early.expiredAt !== undefined, late.expiredAt !== undefined]).toEqual([true, false]);
    deadlines.close();
  });

  it('takes what is added and deleted while others expire', () => {
    const deadlines = new Deadlines<Expiring>();
    const expired: string[] = [];
    const at = performance.now() + 20;
    const later = { deadlineAt: at + 30, expire: () => expired.push('later') };
    deadlines.add({
      deadlineAt: at,
      expire() {
        expired.push('first');
        deadlines.add(later);
        deadlines.add({ deadlineAt: at - 100, expire: () => expired.push('overdue already') });
      },
    });
    pass(35);
    expect(expired).toEqual(['first', 'overdue already']);
    pass(30);
    expect(expired).toEqual(['first', 'overdue already', 'later']);
  });

  it('asks for no longer timer than there can be', () => {
    const deadlines = new Deadlines<Item>();
    const item = new Item(LONGEST_MS);
    pass(1);
    const set = vi.spyOn(globalThis, 'setTimeout');
    deadlines.add(item);
    for (const [, delay] of set.mock.calls) expect(delay).toBeLessThanOrEqual(LONGEST_MS);
    pass(LONGEST_MS);
    pass(2 * STEP_MS);
    expect(item.expiredAt).toBeDefined();
  });

  it('expires nothing once it is closed', () => {
    const deadlines = new Deadlines<Item>();
    const item = new Item(10);
    deadlines.add(item);
    deadlines.close();
    pass(1000);
    expect(item.expiredAt).toBeUndefined();
    expect(timersLeft()).toBe(0);
  });
});
