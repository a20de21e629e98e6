/** Ten times the load that the slots can do: the real dispatcher and pool over fake workers, on virtual time. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ActiveCall } from '../../../src/dispatch/active-call.ts';
import { Queue, type NoRoom } from '../../../src/dispatch/queue.ts';
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
  override push(call: ActiveCall, now: number): NoRoom | undefined {
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

let balancer: FakeBalancer;

beforeEach(stopTime);

afterEach(() => {
  balancer.close();
  pass(60_000);
  expect(timersLeft()).toBe(0);
  startTime();
});

/** A slot that takes 40 to 60 ms for a call, by turns; its answer is a result, or an error if `fails`. */
function serve(slot: FakeSlot, fails = false): void {
  let turn = 0;
  slot.onCall = ({ callId }) => {
    turn += 8;
    const runMs = RUN_MS - 10 + (turn % 21);
    setTimeout(() => {
      const call = slot.calls.find((one) => one.callId === callId);
      if (call === undefined || !slot.connected) return;
      if (fails) slot.fail(call);
      else slot.answer(call, 'null', runMs);
    }, runMs);
  };
}

describe('dispatch at ten times its capacity', () => {
  function burst(timeoutMs: number, queue?: Queue<ActiveCall>): Burst {
    balancer = new FakeBalancer({
      functions: { work: { idempotent: true } },
      workers: WORKERS,
      onSlot: (slot) => serve(slot),
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

describe('dispatch at a little more than its capacity', () => {
  const FOR_MS = 30_000;
  // A function whose calls all fail is never known: none of them is turned away on arrival.
  it.each([
    [1.1, 1000, 'known', 0.99],
    [1.2, 400, 'known', 0.99],
    [1.2, 5000, 'known', 0.99],
    [1.2, 1000, 'unknown', 0.97],
    [1.4, 1000, 'unknown', 0.97],
  ] as const)(
    'does what it can, and hardly ends a slot for calls that come too late: %f, deadlines of %i ms, a function that is %s',
    (load, timeoutMs, known, least) => {
      balancer = new FakeBalancer({
        functions: { work: { idempotent: true } },
        workers: WORKERS,
        onSlot: (slot) => serve(slot, known === 'unknown'),
      });
      for (let i = 0; i < 40; i += 1) {
        balancer.call('work');
        pass(RUN_MS);
      }
      const calls: MadeCall[] = [];
      for (let ms = 0; ms < FOR_MS; ms += 5) {
        while (calls.length < load * CAPACITY_PER_MS * ms) calls.push(balancer.call('work', { timeoutMs }));
        pass(5);
      }
      const served = calls.filter((made) => ['ok null', 'FunctionError'].includes(fate(made))).length;
      expect(served / (CAPACITY_PER_MS * FOR_MS)).toBeGreaterThanOrEqual(least);
      const ended = balancer.events.filter((event) => event.startsWith('slot of')).length;
      expect(ended).toBeLessThanOrEqual((known === 'known' ? 0.005 : 0.02) * served);
    },
  );
});
