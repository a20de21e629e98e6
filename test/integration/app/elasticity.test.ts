/** The pool that follows the load, for real: time passes here as it does for an operator. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findEngine } from '../../contract/docker-engine.ts';
import { Home, until } from '../../support/balancer.ts';
import { OwnBalancer } from '../../support/own-balancer.ts';

/** A panic lasts 20 s and the stable window 15 s, so an idle pool takes some half a minute to shrink; in milliseconds. */
const SHRUNK_MS = 100_000;
const GROWN_MS = 30_000;

const engine = await findEngine('standbys and swaps of worker containers');
const RUNTIMES = engine.missing === undefined ? (['process', 'docker'] as const) : (['process'] as const);

let home: Home;
let balancer: OwnBalancer;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await balancer.stop();
  const left = engine.missing === undefined ? await home.containers() : [];
  await home.rm({ docker: engine.missing === undefined });
  expect(left).toEqual([]);
});

async function start(env: Record<string, string>): Promise<void> {
  balancer = await new OwnBalancer(home, env).start();
}

/** Loads the pool until it has that many ready workers. */
async function grow(ready: number): Promise<void> {
  const grown = until(
    `${ready} workers are ready`,
    () => balancer.states.filter((state) => state === 'ready').length === ready,
    GROWN_MS,
  );
  await balancer.underLoad(8, () => balancer.call('naptime', [100, 1]), grown);
}

describe.each(RUNTIMES)('%s runtime', (runtime) => {
  it(
    'grows under load, shrinks to a standby when idle, and resumes it',
    async () => {
      await start({ SPILLWAY_RUNTIME: runtime, SPILLWAY_WORKERS: '1' });
      expect(balancer.states).toEqual(['ready']);
      await grow(2);
      const { ids } = balancer;
      await until('one is a standby', () => balancer.states.join() === 'ready,standby', SHRUNK_MS);
      if (runtime === 'docker') {
        const states = async (): Promise<string> =>
          (await home.containers())
            .map(({ State }) => State)
            .sort()
            .join();
        await until('its container is paused', async () => (await states()) === 'paused,running');
      }
      expect(await balancer.call('add', [1, 2])).toBe(3);
      await grow(2);
      expect(balancer.ids).toEqual(ids);
      expect(balancer.failed).toEqual([]);
    },
    SHRUNK_MS + 2 * GROWN_MS,
  );

  it('swaps the functions under load without a failed call', async () => {
    const functions = join(home.dir, 'functions');
    mkdirSync(functions);
    const write = (name: string, text: string): void => {
      writeFileSync(join(functions, `${name}.ts`), `export default (): string => '${text}';\n`);
    };
    write('version', 'one');
    write('removed', 'x');
    await start({ SPILLWAY_RUNTIME: runtime, SPILLWAY_WORKERS: '2', SPILLWAY_FUNCTIONS: functions });
    const before = balancer.ids;
    expect(await balancer.poolControl.reload()).toMatchObject({ changed: false });

    // `added` comes before `version`: its index in the manifest is another from now on.
    write('added', 'new');
    write('version', 'two');
    const seen: unknown[] = [];
    const reloaded = await balancer.underLoad(
      8,
      async () => seen.push(await balancer.call('version')),
      balancer.poolControl.reload(),
    );
    expect(reloaded).toMatchObject({ changed: true, functions: ['added', 'removed', 'version'] });
    expect(balancer.failed).toEqual([]);
    expect(new Set(seen)).toEqual(new Set(['one', 'two']));
    expect([await balancer.call('version'), await balancer.call('added')]).toEqual(['two', 'new']);
    expect(balancer.ids.filter((id) => before.includes(id))).toEqual([]);

    writeFileSync(
      join(functions, 'version.ts'),
      `throw new Error('no database');\nexport default () => 1;\n`,
    );
    await expect(
      balancer.underLoad(4, () => balancer.call('version'), balancer.poolControl.reload()),
    ).rejects.toThrow('no database');
    expect([await balancer.call('version'), balancer.failed]).toEqual(['two', []]);

    writeFileSync(join(functions, 'version.ts'), 'export default () => 1 +;');
    await expect(balancer.poolControl.reload()).rejects.toThrow(/version\.ts:1/);
    expect(await balancer.call('version')).toBe('two');
  });
});

it('changes N at run time, and drains a worker once another has taken its place', async () => {
  await start({ SPILLWAY_RUNTIME: 'process', SPILLWAY_WORKERS: '1' });
  await balancer.poolControl.resize(3);
  await until('there are three', () => balancer.states.join() === 'ready,ready,ready');
  const [first] = balancer.ids;
  await balancer.poolControl.drainWorker(first!);
  await until('it has gone', () => !balancer.ids.includes(first!));
  expect(balancer.states).toEqual(['ready', 'ready', 'ready']);
  await balancer.poolControl.resize(1);
  // Two are the most now; the third becomes a standby, of which there may be one.
  await until('one has left', () => balancer.states.join() === 'ready,ready,standby');
  expect(balancer.poolControl.scaling).toMatchObject({ target: 2 });
  expect(balancer.poolControl.scaled).toMatchObject({ target: 2, reason: 'maximum' });
  await expect(balancer.poolControl.resize(0)).rejects.toThrow(/from 1 to/);
  expect(await balancer.call('add', [1, 1])).toBe(2);
});

describe.skipIf(engine.missing !== undefined)('with an engine', () => {
  it('does without a standby whose container somebody has removed', async () => {
    await start({ SPILLWAY_RUNTIME: 'docker', SPILLWAY_WORKERS: '2' });
    await balancer.poolControl.resize(3);
    await until('there are three', () => balancer.states.join() === 'ready,ready,ready');
    await balancer.poolControl.resize(1);
    await until('one is a standby', () => balancer.states.join() === 'ready,ready,standby');
    const standby = balancer.poolControl.workers.find(({ state }) => state === 'standby')?.id;
    if (engine.missing !== undefined) throw new Error('there is no engine');
    const container = engine.docker.getContainer(`spillway-${home.pool}-${standby}`);
    await until('its container is paused', async () => (await container.inspect()).State.Paused);
    await container.remove({ force: true });
    // How many others are ready by now depends on the time: some seconds later one is enough.
    await until('it is gone', () => !balancer.ids.includes(standby!));
    await balancer.poolControl.resize(3);
    await until('another was started', () => balancer.states.join() === 'ready,ready,ready');
    expect(await balancer.call('add', [1, 1])).toBe(2);
  });
});
