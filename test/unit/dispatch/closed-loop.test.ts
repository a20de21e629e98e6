/** Clients that ask again when they have their answer: the real dispatcher and pool over fake workers, on virtual time. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fate, type FakeBalancer, type MadeCall } from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass } from '../../fakes/virtual-time.ts';

const WORKERS = 2;

describe('clients that wait for their answer before they call again', () => {
  const CLIENTS = 120;
  const ROUNDS = 50;
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;
  let over: boolean;

  beforeEach(() => {
    over = false;
  });

  afterEach(() => {
    over = true;
  });

  function start(runMs: number): void {
    balancer = startBalancer({
      functions: { work: { idempotent: true } },
      workers: WORKERS,
      onSlot: (slot) => {
        slot.onCall = (call) => {
          setTimeout(() => {
            if (slot.connected) slot.answer(call, 'null', runMs);
          }, runMs);
        };
      },
    });
  }

  /** Each asks again as soon as it is answered. @returns how long its answers took, in milliseconds, for each client */
  function askInTurn(): number[][] {
    const ask = (took: number[]): void => {
      const at = performance.now();
      const made = balancer.call('work', { timeoutMs: 30_000 });
      made.next = () => {
        took.push(performance.now() - at);
        if (!over) ask(took);
      };
    };
    const clients = Array.from({ length: CLIENTS }, (): number[] => []);
    for (const took of clients) ask(took);
    return clients;
  }

  /** What each waits while the others have their turn. */
  const roundMs = (runMs: number): number => (CLIENTS / WORKERS) * runMs;

  it.each([[2], [50]])('have their turn one after another, with calls of %i ms', (runMs) => {
    start(runMs);
    const clients = askInTurn();
    pass((ROUNDS + 2) * roundMs(runMs));
    for (const took of clients) {
      expect(took.length).toBeGreaterThanOrEqual(ROUNDS);
      expect(Math.max(...took)).toBeLessThan(2 * roundMs(runMs));
    }
  });

  it('have it although one in twenty is in a hurry, and doesn’t get it', () => {
    start(2);
    const clients = askInTurn();
    const hurried: MadeCall[] = [];
    while (hurried.length < 500) {
      hurried.push(balancer.call('work', { timeoutMs: 50 }));
      pass(20);
    }
    expect(hurried.filter((made) => fate(made) === 'ok null').length).toBeLessThan(10);
    for (const took of clients) expect(Math.max(...took)).toBeLessThan(2 * roundMs(2));
    expect(Math.min(...clients.map((took) => took.length))).toBeGreaterThan(60);
  });

  it('have it although a call fails that had half of their time', () => {
    const runMs = 370;
    start(runMs);
    const clients = askInTurn();
    pass(20_000);
    const failing = balancer.call('work', { timeoutMs: 15_500 });
    pass(8 * roundMs(runMs));
    expect(fate(failing)).not.toBe('ok null');
    for (const took of clients) {
      expect(took.length).toBeGreaterThanOrEqual(8);
      expect(Math.max(...took)).toBeLessThan(1.1 * roundMs(runMs));
    }
  });

  it('have it when they ask for much at once', () => {
    start(100);
    const done = [0, 0, 0, 0];
    const batch = (client: number): void => {
      let left = 50;
      const answered = (): void => {
        left -= 1;
        if (left > 0) return;
        done[client]! += 1;
        if (!over) batch(client);
      };
      for (let i = 0; i < 50; i += 1) balancer.call('work', { timeoutMs: 60_000 }).next = answered;
    };
    done.forEach((_, client) => batch(client));
    pass(6 * ((4 * 50) / WORKERS) * 100);
    expect(done).toEqual([6, 6, 6, 6]);
  });

  it('have it again when a burst is over', () => {
    const runMs = 20;
    start(runMs);
    const clients = askInTurn();
    pass(2 * roundMs(runMs));
    for (let ms = 0; ms < 5000; ms += 5) {
      balancer.call('work', { timeoutMs: 5000 });
      pass(5);
    }
    // Those of the burst that weren't served have gone by now.
    pass(5000 + 4 * roundMs(runMs));
    const before = clients.map((took) => took.length);
    pass(10 * roundMs(runMs));
    clients.forEach((took, client) => {
      const since = took.slice(before[client]);
      expect(since.length).toBeGreaterThanOrEqual(9);
      expect(Math.max(...since.slice(1))).toBeLessThan(2 * roundMs(runMs));
    });
  });
});
