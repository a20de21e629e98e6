/** Workers that dial in, in every order: the real pool, on virtual time. */
import { beforeEach, describe, expect, it } from 'vitest';
import { HASH, type FakeBalancer } from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { pass, settle } from '../../fakes/virtual-time.ts';
import { WireEnd } from '../../fakes/wire.ts';
import type { FakeWorker } from '../../fakes/worker.ts';
import { Connection } from '../../../src/pool/connection.ts';
import { FrameType } from '../../../src/pool/frames.ts';
import { HELLO_MAX_BYTES } from '../../../src/pool/protocol.ts';

describe('a worker', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;

  beforeEach(() => {
    balancer = startBalancer({ functions: { f: { idempotent: true }, once: {} }, workers: 0 });
  });

  const state = (worker: FakeWorker): string => balancer.stateOf(worker);

  /** A worker that is expected, and says nothing by itself. */
  const mute = (slots = 1): FakeWorker => balancer.addWorker({ dial: false, slots });

  const announce = (worker: FakeWorker, key: string): void =>
    worker.say(FrameType.SLOT_UP, JSON.stringify({ key }));

  describe('dialling in', () => {
    it('gets the bundle, starts its slots, and is ready when all are connected', () => {
      const worker = balancer.addWorker({ slots: 3 });
      expect(state(worker)).toBe('starting');
      settle();
      expect(worker.heard).toEqual([FrameType.LOAD]);
      expect(state(worker)).toBe('ready');
      expect(balancer.events).toEqual(['ready w1']);
      expect(balancer.pool.slots).toHaveLength(3);
    });

    it('keeps the bundle it has, and the slots that run it', () => {
      const worker = balancer.addWorker({ dial: false, bundle: HASH, slots: 2 });
      const slots = [worker.newSlot(), worker.newSlot()];
      worker.dial();
      for (const slot of slots) slot.connect();
      settle();
      expect(worker.heard).toEqual([FrameType.KEEP]);
      expect(balancer.pool.slots.map(({ key }) => key)).toEqual(slots.map(({ key }) => key));
      expect(state(worker)).toBe('ready');
    });

    it('may connect its slots before its control process has said a word', () => {
      const worker = balancer.addWorker({ dial: false, bundle: HASH, slots: 16 });
      for (let i = 0; i < 16; i += 1) worker.newSlot().connect();
      settle();
      pass(1900);
      worker.dial();
      settle();
      expect([state(worker), balancer.pool.slots.length]).toEqual(['ready', 16]);
    });

    it('isn’t ready before its manifest is known', () => {
      const worker = mute();
      worker.dial({ bundle: HASH, slotKeys: ['k'] });
      balancer.pool.data(connection(), { worker: worker.id, key: 'k', running: 0, remainingMs: 0 });
      expect(state(worker)).toBe('starting');
      settle();
      expect(state(worker)).toBe('ready');
    });

    it('isn’t ready before its last slot is connected', () => {
      const worker = mute(2);
      worker.dial({ bundle: HASH });
      const [first, second] = [worker.newSlot(), worker.newSlot()];
      for (const slot of [first, second]) announce(worker, slot.key);
      first.connect();
      settle();
      expect([state(worker), balancer.pool.slots.length]).toEqual(['starting', 0]);
      second.connect();
      settle();
      expect([state(worker), balancer.pool.slots.length]).toEqual(['ready', 2]);
    });

    it('has the slots of another bundle passed over', () => {
      const worker = balancer.addWorker({ dial: false, bundle: 'an older one', slots: 1 });
      const old = worker.newSlot();
      old.connect();
      worker.dial();
      settle();
      expect(worker.heard).toEqual([FrameType.LOAD]);
      expect(balancer.pool.slots.map(({ key }) => key)).not.toContain(old.key);
      pass(2000);
      expect([old.connected, state(worker)]).toEqual([false, 'ready']);
    });

    it('is refused a second control connection, and keeps the first', () => {
      const worker = balancer.addWorker();
      settle();
      const second = connection();
      balancer.pool.control(second, {
        protocol: 1,
        worker: worker.id,
        token: '',
        slots: 1,
        bundle: null,
        slotKeys: [],
      });
      let cut = '';
      second.attach(
        1,
        () => undefined,
        (reason) => (cut = reason),
      );
      expect(cut).toMatch(/already/);
      expect(state(worker)).toBe('ready');
    });

    it('is cut off when nobody expects it', () => {
      for (const dial of [
        (to: Connection) =>
          balancer.pool.control(to, {
            protocol: 1,
            worker: 'stranger',
            token: '',
            slots: 1,
            bundle: null,
            slotKeys: [],
          }),
        (to: Connection) =>
          balancer.pool.data(to, { worker: 'stranger', key: 'k', running: 0, remainingMs: 0 }),
      ]) {
        const stranger = connection();
        let cut = '';
        dial(stranger);
        stranger.attach(
          1,
          () => undefined,
          (reason) => (cut = reason),
        );
        expect(cut).toMatch(/no worker of this id/);
      }
    });
  });

  describe('that can’t serve the bundle', () => {
    it('leaves, and says why', () => {
      const worker = mute();
      const seen = balancer.pool.workers[0]!;
      worker.dial();
      worker.say(FrameType.LOAD_FAILED, `it has no sense ${'x'.repeat(3000)}`);
      settle();
      expect(state(worker)).toBe('not in the pool');
      expect(seen.bundleFault).toMatch(/^it has no sense/);
      expect(seen.bundleFault).toHaveLength(2000);
    });

    it('leaves when its manifest is refused', () => {
      const worker = mute();
      const seen = balancer.pool.workers[0]!;
      worker.dial();
      worker.say(FrameType.MANIFEST, '{"functions":[]}');
      settle();
      expect(seen.bundleFault).toBe('another manifest');
      expect(balancer.events.at(-1)).toBe('lost w1: another manifest');
    });

    it('leaves when it changes its manifest later', () => {
      const worker = balancer.addWorker();
      settle();
      worker.say(FrameType.MANIFEST, balancer.manifest);
      settle();
      expect(state(worker)).toBe('ready');
      worker.say(FrameType.MANIFEST, 'not even JSON');
      settle();
      expect(state(worker)).toBe('not in the pool');
    });
  });

  it('survives a flood on its control connection', () => {
    const worker = balancer.addWorker();
    settle();
    for (let i = 0; i < 10_000; i += 1) worker.say(FrameType.HEARTBEAT);
    for (let i = 0; i < 1000; i += 1)
      worker.say(FrameType.SLOT_DOWN, JSON.stringify({ key: `unknown ${i}` }));
    worker.say(FrameType.SLOT_DOWN, 'malformed');
    settle();
    expect([state(worker), balancer.pool.slots.length]).toEqual(['ready', 1]);
  });

  it('takes no new calls while it drains, and finishes those it has', () => {
    const worker = balancer.addWorker();
    settle();
    const [running, waiting] = [balancer.call('f'), balancer.call('f')];
    settle();
    balancer.pool.workers[0]!.drain();
    worker.slots[0]!.answer();
    settle();
    expect(running.outcomes).toHaveLength(1);
    expect(worker.slots[0]!.calls).toEqual([]);
    expect([state(worker), waiting.outcomes.length]).toEqual(['draining', 0]);
  });

  describe('that drains', () => {
    it('says when its last call has ended, rests, and takes calls again on the same connections', () => {
      const worker = balancer.addWorker();
      settle();
      const seen = balancer.pool.workers[0]!;
      balancer.call('f');
      settle();
      seen.drain();
      seen.rest();
      expect([state(worker), balancer.events.at(-1)]).toEqual(['draining', 'ready w1']);
      worker.slots[0]!.answer();
      settle();
      expect(balancer.events.at(-1)).toBe('drained w1');
      seen.rest();
      const later = balancer.call('f');
      pass(20_000);
      expect([state(worker), worker.slots[0]!.calls, balancer.pool.slots.length]).toEqual(['standby', [], 1]);
      seen.readmit();
      settle();
      worker.slots[0]!.answer();
      settle();
      expect([state(worker), later.outcomes.length, balancer.pool.slots.length]).toEqual(['ready', 1, 1]);
    });

    it('is drained at once when it is idle, and when its last slot dies', () => {
      const worker = balancer.addWorker();
      settle();
      const seen = balancer.pool.workers[0]!;
      seen.drain();
      expect(balancer.events.at(-1)).toBe('drained w1');
      seen.readmit();
      const call = balancer.call('once');
      settle();
      seen.drain();
      worker.endSlot(worker.slots[0]!);
      settle();
      const drained = balancer.events.filter((event) => event === 'drained w1');
      expect([drained.length, call.outcomes.length]).toEqual([2, 1]);
      pass(100);
      expect(state(worker)).toBe('draining');
    });

    it('leaves for good as a standby too', () => {
      const worker = balancer.addWorker();
      settle();
      const seen = balancer.pool.workers[0]!;
      seen.drain();
      seen.rest();
      worker.die();
      settle();
      seen.readmit();
      expect([state(worker), balancer.events.at(-1)]).toEqual([
        'not in the pool',
        'lost w1: the connection was closed',
      ]);
    });
  });

  /** A connection whose peer says nothing. */
  function connection(): Connection {
    return new Connection(WireEnd.pair()[0].socket, HELLO_MAX_BYTES);
  }
});
