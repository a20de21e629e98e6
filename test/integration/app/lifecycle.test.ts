/** Starts, stops, crashes and restarts of the daemon, from the outside, on both runtimes. */
import { createServer } from 'node:net';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findEngine } from '../../contract/docker-engine.ts';
import { Home, until, type Balancer } from '../../support/balancer.ts';

const engine = await findEngine('starts and stops of worker containers');
const RUNTIMES = engine.missing === undefined ? (['process', 'docker'] as const) : (['process'] as const);

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await home.rm({ docker: engine.missing === undefined });
});

/** Workers that answered, of so many calls at once. */
async function answering(balancer: Balancer, calls: number): Promise<Set<string | null>> {
  const answers = await Promise.all(Array.from({ length: calls }, () => balancer.call('naptime', [20, 1])));
  return new Set(answers.map((answer) => answer.headers.get('spillway-worker')));
}

describe.each(RUNTIMES)('%s runtime', (runtime) => {
  const env = { SPILLWAY_RUNTIME: runtime, SPILLWAY_WORKERS: '2' };

  it('finishes calls in flight on SIGTERM, ends its workers and exits 0', async () => {
    const balancer = await home.start(env);
    const calls = Array.from({ length: 6 }, (_, i) => balancer.call('naptime', [300, i]));
    await until('a call is under way', async () => (await balancer.call('add', [1, 1])).result === 2);
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect((await Promise.all(calls)).map((answer) => answer.result)).toEqual([0, 1, 2, 3, 4, 5]);
    if (runtime === 'docker') expect(await home.containers()).toEqual([]);
  });

  it('removes its workers when its terminal is closed', async () => {
    const balancer = await home.start(env);
    expect(await balancer.kill('SIGHUP')).toBe(0);
    if (runtime === 'docker') expect(await home.containers()).toEqual([]);
  });

  it('leaves nothing when it is stopped while its workers are being started', async () => {
    const functions = join(home.dir, 'functions');
    mkdirSync(functions);
    // However late the stop comes, the start must not be over by then.
    writeFileSync(
      join(functions, 'slow.ts'),
      `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);\nexport default () => 1;\n`,
    );
    const balancer = home.launch({ ...env, SPILLWAY_FUNCTIONS: functions });
    await until('a worker is being started', async () =>
      runtime === 'docker'
        ? (await home.containers()).length > 0
        : existsSync(join(home.dir, 'state/workers/tmp')),
    );
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect(balancer.lines('"msg":"ready')).toEqual([]);
    if (runtime === 'docker') expect(await home.containers()).toEqual([]);
    // Whoever is left would dial into the next balancer's socket, and be seen there.
    const next = await home.start(env);
    expect(next.lines('taken over')).toEqual([]);
    expect(next.lines('not coming back')).toEqual([]);
    expect(await next.kill('SIGTERM')).toBe(0);
  });

  it('says 503 on readyz and ShuttingDown to calls that outlast the grace', async () => {
    const balancer = await home.start({ ...env, SPILLWAY_DRAIN_MS: '300' });
    const call = balancer.call('naptime', [20_000, 1]);
    await until('the call is under way', async () => (await balancer.call('add', [1, 1])).result === 2);
    balancer.process.kill('SIGTERM');
    expect((await call).error?.code).toBe(-32005);
    expect(await balancer.exited).toBe(0);
  });

  it('takes two signals within a second as one, and a later one as an order to end at once', async () => {
    const balancer = await home.start({ ...env, SPILLWAY_DRAIN_MS: '60000' });
    const call = balancer.call('naptime', [20_000, 1]).catch((error: unknown) => error);
    await until('the call is under way', async () => (await balancer.call('add', [1, 1])).result === 2);
    balancer.process.kill('SIGINT');
    balancer.process.kill('SIGINT');
    // The second begins when the balancer has heard of the first.
    await until('it drains', () => balancer.lines('SIGINT: draining').length === 1);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(balancer.process.exitCode).toBe(null);
    expect(await balancer.kill('SIGINT')).toBe(1);
    expect(await call).toBeInstanceOf(Error);
  });

  it('takes the workers of a killed balancer over, and starts none anew', async () => {
    const first = await home.start(env);
    const before = await answering(first, 8);
    await first.kill('SIGKILL');
    const second = await home.start(env);
    // A worker that had joined the two under these calls gets some too, but not of every eight.
    const after = new Set<string | null>();
    await until('the same workers answer', async () => {
      for (const worker of await answering(second, 8)) after.add(worker);
      return [...before].every((worker) => after.has(worker));
    });
    expect(second.lines('taken over')).toHaveLength(1);
    expect(await second.kill('SIGTERM')).toBe(0);
  });

  it('loses no idempotent call when a worker is killed under 200 of them', async () => {
    const balancer = await home.start(env);
    const calls = Array.from({ length: 200 }, (_, i) => balancer.call('naptime', [20, i]));
    const { headers } = await balancer.call('naptime', [20, 'they are under way']);
    await killOneWorker(balancer, runtime, headers.get('spillway-worker'));
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => answer.result)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    // So many calls may have made the pool grow as well, and then some of it may rest.
    await until('the worker is replaced', async () => (await answering(balancer, 8)).size >= 2);
    if (runtime === 'docker') expect((await home.containers()).length).toBeLessThanOrEqual(4 + 2);
  });

  it('lets no second balancer onto its state folder', async () => {
    const first = await home.start(env);
    const second = home.launch(env);
    expect(await second.exited).toBe(64);
    expect(second.output).toContain(`pid ${String(first.process.pid)}`);
    expect((await first.call('add', [1, 1])).result).toBe(2);
  });

  it('starts with the message of a function that fails while loading, and leaves nothing', async () => {
    const functions = join(home.dir, 'functions');
    mkdirSync(functions);
    writeFileSync(join(functions, 'broken.ts'), `throw new Error('no database');\nexport default () => 1;\n`);
    const balancer = home.launch({ ...env, SPILLWAY_FUNCTIONS: functions });
    expect(await balancer.exited).toBe(64);
    expect(balancer.output).toContain('no database');
    if (runtime === 'docker') expect(await home.containers()).toEqual([]);
  });
});

/** Kills one worker without the balancer's doing; where that may be any, one that has answered, since others may only be starting. */
async function killOneWorker(
  balancer: Balancer,
  runtime: 'docker' | 'process',
  worker: string | null,
): Promise<void> {
  if (runtime === 'docker') {
    if (engine.missing !== undefined) throw new Error('there is no engine');
    await engine.docker.getContainer(`spillway-${home.pool}-${worker}`).kill({ signal: 'SIGKILL' });
  } else {
    // Its slot ends with it; whether the answer still gets out first is a matter of luck.
    await balancer.call('murder');
    await until('the worker is gone', () => balancer.lines('worker lost').length > 0);
  }
}

describe('a start that cannot be', () => {
  const env = { SPILLWAY_RUNTIME: 'process' };

  it('names every faulty setting and exits 64', async () => {
    const balancer = home.launch({
      ...env,
      SPILLWAY_WORKERS: 'two',
      SPILLWAY_POLICY: 'random',
      SPILLWAY_WORKER: '1',
    });
    expect(await balancer.exited).toBe(64);
    for (const part of [
      'SPILLWAY_WORKERS is "two"',
      'SPILLWAY_POLICY is "random"',
      'did you mean SPILLWAY_WORKERS',
    ]) {
      expect(balancer.output).toContain(part);
    }
  });

  it('names the file and line of a function that does not compile', async () => {
    const functions = join(home.dir, 'functions');
    mkdirSync(functions);
    writeFileSync(join(functions, 'typo.ts'), `export default function typo() {\n  return 1 +;\n}\n`);
    const balancer = home.launch({ ...env, SPILLWAY_FUNCTIONS: functions });
    expect(await balancer.exited).toBe(64);
    expect(balancer.output).toMatch(/typo\.ts:2/);
  });

  it('names a port that is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const balancer = home.launch({ ...env, SPILLWAY_PORT: String(port) });
    expect(await balancer.exited).toBe(1);
    expect(balancer.output).toMatch(new RegExp(`SPILLWAY_PORT.*${port}|${port}.*SPILLWAY_PORT`));
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('without an engine', () => {
  const nowhere = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };

  it('falls back to processes when the runtime is auto, and says why', async () => {
    const balancer = await home.start({ ...nowhere, SPILLWAY_RUNTIME: 'auto' });
    expect((await balancer.call('add', [1, 1])).result).toBe(2);
    expect(balancer.lines('weaker isolation').length).toBeGreaterThan(0);
    expect(balancer.output).toContain('/nonexistent/docker.sock');
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });

  it('refuses to start when containers were asked for by name', async () => {
    const balancer = home.launch({ ...nowhere, SPILLWAY_RUNTIME: 'docker' });
    expect(await balancer.exited).toBe(1);
    expect(balancer.output).toContain('/nonexistent/docker.sock');
  });
});

describe.skipIf(engine.missing !== undefined)('with an engine', () => {
  it('takes over a standby of a killed balancer', async () => {
    if (engine.missing !== undefined) throw new Error('there is no engine');
    const env = { SPILLWAY_RUNTIME: 'docker', SPILLWAY_WORKERS: '2' };
    await (await home.start(env)).kill('SIGKILL');
    const before = (await home.containers()).map(({ Id }) => Id).sort();
    await engine.docker.getContainer(before[0] ?? '').pause();
    const second = await home.start(env);
    expect(second.lines('2 running workers taken over')).toHaveLength(1);
    expect((await home.containers()).map(({ Id }) => Id).sort()).toEqual(before);
    expect(await second.kill('SIGTERM')).toBe(0);
  });

  it.each(['docker', 'auto'])(
    'refuses a pool that another balancer serves with containers, with runtime %s',
    async (runtime) => {
      const env = { SPILLWAY_WORKERS: '1', SPILLWAY_WORKER_NETWORK: 'none' };
      const first = await home.start({ ...env, SPILLWAY_RUNTIME: 'docker' });
      const [container] = await home.containers();
      const other = { ...env, SPILLWAY_RUNTIME: runtime, SPILLWAY_STATE: join(home.dir, 'another') };
      const second = home.launch(other);
      expect(await second.exited).toBe(64);
      expect(second.output).toContain(`docker rm -f ${container?.Names[0]?.slice(1)}`);
      expect((await first.call('add', [1, 1])).result).toBe(2);
      expect(first.lines('worker lost')).toEqual([]);
      // What a crash left is no hindrance once it has ended.
      await first.kill('SIGKILL');
      if (engine.missing !== undefined) throw new Error('there is no engine');
      await engine.docker.getContainer(container?.Id ?? '').kill();
      const third = await home.start(other);
      expect((await third.call('add', [1, 1])).result).toBe(2);
      expect(await third.kill('SIGTERM')).toBe(0);
      expect(await home.containers()).toEqual([]);
    },
  );

  it('takes the slot, not the worker, when the container runs out of memory', async () => {
    const balancer = await home.start({ SPILLWAY_RUNTIME: 'docker', SPILLWAY_WORKER_MEMORY: '160m' });
    const answer = await balancer.call('buffers');
    expect(answer.error).toMatchObject({ code: -32003 });
    expect(balancer.lines('worker lost')).toEqual([]);
    await until('both workers are back', async () => (await answering(balancer, 8)).size >= 2);
  });

  it('shows the last words of a worker that ends before its hello', async () => {
    const balancer = home.launch({
      SPILLWAY_RUNTIME: 'docker',
      SPILLWAY_WORKER_IMAGE: 'node:24-bookworm-slim',
    });
    expect(await balancer.exited).toBe(1);
    expect(balancer.output).toContain('ended before it was ready: exit code');
    expect(await home.containers()).toEqual([]);
  });

  it('falls back to processes when a container cannot dial in and the runtime is auto', async () => {
    const balancer = await home.start({
      SPILLWAY_RUNTIME: 'auto',
      SPILLWAY_WORKER_IMAGE: 'node:24-bookworm-slim',
    });
    expect((await balancer.call('add', [1, 1])).result).toBe(2);
    expect(balancer.output).toContain('ended before it was ready');
    expect(await home.containers()).toEqual([]);
  });
});
