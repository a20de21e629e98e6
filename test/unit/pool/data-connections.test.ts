/** Data connections: early, late, dead, busy. */
import { beforeEach, describe, expect, it } from 'vitest';
import { HASH, type FakeBalancer } from '../../fakes/balancer.ts';
import { FakeSlot } from '../../fakes/slot.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';
import { WireEnd } from '../../fakes/wire.ts';
import type { FakeWorker } from '../../fakes/worker.ts';
import { Connection } from '../../../src/pool/connection.ts';
import { FrameType, encodeMark } from '../../../src/pool/frames.ts';
import { HELLO_MAX_BYTES } from '../../../src/pool/protocol.ts';

describe('a worker’s data connections', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;

  beforeEach(() => {
    balancer = startBalancer({ functions: { f: { idempotent: true }, once: {} }, workers: 0 });
  });

  const state = (worker: FakeWorker): string => balancer.stateOf(worker);

  const announce = (worker: FakeWorker, key: string): void =>
    worker.say(FrameType.SLOT_UP, JSON.stringify({ key }));

  describe('data connections', () => {
    it('are cut after 2 s if their slot is never announced', () => {
      const worker = balancer.addWorker();
      settle();
      const stray = new FakeSlot(worker, 'never announced');
      stray.connect();
      pass(1990);
      expect(stray.connected).toBe(true);
      pass(10);
      expect([stray.connected, state(worker)]).toEqual([false, 'ready']);
    });

    it('are cut when there are more of them than the worker can have', () => {
      const worker = balancer.addWorker({ slots: 2 });
      settle();
      const strays = Array.from({ length: 6 }, (_, i) => new FakeSlot(worker, `stray ${i}`));
      for (const stray of strays) stray.connect();
      settle();
      expect(strays.map(({ connected }) => connected)).toEqual([true, true, true, false, false, false]);
    });

    it('are cut when their key is connected already, or waits already', () => {
      const worker = balancer.addWorker();
      settle();
      const [slot] = worker.slots;
      for (const key of [slot!.key, 'early']) {
        if (key === 'early') new FakeSlot(worker, key).connect();
        const twin = new FakeSlot(worker, key);
        twin.connect();
        settle();
        expect(twin.connected).toBe(false);
      }
      expect([slot!.connected, balancer.pool.slots.length]).toEqual([true, 1]);
    });

    it('that die early make room for others', () => {
      const worker = balancer.addWorker();
      settle();
      for (let i = 0; i < 20; i += 1) {
        const stray = new FakeSlot(worker, `stray ${i}`);
        stray.connect();
        settle();
        expect(stray.connected).toBe(true);
        stray.die();
        settle();
      }
    });

    it('that die before they are announced leave no slot behind', () => {
      const worker = balancer.addWorker();
      settle();
      const stillborn = new FakeSlot(worker, 'stillborn');
      stillborn.connect();
      stillborn.die();
      announce(worker, 'stillborn');
      settle();
      expect(balancer.pool.slots.map(({ key }) => key)).toEqual(worker.slots.map(({ key }) => key));
    });

    it('are cut with their slot, or their worker, before they are announced', () => {
      const worker = balancer.addWorker();
      settle();
      const [ended, stray] = [new FakeSlot(worker, 'ended'), new FakeSlot(worker, 'stray')];
      ended.connect();
      stray.connect();
      worker.say(FrameType.SLOT_DOWN, JSON.stringify({ key: 'ended' }));
      settle();
      expect([ended.connected, stray.connected]).toEqual([false, true]);
      balancer.pool.eject(worker.id, 'it lied');
      settle();
      expect(stray.connected).toBe(false);
    });

    it('that are closed when they are handed over leave no slot behind', () => {
      const worker = balancer.addWorker();
      settle();
      announce(worker, 'k');
      settle();
      const dead = connection();
      dead.destroy('too late');
      balancer.pool.data(dead, { worker: worker.id, key: 'k', running: 0, remainingMs: 0 });
      expect(balancer.pool.slots).toHaveLength(1);
    });

    it('that only stop talking are closed', () => {
      const worker = balancer.addWorker();
      settle();
      const [mine, balancers] = WireEnd.pair();
      const half = new Connection(balancers.socket, HELLO_MAX_BYTES);
      announce(worker, 'k');
      settle();
      balancer.pool.data(half, { worker: worker.id, key: 'k', running: 0, remainingMs: 0 });
      expect(balancer.pool.slots).toHaveLength(2);
      balancers.emit('end');
      settle();
      expect(balancer.pool.slots).toHaveLength(1);
      expect(mine.writable).toBe(false);
    });

    it('say nothing but hello before they are announced, except that an earlier call has ended', () => {
      const worker = balancer.addWorker();
      settle();
      const [chatty, patient] = [new FakeSlot(worker, 'chatty'), new FakeSlot(worker, 'patient')];
      patient.old.push({ callId: 1, remainingMs: 1000, functionIndex: 0, params: undefined, short: false });
      chatty.connect();
      patient.connect();
      chatty.send(encodeMark(FrameType.DROPPED, 1));
      patient.endOld();
      settle();
      expect([chatty.connected, patient.connected]).toEqual([false, true]);
      announce(worker, 'patient');
      settle();
      expect(balancer.pool.slots.find(({ key }) => key === 'patient')?.usable).toBe(true);
    });
  });

  describe('with a call of a dead balancer', () => {
    /** An adopted worker whose one slot still runs an earlier call. */
    function busyWorker(remainingMs: number): { worker: FakeWorker; slot: FakeSlot } {
      const worker = balancer.addWorker({ dial: false, bundle: HASH });
      const slot = worker.newSlot();
      slot.old.push({ callId: 9, remainingMs, functionIndex: 0, params: undefined, short: false });
      worker.dial();
      slot.connect();
      settle();
      return { worker, slot };
    }

    it('gets no call in that slot until it says that it is idle', () => {
      const { worker, slot } = busyWorker(5000);
      expect(state(worker)).toBe('ready');
      const call = balancer.call('f');
      pass(1000);
      expect(slot.calls).toEqual([]);
      slot.endOld();
      settle();
      expect(slot.calls).toHaveLength(1);
      slot.answer();
      settle();
      expect(call.outcomes).toHaveLength(1);
      pass(10_000);
      expect(worker.heard).toEqual([FrameType.KEEP]);
    });

    it('has that slot ended when the call’s time is over', () => {
      const { worker, slot } = busyWorker(3000);
      pass(2999);
      expect(worker.heard).toEqual([FrameType.KEEP]);
      pass(1);
      expect(worker.heard).toEqual([FrameType.KEEP, FrameType.END_SLOT]);
      expect(slot.connected).toBe(false);
      pass(100);
      expect(balancer.pool.slots.filter(({ usable }) => usable)).toHaveLength(1);
    });

    it('gets no call in a slot that is being ended, though it says that it is idle', () => {
      const { worker, slot } = busyWorker(3000);
      // The control process is slow to end it.
      worker.endSlot = () => undefined;
      pass(3000);
      slot.endOld();
      balancer.call('once');
      settle();
      expect(slot.calls).toEqual([]);
    });

    it('with no end in sight is watched for as long as a timer can', () => {
      const { worker } = busyWorker(1e15);
      pass(1000);
      expect(worker.heard).toEqual([FrameType.KEEP]);
    });
  });

  /** A connection whose peer says nothing. */
  function connection(): Connection {
    return new Connection(WireEnd.pair()[0].socket, HELLO_MAX_BYTES);
  }
});
