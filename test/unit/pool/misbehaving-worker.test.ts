/** A worker is the unit of trust: one that lies leaves, and its neighbours don't notice. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeBalancer } from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { settle } from '../../fakes/virtual-time.ts';
import type { FakeWorker } from '../../fakes/worker.ts';
import { CPU_UNKNOWN, FrameType, encodeAnswer, encodeFrame, encodeMark } from '../../../src/pool/frames.ts';

describe('a worker', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;

  beforeEach(() => {
    balancer = startBalancer({ functions: { f: { idempotent: true }, once: {} }, workers: 0 });
  });

  const state = (worker: FakeWorker): string => balancer.stateOf(worker);

  const announce = (worker: FakeWorker, key: string): void =>
    worker.say(FrameType.SLOT_UP, JSON.stringify({ key }));

  describe('that misbehaves', () => {
    let good: FakeWorker;
    let bad: FakeWorker;
    const neighbour = (): number => balancer.pool.slots.filter(({ workerId }) => workerId === good.id).length;

    beforeEach(() => {
      good = balancer.addWorker();
      bad = balancer.addWorker({ slots: 2 });
      settle();
    });

    afterEach(() => {
      expect(state(bad)).toBe('not in the pool');
      expect([state(good), neighbour()]).toEqual(['ready', 1]);
      expect(bad.slots).toEqual([]);
    });

    const answer = (id: number): Buffer => encodeAnswer(FrameType.RESULT, id, 1, CPU_UNKNOWN, '1');

    it.each([
      ['answers a call it was never given', (): Buffer => answer(4_000_000_000)],
      ['gives back a call it was never given', (): Buffer => encodeMark(FrameType.DROPPED, 4_000_000_000)],
      ['fails a call without a word', (): Buffer => encodeMark(FrameType.FAILURE, 1)],
      ['says it is idle, unasked', (): Buffer => encodeMark(FrameType.IDLE, 0)],
      ['speaks of other things on a data connection', (): Buffer => encodeFrame(FrameType.HEARTBEAT)],
      ['sends what is no frame', (): Buffer => Buffer.alloc(64, 0)],
      ['announces a frame over the limit', (): Buffer => Buffer.from('7fffffff', 'hex')],
    ])('%s, leaves alone', (_case, bytes) => {
      bad.slots[0]!.send(bytes());
      settle();
    });

    it('answers the call of another worker’s slot, leaves alone', () => {
      const call = balancer.call('once');
      settle();
      const [frame] = good.slots[0]!.calls;
      expect(frame).toBeDefined();
      bad.slots[1]!.send(answer(frame!.callId));
      settle();
      expect(call.outcomes).toEqual([]);
      good.slots[0]!.answer();
      settle();
      expect(call.outcomes).toMatchObject([{ ok: true, report: { worker: good.id } }]);
    });

    it('answers a call twice, leaves alone', () => {
      const calls = [balancer.call('once'), balancer.call('once')];
      settle();
      const slot = bad.slots.find((one) => one.calls.length > 0)!;
      const { callId } = slot.calls[0]!;
      slot.answer();
      slot.send(answer(callId));
      good.slots[0]!.answer();
      settle();
      expect(calls.map(({ outcomes }) => outcomes.length)).toEqual([1, 1]);
      expect(calls.every(({ outcomes }) => outcomes[0]?.ok)).toBe(true);
    });

    it.each([
      ['malformed JSON in a failure', 'not JSON'],
      ['a failure of no kind', '{"kind":"Mystery","message":"x"}'],
    ])('answers with %s, leaves alone', (_case, json) => {
      balancer.call('f');
      balancer.call('f');
      settle();
      const slot = bad.slots.find((one) => one.calls.length > 0)!;
      slot.send(encodeAnswer(FrameType.FAILURE, slot.calls[0]!.callId, 1, 1, json));
      settle();
    });

    it.each([
      ['something unknown', (): Buffer => encodeFrame(99, 'x')],
      ['a second hello', (): Buffer => encodeFrame(FrameType.HELLO, '{}')],
      ['a slot without a key', (): Buffer => encodeFrame(FrameType.SLOT_UP, '{}')],
    ])('says %s on its control connection, leaves alone', (_case, bytes) => {
      const frame = bytes();
      bad.say(frame[4]!, frame.subarray(9));
      settle();
    });

    it('announces slots without end, leaves alone', () => {
      for (let i = 0; i < 50; i += 1) announce(bad, `more ${i}`);
      settle();
    });

    it('gives its calls back to be placed elsewhere, on no slot of its own', () => {
      const calls = Array.from({ length: 3 }, () => balancer.call('f'));
      settle();
      bad.slots[0]!.send(Buffer.alloc(64, 0));
      settle();
      while (good.slots[0]!.calls.length > 0) {
        good.slots[0]!.answer();
        settle();
      }
      expect(calls.map(({ outcomes }) => outcomes.map(({ report }) => report.worker))).toEqual([
        ['w1'],
        ['w1'],
        ['w1'],
      ]);
    });
  });
});
