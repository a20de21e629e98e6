/** What the status asks for, and what it doesn't. */
import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { Recorder } from '../../src/admin/recorder.ts';
import { CloudLink } from '../../src/cloud-link.ts';
import { parseConfig } from '../../src/config.ts';
import { BalancerOperations } from '../../src/operations.ts';
import { poolStatus } from '../../src/pool-status.ts';

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

it('says how many slots a worker has, also while there is none', () => {
  const parts = { poolId: 'p1', runtime: 'process' } as const;
  const { slotsPerWorker, slots } = poolStatus(parseConfig({ SPILLWAY_WORKER_SLOTS: '3' }), parts, undefined);
  expect({ slotsPerWorker, slots }).toEqual({ slotsPerWorker: 3, slots: 0 });
});
