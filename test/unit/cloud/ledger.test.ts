import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Ledger,
  utcDay,
  type LedgerPast,
  type LedgerRecord,
  type LedgerStore,
} from '../../../src/cloud/ledger.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const DAY_MS = 86_400_000;
const EMPTY: LedgerPast = { nextId: 1, days: new Map(), unsettled: 0 };

/** Keeps records in an array; each batch when the test says so, or at once. */
class ArrayStore implements LedgerStore {
  readonly batches: LedgerRecord[][] = [];
  fault?: Error;
  closed = false;

  async append(records: readonly LedgerRecord[]): Promise<void> {
    if (this.fault !== undefined) throw this.fault;
    this.batches.push([...records]);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

function setUp(budgetNano: number, past = EMPTY): { ledger: Ledger; store: ArrayStore } {
  const store = new ArrayStore();
  return { ledger: new Ledger(budgetNano, past, store), store };
}

const nobody = (): void => undefined;

describe('the budget', () => {
  it('counts what is in flight at its worst case, and what is settled at its cost', async () => {
    const { ledger } = setUp(100);
    const first = ledger.enter('add', 60, NOON, nobody);
    expect(ledger.usedNano(NOON)).toBe(60);
    expect(ledger.enter('add', 41, NOON, nobody)).toBeUndefined();
    expect(ledger.settle(first!, 10, NOON)).toBe(10);
    expect(ledger.usedNano(NOON)).toBe(10);
    expect(ledger.enter('add', 90, NOON, nobody)).toBeDefined();
    await ledger.close();
  });

  it('takes an unknown outcome at its worst case', () => {
    const { ledger } = setUp(100);
    const entry = ledger.enter('add', 60, NOON, nobody);
    expect(ledger.settle(entry!, undefined, NOON)).toBe(60);
    expect(ledger.usedNano(NOON)).toBe(60);
  });

  it('starts anew at midnight UTC, and a late settlement belongs to the day of its entry', () => {
    const { ledger } = setUp(100);
    const entry = ledger.enter('add', 100, NOON, nobody);
    const tomorrow = NOON + DAY_MS / 2;
    expect(utcDay(tomorrow)).toBe('2026-11-22');
    expect(ledger.affords(1, tomorrow - 1)).toBe(false);
    expect(ledger.affords(100, tomorrow)).toBe(true);
    ledger.settle(entry!, 30, tomorrow);
    expect(ledger.usedNano(tomorrow)).toBe(0);
    expect(ledger.usedNano(NOON)).toBe(30);
  });

  it('goes on from what an earlier process spent', () => {
    const { ledger } = setUp(100, { nextId: 7, days: new Map([['2026-11-21', 95]]), unsettled: 1 });
    expect(ledger.enter('add', 6, NOON, nobody)).toBeUndefined();
    expect(ledger.enter('add', 5, NOON, nobody)?.id).toBe(7);
  });

  it('is never exceeded, whatever comes in whatever order', () => {
    const step = fc.record({
      worst: fc.integer({ min: 0, max: 50 }),
      share: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
      settleNow: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { ledger } = setUp(200);
        const open: { entry: NonNullable<ReturnType<Ledger['enter']>>; cost: number | undefined }[] = [];
        let expected = 0;
        for (const { worst, share, settleNow } of steps) {
          const entry = ledger.enter('add', worst, NOON, nobody);
          if (entry !== undefined) {
            open.push({ entry, cost: share === null ? undefined : Math.floor(worst * share) });
            expected += worst;
          }
          const next = settleNow ? open.shift() : undefined;
          if (next !== undefined)
            expected += ledger.settle(next.entry, next.cost, NOON) - next.entry.worstNano;
          expect(ledger.usedNano(NOON)).toBe(expected);
          expect(expected).toBeLessThanOrEqual(200);
        }
      }),
    );
  });
});

describe('the order of things', () => {
  it('keeps an entry before its call is told to go, and all of one turn in one batch', async () => {
    const { ledger, store } = setUp(100);
    const told: string[] = [];
    const first = ledger.enter('a', 10, NOON, () => told.push(`a after ${store.batches.length}`));
    ledger.enter('b', 10, NOON, () => told.push(`b after ${store.batches.length}`));
    ledger.settle(first!, 4, NOON);
    expect(told).toEqual([]);
    await ledger.close();
    expect(told).toEqual(['a after 1', 'b after 1']);
    expect(store.batches.flat().map((record) => `${record.kind} ${record.id}`)).toEqual([
      'enter 1',
      'enter 2',
      'settle 1',
    ]);
    expect(store.batches).toHaveLength(1);
    expect(store.closed).toBe(true);
  });

  it('voids an entry that could not be kept, and enters nothing for a while', async () => {
    const { ledger, store } = setUp(100);
    store.fault = new Error('disk full');
    const told = await new Promise<Error | undefined>((resolve) => void ledger.enter('a', 10, NOON, resolve));
    expect(told?.message).toBe('disk full');
    expect(ledger.usedNano(NOON)).toBe(0);
    expect(ledger.faultAt(NOON)?.message).toBe('disk full');
    expect(ledger.enter('b', 10, NOON, nobody)).toBeUndefined();
  });

  it('tries again after a while, and goes on once the store does', async () => {
    const { ledger, store } = setUp(100);
    store.fault = new Error('disk full');
    await new Promise<unknown>((resolve) => void ledger.enter('a', 10, NOON, resolve));
    delete store.fault;
    expect(ledger.affords(10, NOON + 4999)).toBe(false);
    const told = await new Promise<Error | undefined>(
      (resolve) => void ledger.enter('b', 10, NOON + 5000, resolve),
    );
    expect(told).toBeUndefined();
    expect(ledger.faultAt(NOON)).toBeUndefined();
    expect(ledger.usedNano(NOON)).toBe(10);
  });

  it('waits no longer after a failure when the clock is set back by an hour', async () => {
    const { ledger, store } = setUp(100);
    store.fault = new Error('disk full');
    ledger.enter('add', 10, NOON, nobody);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ledger.faultAt(NOON)?.message).toBe('disk full');
    delete store.fault;
    expect(ledger.enter('add', 10, NOON - 3_600_000, nobody)).toBeDefined();
    await ledger.close();
  });

  it('counts what has a known price though it can’t be kept, since it is bought all the same', async () => {
    const { ledger, store } = setUp(100);
    ledger.enter('add', 40, NOON, nobody);
    await new Promise((resolve) => setImmediate(resolve));
    store.fault = new Error('disk full');
    expect(ledger.charge('figures', 10, NOON)).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ledger.usedNano(NOON)).toBe(50);
    await ledger.close();
  });

  it('charges what has a known price at once, or not at all', async () => {
    const { ledger, store } = setUp(100);
    expect(ledger.charge('figures', 100, NOON)).toBe(true);
    expect(ledger.charge('figures', 1, NOON)).toBe(false);
    await ledger.close();
    expect(store.batches.flat()).toMatchObject([
      { kind: 'enter', what: 'figures', worstNano: 100, day: '2026-11-21' },
      { kind: 'settle', costNano: 100, known: true },
    ]);
  });
});
