/** When the balancer deploys by itself, and when only if it is asked to. */
import { pino } from 'pino';
import { beforeEach, expect, it, vi } from 'vitest';
import type { FakeCloud } from '../fakes/cloud.ts';
import { CloudLink } from '../../src/cloud-link.ts';
import { parseConfig } from '../../src/config.ts';
import { cloudBundle, servedBundle, type ServedBundle } from '../../src/served-bundle.ts';

const { made } = vi.hoisted(() => ({ made: [] as FakeCloud[] }));

vi.mock('../../src/cloud/aws/cloud.ts', async () => {
  const { FakeCloud: Made } = await import('../fakes/cloud.ts');
  return {
    createAwsCloud: () => {
      const cloud = new Made();
      made.push(cloud);
      return cloud;
    },
  };
});

const bundle = (codeHash: string): ServedBundle =>
  servedBundle({ codeHash, code: Buffer.from('code'), env: {}, maxResultBytes: 1000, functions: [] });
const state = (): string => link.status().state;

let link: CloudLink;

beforeEach(async () => {
  made.length = 0;
  link = new CloudLink(parseConfig({}), pino({ level: 'silent' }));
  await link.open({
    bundle: bundle('first'),
    pool: 'p1',
    stateDir: '.',
    figures: () => ({ load: 0, workers: 0, offloaded: 0 }),
    listener: { sent: () => undefined, ended: () => undefined },
  });
});

it('deploys what the pool has changed over to', async () => {
  const deploy = vi.spyOn(made[0]!, 'deploy');
  await link.useBundle(bundle('second'));
  expect(deploy).toHaveBeenCalledExactlyOnceWith(cloudBundle(bundle('second')));
  expect(state()).toBe('ready');
});

it('deploys nothing more by itself once it was removed, but the latest bundle when it is asked to', async () => {
  await link.destroy();
  await link.useBundle(bundle('second'));
  expect(state()).toBe('off');
  expect((await link.deploy({ dryRun: true })).steps).toEqual(['deploy second']);
  await link.useBundle(bundle('third'));
  expect(state(), 'a dry run changes nothing').toBe('off');
  expect((await link.deploy()).steps).toEqual(['deploy third']);
  await link.useBundle(bundle('fourth'));
  expect((await link.deploy({ dryRun: true })).steps, 'it is there already').toEqual([]);
});

it.each([
  ['whose function stays', { offload: false }, '[1]', /offload: false/],
  ['whose params are too large', { offload: true }, `["${'x'.repeat(5_500_000)}"]`, /too large/],
])('measures no call %s', async (_, { offload }, params, why) => {
  const calibrate = vi.spyOn(made[0]!, 'calibrate');
  const spec = { name: 'home', style: 'any', idempotent: true, offload, concurrency: 1 } as const;
  const order = {
    spec,
    params,
    timeoutMs: 1000,
    sizesMb: [512],
    mix: { place: 'pool', entries: [] },
  } as const;
  await expect(link.calibrate(order)).rejects.toThrow(why);
  expect(calibrate).not.toHaveBeenCalled();
});
