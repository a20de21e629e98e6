/** Calls while workers run two bundles, as they do during a reload. */
import { beforeEach, describe, expect, it } from 'vitest';
import { HASH, errorOf, fate, type FakeBalancer } from '../../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../../fakes/virtual-balancer.ts';
import { settle } from '../../fakes/virtual-time.ts';
import { FakeWorker } from '../../fakes/worker.ts';
import type { FunctionSpec } from '../../../src/functions/manifest.ts';

const SECOND = { hash: 'the next bundle', code: Buffer.from('code'), env: {}, maxResultBytes: 1000 };

describe('dispatch while two bundles are in use', () => {
  const startBalancer = balancerOnVirtualTime();
  let balancer: FakeBalancer;
  let fresh: FakeWorker;
  let specs: FunctionSpec[];

  beforeEach(() => {
    balancer = startBalancer({ functions: { gone: {}, kept: { idempotent: true } } });
    // In the next bundle `gone` is missing, so `kept` has another index.
    specs = balancer.specs.filter(({ name }) => name === 'kept').map((spec) => ({ ...spec }));
    balancer.pool.expect('new', SECOND);
    fresh = new FakeWorker(balancer.pool, {
      id: 'new',
      slots: 1,
      manifest: balancer.manifest,
      concurrencyOf: () => 1,
    });
    balancer.workers.push(fresh);
    fresh.dial();
    settle();
  });

  /** As the swap does once the first worker has loaded the bundle. */
  function commit(): void {
    balancer.pool.useBundle(SECOND);
    balancer.dispatcher.useManifest(new Map(specs.map((spec) => [spec.name, spec])), SECOND.hash);
    settle();
  }

  it('gives a bundle that is only tried no calls', () => {
    expect(balancer.pool.count('ready')).toBe(2);
    for (let i = 0; i < 4; i += 1) balancer.call('kept');
    settle();
    expect([fresh.slots[0]!.calls, balancer.dispatcher.queued]).toEqual([[], 3]);
  });

  it('hands a call over under the index that its function has in the worker’s own bundle', () => {
    commit();
    balancer.call('kept');
    balancer.call('kept');
    settle();
    const [old] = balancer.workers;
    expect(old!.slots[0]!.calls).toMatchObject([{ functionIndex: 1 }]);
    expect(fresh.slots[0]!.calls).toMatchObject([{ functionIndex: 0 }]);
  });

  it('keeps calls of a removed function for the old workers, and says when they are needed no more', () => {
    commit();
    const calls = [balancer.call('gone'), balancer.call('gone')];
    settle();
    expect([fresh.slots[0]!.calls, balancer.dispatcher.waitsFor(HASH)]).toEqual([[], true]);
    const slot = balancer.workers[0]!.slots[0]!;
    slot.answer();
    settle();
    expect(balancer.dispatcher.waitsFor(HASH)).toBe(false);
    slot.answer();
    settle();
    expect(calls.map(fate)).toEqual(['ok null', 'ok null']);
  });

  it('answers calls of a function that no worker has any more', () => {
    commit();
    balancer.call('gone');
    const waiting = balancer.call('gone');
    settle();
    balancer.dispatcher.forget(HASH);
    expect(errorOf(waiting)).toMatchObject({ code: -32601 });
    expect(errorOf(balancer.call('gone'))).toMatchObject({ code: -32601 });
  });
});
