/** What the status asks for, and what it doesn't. */
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { Status } from '../../src/admin/operations.ts';
import { Recorder } from '../../src/admin/recorder.ts';
import { CloudLink } from '../../src/cloud-link.ts';
import { parseConfig } from '../../src/config.ts';
import { BalancerOperations } from '../../src/operations.ts';
import { poolStatus } from '../../src/pool-status.ts';
import type { FakeBalancer } from '../fakes/balancer.ts';
import { balancerOnVirtualTime } from '../fakes/virtual-balancer.ts';
import { settle } from '../fakes/virtual-time.ts';

it('buys no figures of the cloud for a scrape, which doesn’t show them', () => {
  const config = parseConfig({});
  const cloud = new CloudLink(config, pino({ level: 'silent' }));
  const asked = vi.spyOn(cloud, 'figures');
  const parts = {
    manifest: () => undefined,
    poolId: 'p1',
    runtime: 'process',
    cloud,
    restarts: undefined,
  } as const;
  const operations = new BalancerOperations(config, '1.0.0', parts, new Recorder());
  expect(operations.figures().cloud.state).toBe('off');
  expect(asked).not.toHaveBeenCalled();
  operations.status();
  expect(asked).toHaveBeenCalledOnce();
});

describe('the slots that are busy', () => {
  const startBalancer = balancerOnVirtualTime();

  function status(balancer: FakeBalancer): Status['pool'] {
    const parts = {
      pool: balancer.pool,
      dispatcher: balancer.dispatcher,
      poolId: 'p1',
      runtime: 'process',
    } as const;
    return poolStatus(parseConfig({}), parts, undefined);
  }

  it('are occupied in part by a call that shares one', () => {
    const balancer = startBalancer({ functions: { fetch: { concurrency: 10 } }, slots: 2 });
    for (let call = 0; call < 12; call++) balancer.call('fetch');
    settle();
    const { slots, running, busySlots, workers } = status(balancer);
    expect({ slots, running }).toEqual({ slots: 2, running: 12 });
    expect(busySlots).toBeCloseTo(1.2);
    expect(workers[0]).toMatchObject({ slots: 2, running: 12, busySlots });
  });

  it('are none for what waits in a slot behind another call', () => {
    const balancer = startBalancer({ functions: { add: { idempotent: true } } });
    balancer.warmUp('add');
    for (let call = 0; call < 5; call++) balancer.call('add');
    settle();
    expect(status(balancer)).toMatchObject({ slots: 1, running: 5, busySlots: 1, ahead: 4 });
  });
});

it('says how many slots a worker has, also while there is none', () => {
  const parts = { poolId: 'p1', runtime: 'process' } as const;
  const { slotsPerWorker, slots } = poolStatus(parseConfig({ SPILLWAY_WORKER_SLOTS: '3' }), parts, undefined);
  expect({ slotsPerWorker, slots }).toEqual({ slotsPerWorker: 3, slots: 0 });
});
