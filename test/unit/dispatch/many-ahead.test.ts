/** Slots that have dozens of short calls in line: what that means for those that are lost, for what is expected, and for deadlines. */
import { describe, expect, it, vi } from 'vitest';
import { fate, type FakeBalancer, type MadeCall } from '../../fakes/balancer.ts';
import type { FakeSlot } from '../../fakes/slot.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';

/** As many as two milliseconds allow, of 0.03 ms each. */
const FULL = 66;
const RUN_MS = 0.03;

describe('with dozens of calls in line in each slot', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;

  function start(workers: number): void {
    balancer = startBalancer({
      functions: { quick: { idempotent: true }, slow: {}, four: { concurrency: 4 } },
      workers,
    });
    balancer.warmUp('quick');
  }

  function call(times: number): MadeCall[] {
    const calls = Array.from({ length: times }, () => balancer.call('quick'));
    settle();
    return calls;
  }

  /** A slot ends; @returns those of the calls that it had */
  function lose(slot: FakeSlot, calls: readonly MadeCall[]): MadeCall[] {
    const ids = new Set(slot.calls.map(({ callId }) => callId));
    balancer.workers.find(({ slots }) => slots.includes(slot))!.endSlot(slot);
    settle();
    return calls.filter(({ pending }) => ids.has(pending.callId));
  }

  /** Two slots are full, and one of them ends. */
  function loseHalf(): MadeCall[] {
    start(2);
    const lost = lose(balancer.slots[0]!, call(2 * FULL));
    expect(lost).toHaveLength(FULL);
    return lost;
  }

  /** Many clients call without a pause, and no slot is ever empty by itself, for so many milliseconds. */
  function askAllTheTime(ms: number, inTurn = false): void {
    let over = false;
    const ask = (): void => {
      const made = balancer.call('quick');
      made.next = () => {
        if (!over) ask();
      };
    };
    for (let i = 0; i < 200; i += 1) ask();
    for (let round = 0; round < ms; round += 1) {
      pass(1);
      balancer.slots.forEach((slot, index) => {
        if (slot.stuck || (inTurn && index !== round % balancer.slots.length)) return;
        // A group of them, but never all, while there are several.
        const most = inTurn ? Math.ceil(slot.calls.length / 2) : slot.calls.length - 1;
        for (let n = Math.max(1, most); n > 0 && slot.calls.length > 0; n -= 1)
          slot.answer(undefined, 'null', RUN_MS);
      });
    }
    over = true;
  }

  it('those lost with a slot are answered although others come all the time', () => {
    const lost = loseHalf();
    askAllTheTime(300);
    expect(new Set(lost.map(fate))).toEqual(new Set(['ok null']));
  });

  it('those lost are answered too where slots answer in groups, one slot after another', () => {
    start(3);
    const calls = call(3 * FULL);
    const lost = lose(balancer.slots[0]!, calls);
    expect(lost).toHaveLength(FULL);
    askAllTheTime(500, true);
    expect(new Set(lost.map(fate))).toEqual(new Set(['ok null']));
  });

  it('those lost hold back one of the slots that run several calls at once, and no more', () => {
    start(2);
    for (let i = 0; i < 8; i += 1) balancer.call('four');
    settle();
    const others = [...balancer.slots];
    const worker = balancer.addWorker();
    settle();
    const [slot] = worker.slots;
    for (let i = 0; i < 25; i += 1) {
      call(1);
      slot!.answer(undefined, 'null', RUN_MS);
      settle();
    }
    const lost = lose(slot!, call(FULL));
    expect(lost).toHaveLength(FULL);
    for (let round = 0; round < 200; round += 1) {
      pass(1);
      for (const other of others) if (other.calls.length > 0) other.answer(undefined, 'null', 1);
      settle();
      const held = balancer.pool.slots.filter(({ mode, reservedFor }) => mode > 1 && reservedFor === 1);
      expect(held.length).toBeLessThanOrEqual(1);
      for (let i = 0; i < 2; i += 1) balancer.call('four');
    }
    expect(new Set(lost.map(fate))).toEqual(new Set(['ok null']));
  });

  it('those lost don’t wait for a slot that is busy for long, be it with one call only', () => {
    start(3);
    balancer.call('slow');
    settle();
    const busy = balancer.slots.find(({ calls }) => calls.length === 1)!;
    const calls = call(2 * FULL);
    const lost = lose(
      balancer.slots.find((slot) => slot !== busy)!,
      calls,
    );
    expect(lost).toHaveLength(FULL);
    busy.stick();
    for (let i = 0; i < 2; i += 1) {
      balancer.dispatcher.pump();
      expect(balancer.pool.slots.filter(({ reservedFor }) => reservedFor === 1)).toHaveLength(1);
    }
    askAllTheTime(300);
    expect(busy.calls).toHaveLength(1);
    expect(new Set(lost.map(fate))).toEqual(new Set(['ok null']));
  });

  it('those lost with a slot cost one look at the slots each time that some have become free', () => {
    const lost = loseHalf();
    const free = vi.spyOn(balancer.pool, 'free');
    balancer.dispatcher.pump();
    expect(lost.every((made) => fate(made) === '')).toBe(true);
    expect(free).toHaveBeenCalledTimes(1);
    free.mockRestore();
  });

  it('a call that waits in a slot isn’t taken for one that runs there for as long', () => {
    start(1);
    call(FULL);
    pass(4);
    const mostMs = FULL * RUN_MS + 4;
    expect(balancer.dispatcher.expectedWaitMs()).toBeLessThan(mostMs);
    expect(balancer.dispatcher.expectedWaitMs()).toBeGreaterThan(4);
    expect(balancer.dispatcher.workload().runningMs).toBeLessThan(mostMs);
  });

  it('one that would pass its deadline in line isn’t handed ahead', () => {
    start(1);
    call(20);
    balancer.call('quick', { timeoutMs: 1 });
    settle();
    expect([balancer.slots[0]!.calls.length, balancer.dispatcher.queued]).toEqual([21, 0]);
    call(19);
    const hurried = balancer.call('quick', { timeoutMs: 1 });
    settle();
    expect([balancer.slots[0]!.calls.length, balancer.dispatcher.queued]).toEqual([40, 1]);
    for (let i = 0; i < 41; i += 1) {
      balancer.slots[0]!.answer(undefined, 'null', RUN_MS);
      settle();
    }
    expect(fate(hurried)).toBe('ok null');
  });

  it('a slot that hangs holds up none of them for want of a budget', () => {
    start(2);
    call(1000).forEach((made) => expect(fate(made)).toBe(''));
    for (let round = 0; round < 1000; round += 1) {
      for (const slot of balancer.slots) if (slot.calls.length > 0) slot.answer(undefined, 'null', RUN_MS);
      settle();
    }
    const calls = call(2 * FULL);
    const [stuck, other] = balancer.slots;
    const held = stuck!.calls.length - 1;
    const before = balancer.dispatcher.counts.retried;
    stuck!.stick();
    for (let i = other!.calls.length; i > 0; i -= 1) other!.answer(undefined, 'null', RUN_MS);
    pass(11);
    expect(balancer.dispatcher.counts.retried - before).toBe(held);
    for (let i = 0; i < 2 * held; i += 1) {
      if (other!.calls.length > 0) other!.answer(undefined, 'null', RUN_MS);
      settle();
    }
    expect(calls.filter((made) => fate(made) === 'ok null')).toHaveLength(2 * FULL - 1);
  });
});
