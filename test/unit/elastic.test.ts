/** What the scaling goes by: the settings, and what an operator has changed of them since. */
import { pino } from 'pino';
import { beforeEach, expect, it } from 'vitest';
import { FakeLauncher } from '../fakes/launcher.ts';
import { balancerOnVirtualTime } from '../fakes/virtual-balancer.ts';
import { parseConfig } from '../../src/config.ts';
import type { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { Elastic } from '../../src/elastic.ts';

const startBalancer = balancerOnVirtualTime();
let dispatcher: Dispatcher;
let elastic: Elastic;

beforeEach(() => {
  const balancer = startBalancer({ functions: { add: {} }, workers: 0 });
  ({ dispatcher } = balancer);
  elastic = new Elastic({
    config: parseConfig({ SPILLWAY_WORKERS: '3' }),
    launcher: new FakeLauncher(),
    pool: balancer.pool,
    dispatcher,
    token: () => 'token',
    log: pino({ level: 'silent' }),
    onProgress: () => undefined,
    onExpecting: () => undefined,
    onEvent: () => undefined,
  });
});

it('grows from N to 2N, and keeps as many standbys', () => {
  expect(elastic.crew.limits).toEqual({ min: 3, max: 6, standbys: 3, standbyMs: 600_000, waitMs: 50 });
  elastic.resize(2);
  expect(elastic.crew.limits).toMatchObject({ min: 2, max: 4, standbys: 2 });
});

it('grows before calls leave, also when an operator changes how long they wait', () => {
  dispatcher.offload.rule = { policy: 'threshold', waitMs: 400 };
  expect(elastic.crew.limits.waitMs).toBe(400);
});
