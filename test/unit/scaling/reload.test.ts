import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { swapBundle } from '../../../src/scaling/reload.ts';
import { BundleFault } from '../../../src/scaling/starts.ts';
import { CrewRig } from './crew-rig.ts';

describe('swapping the bundle', () => {
  let rig: CrewRig;
  let log: string[];
  let needed: boolean;

  beforeEach(async () => {
    rig = new CrewRig(3);
    log = [];
    needed = false;
    await rig.start();
  });
  afterEach(() => rig.end());

  const bundles = (): string[] => [...rig.pool.members.values()].map(({ bundle }) => bundle.hash);

  async function swap(ms = 500): Promise<void> {
    swapBundle(rig.crew, rig.pool, {
      bundle: { hash: 'second' },
      committed: () => log.push('committed'),
      stillNeeded: () => needed,
    }).then(
      () => log.push('done'),
      (error: unknown) => log.push(String(error), String(error instanceof BundleFault)),
    );
    await rig.pass(ms);
  }

  it('swaps every worker, and never has fewer than N', async () => {
    let least = Infinity;
    const ready = rig.ready.bind(rig);
    const retire = rig.crew.retire.bind(rig.crew);
    rig.crew.retire = (member) => {
      retire(member);
      least = Math.min(least, rig.crew.observe().workers.ready);
    };
    rig.ready = ready;
    await swap();
    expect(log).toEqual(['committed', 'done']);
    expect(bundles()).toEqual(['second', 'second', 'second']);
    expect([least, rig.launches]).toEqual([3, 6]);
  });

  it('is committed when the first worker is ready, and not before', async () => {
    rig.onLaunch = () => undefined;
    await swap();
    expect([log, rig.pool.bundle.hash]).toEqual([[], 'first']);
    const trial = [...rig.pool.members.values()].find(({ bundle }) => bundle.hash === 'second')!;
    rig.onLaunch = (worker) => rig.ready(worker.order.id);
    rig.ready(trial.id);
    await rig.pass(200);
    expect(log).toEqual(['committed', 'done']);
  });

  it('changes nothing when the first worker can’t load it', async () => {
    rig.onLaunch = (worker) => rig.pool.fault(worker.order.id, 'b.ts: it threw');
    await swap();
    expect(log).toEqual(['BundleFault: b.ts: it threw', 'true']);
    expect([bundles(), rig.pool.bundle.hash, rig.pool.settled]).toEqual([
      ['first', 'first', 'first'],
      'first',
      1,
    ]);
    expect(rig.crew.observe().workers).toMatchObject({ ready: 3, starting: 0 });
  });

  it('lets running calls end on the workers that had them', async () => {
    for (const worker of rig.pool.members.values()) worker.running = 1;
    await swap();
    expect(log).toEqual(['committed']);
    expect([rig.in('draining').length, rig.in('ready').length]).toEqual([3, 3]);
    expect(rig.crew.observe().workers).toMatchObject({ ready: 3, draining: 0 });
    for (const id of rig.in('draining')) rig.pool.empty(id);
    await rig.pass(50);
    expect(log).toEqual(['committed', 'done']);
  });

  it('removes standbys of the old bundle at once, without replacing them', async () => {
    await rig.crew.act({ target: 2, readmit: 0, resume: 0, start: 0, drain: 1, discard: 0 });
    await swap();
    expect([bundles(), rig.launches]).toEqual([['second', 'second'], 5]);
  });

  it('keeps the last old worker while a call waits that no other can run', async () => {
    needed = true;
    await swap(5000);
    expect(log).toEqual(['committed']);
    expect(bundles().filter((hash) => hash === 'first')).toHaveLength(1);
    needed = false;
    await rig.pass(100);
    expect(log).toEqual(['committed', 'done']);
  });

  it('keeps the last old worker until another is there, if the one in its place dies while it waits', async () => {
    await rig.end();
    rig = new CrewRig(1);
    await rig.start();
    needed = true;
    await swap();
    const fresh = [...rig.pool.members.values()].find(({ bundle }) => bundle.hash === 'second')!;
    let least = Infinity;
    const retire = rig.crew.retire.bind(rig.crew);
    rig.crew.retire = (member) => {
      retire(member);
      least = Math.min(least, rig.in('ready').length);
    };
    rig.pool.eject(fresh.id, 'out of memory');
    needed = false;
    await rig.pass(1000);
    expect(log).toEqual(['committed', 'done']);
    expect([bundles(), least]).toEqual([['second'], 1]);
  });

  it('goes on when a later worker can’t be started at first', async () => {
    let launches = 0;
    const launch = rig.launcher.launch.bind(rig.launcher);
    rig.launcher.launch = (order) => {
      launches += 1;
      return launches === 2 ? Promise.reject(new Error('no memory')) : launch(order);
    };
    await swap(3000);
    expect(log).toEqual(['committed', 'done']);
    expect(bundles()).toEqual(['second', 'second', 'second']);
  });

  it('ends when the balancer stops', async () => {
    for (const worker of rig.pool.members.values()) worker.running = 1;
    await swap();
    await rig.crew.stop();
    await rig.pass(100);
    expect(log).toEqual(['committed', 'done']);
  });
});
