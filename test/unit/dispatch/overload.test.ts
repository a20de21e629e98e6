/** Ten times the load that the slots can do: the real dispatcher and pool over fake workers, on virtual time. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ActiveCall } from '../../../src/dispatch/active-call.ts';
import { Queue } from '../../../src/dispatch/queue.ts';
import { FakeBalancer, fate, type MadeCall } from '../../fakes/balancer.ts';
import type { FakeSlot } from '../../fakes/slot.ts';
import { pass, settle, startTime, stopTime, timersLeft } from '../../fakes/virtual-time.ts';

const WORKERS = 2;
const RUN_MS = 50;
const CAPACITY_PER_MS = WORKERS / RUN_MS;
const BURST_MS = 10_000;
const BURST_CALLS = 10 * CAPACITY_PER_MS * BURST_MS;

/** The queue as it was: first come, first served, no look at deadlines, nor at what is to be done already. */
class PlainQueue extends Queue<ActiveCall> {
  override push(call: ActiveCall, now: number): boolean {
    return super.push(call, now, 0);
  }

  override next(): ActiveCall[] {
    return super.next(-Infinity);
  }

  override tooLate(call: ActiveCall, now: number): boolean {
    return call.deadlineAt <= now;
  }
}

/** What became of the calls of a burst. */
interface Burst {
  /** Good answers, as a share of what the slots can do in that time. */
  readonly goodput: number;
  readonly fates: Readonly<Record<string, number>>;
  /** The longest time until an Overloaded. */
  readonly slowestRejectionMs: number;
  /** The longest time of a call that came one in a while after the burst, from so many milliseconds after it. */
  readonly afterMs: (fromMs: number) => number;
}

describe('dispatch at ten times its capacity', () => {
  let balancer: FakeBalancer;

  beforeEach(stopTime);

  afterEach(() => {
    balancer.close();
    pass(60_000);
    expect(timersLeft()).toBe(0);
    startTime();
  });

  /** A slot that takes 40 to 60 ms for a call, by turns. */
  function serve(slot: FakeSlot): void {
    let turn = 0;
    slot.onCall = ({ callId }) => {
      turn += 8;
      const runMs = RUN_MS - 10 + (turn % 21);
      setTimeout(() => {
        const call = slot.calls.find((one) => one.callId === callId);
        if (call !== undefined && slot.connected) slot.answer(call, 'null', runMs);
      }, runMs);
    };
  }

  function burst(timeoutMs: number, queue?: Queue<ActiveCall>): Burst {
    balancer = new FakeBalancer({
      functions: { work: { idempotent: true } },
      workers: WORKERS,
      onSlot: serve,
      ...(queue !== undefined && { queue }),
    });
    for (let i = 0; i < 40; i += 1) {
      balancer.call('work');
      pass(RUN_MS);
    }
    const startedAt = performance.now();
    const calls: { made: MadeCall; at: number }[] = [];
    const call = (): void => {
      const at = performance.now();
      calls.push({ made: balancer.call('work', { timeoutMs }), at });
    };
    for (let ms = 0; ms < BURST_MS; ms += 5) {
      for (let i = 0; i < 10 * CAPACITY_PER_MS * 5; i += 1) call();
      pass(5);
    }
    const during = calls.filter(({ made }) => fate(made) === 'ok null').length;
    const burstCalls = calls.splice(0);
    const endedAt = performance.now();
    for (let i = 0; i < 20; i += 1) {
      call();
      pass(100);
    }
    pass(timeoutMs + 1000);
    settle();
    const fates: Record<string, number> = {};
    for (const { made } of burstCalls) fates[fate(made)] = (fates[fate(made)] ?? 0) + 1;
    const took = ({ made, at }: { made: MadeCall; at: number }): number => made.answeredAt - at;
    return {
      goodput: during / (CAPACITY_PER_MS * (endedAt - startedAt)),
      fates,
      slowestRejectionMs: Math.max(
        0,
        ...burstCalls.filter(({ made }) => fate(made) === 'Overloaded').map(took),
      ),
      afterMs: (fromMs) =>
        Math.max(
          ...calls
            .filter(({ at }) => at >= endedAt + fromMs)
            .map((one) => (fate(one.made) === 'ok null' ? took(one) : Infinity)),
        ),
    };
  }

  it.each([[400], [1000], [5000], [30_000]])(
    'does at least 90 percent of what it can, and turns the rest away at once: deadlines of %i ms',
    (timeoutMs) => {
      const { goodput, slowestRejectionMs, fates, afterMs } = burst(timeoutMs);
      expect(goodput).toBeGreaterThanOrEqual(0.9);
      expect(slowestRejectionMs).toBe(0);
      expect(fates['Overloaded']).toBeGreaterThan(0.6 * BURST_CALLS);
      // A second later nobody notices that there was a burst: a call waits for the one that runs at the most.
      expect(afterMs(1000)).toBeLessThanOrEqual(2 * (RUN_MS + 10));
    },
  );

  // What the above is worth: the same burst, the queue as it was. (With 30 s it works off a second of burst for 10 s.)
  it.each([
    [400, 0.06],
    [1000, 0.13],
    [5000, 0.65],
  ])('first come, first served, would do less: deadlines of %i ms', (timeoutMs, most) => {
    expect(burst(timeoutMs, new PlainQueue(1000)).goodput).toBeLessThan(most);
  });

  it('first come, first served, would keep calls waiting long after the burst', () => {
    expect(burst(30_000, new PlainQueue(1000)).afterMs(1000)).toBeGreaterThan(10_000);
  });
});

describe('clients that wait for their answer before they call again', () => {
  const CLIENTS = 120;
  const ROUNDS = 50;
  let balancer: FakeBalancer;
  let over: boolean;

  beforeEach(() => {
    over = false;
    stopTime();
  });

  afterEach(() => {
    over = true;
    balancer.close();
    pass(60_000);
    expect(timersLeft()).toBe(0);
    startTime();
  });

  function start(runMs: number): void {
    balancer = new FakeBalancer({
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
