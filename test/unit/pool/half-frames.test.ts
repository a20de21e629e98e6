/** Workers that send half a frame, or one too long, and what becomes of their calls and their neighbours. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fate, type FakeBalancer } from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';
import type { FakeSlot } from '../../fakes/slot.ts';
import type { FakeWorker } from '../../fakes/worker.ts';
import { CPU_UNKNOWN, FrameType, encodeAnswer } from '../../../src/pool/frames.ts';

/** More than any frame may have on a control connection, but no impossible length. */
const LONG_BYTES = 5 * 1024 * 1024;

describe('half a frame', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;
  let good: FakeWorker;
  let bad: FakeWorker;

  beforeEach(() => {
    balancer = startBalancer({
      functions: { again: { idempotent: true }, once: {} },
      workers: 2,
      watched: true,
    });
    [good, bad] = balancer.workers as [FakeWorker, FakeWorker];
  });

  afterEach(() => {
    expect(balancer.stateOf(good)).toBe('ready');
  });

  const slotOf = (worker: FakeWorker): FakeSlot => worker.slots[0]!;

  /** One call in each slot. @returns the one of the bad worker, and the other */
  function callBoth(name: string, timeoutMs: number): ReturnType<FakeBalancer['call']>[] {
    const calls = [balancer.call(name, { timeoutMs }), balancer.call(name, { timeoutMs })];
    settle();
    expect([slotOf(good).calls.length, slotOf(bad).calls.length]).toEqual([1, 1]);
    return calls.reverse();
  }

  const half = (slot: FakeSlot): Buffer =>
    encodeAnswer(FrameType.RESULT, slot.calls[0]!.callId, 1, CPU_UNKNOWN, '"half"').subarray(0, 14);

  it('before the end of a connection is dropped, and the call goes elsewhere', () => {
    const [call, other] = callBoth('again', 30_000);
    slotOf(bad).send(half(slotOf(bad)));
    slotOf(bad).hangUp();
    settle();
    slotOf(good).answer();
    settle();
    slotOf(good).answer(undefined, '"whole"');
    settle();
    expect([fate(other!), fate(call!)]).toEqual(['ok null', 'ok "whole"']);
  });

  it('with something else behind it is garbage: its worker leaves', () => {
    const [, other] = callBoth('once', 30_000);
    const slot = slotOf(bad);
    // The zeros are read as the rest, and then as a length that no frame has.
    slot.send(Buffer.concat([half(slot), Buffer.alloc(64)]));
    settle();
    expect(balancer.events.at(-1)).toMatch(/^lost w2: a slot of it sends garbage/);
    slotOf(good).answer();
    settle();
    expect(fate(other!)).toBe('ok null');
  });

  it('without an end is over at the call’s deadline', () => {
    const [call, other] = callBoth('once', 400);
    const slot = slotOf(bad);
    slot.send(half(slot));
    slotOf(good).answer();
    settle();
    expect([fate(call!), fate(other!)]).toEqual(['', 'ok null']);
    pass(420);
    expect(fate(call!)).toBe('Timeout');
    expect(bad.slots).not.toContain(slot);
  });

  it('without an end on its control connection is silence, and ends like it', () => {
    bad.sendControl(Buffer.from([0, 0, 0, 99, FrameType.HEARTBEAT]));
    pass(3000);
    expect(balancer.stateOf(bad)).toBe('not in the pool');
  });

  it('of a frame over the limit ends the connection before its bytes have come', () => {
    const head = Buffer.alloc(9);
    head.writeUInt32BE(LONG_BYTES);
    bad.sendControl(head);
    settle();
    expect(balancer.events.at(-1)).toMatch(/^lost w2: a frame of 5242880 bytes is outside the limits/);
  });
});
