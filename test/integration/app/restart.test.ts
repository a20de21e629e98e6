/** Planned restarts of the daemon, from the outside. scripts/restarts.ts does many under load. */
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Status } from '../../../src/admin/operations.ts';
import { Journal, type Errand } from '../../../scripts/soak/journal.ts';
import { findEngine } from '../../contract/docker-engine.ts';
import { RawClient, callText, postText } from '../../support/front.ts';
import { Home, until, type Balancer } from '../../support/balancer.ts';
import { spillway } from '../../support/cli.ts';
import { freePort } from '../../support/free-port.ts';

const engine = await findEngine('restarts with worker containers');
const RUNTIMES = engine.missing === undefined ? (['process', 'docker'] as const) : (['process'] as const);
const FIXTURES = join(import.meta.dirname, '../../fixtures/functions');

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await home.rm({ docker: engine.missing === undefined });
});

function naptime(ms: number, token: number): Errand {
  return {
    method: 'naptime',
    params: [ms, token],
    fault: (result) => (result === token ? undefined : `${String(result)} in place of ${token}`),
    mayFailWith: [],
  };
}

/** How long a restart may take, or its refusal, in milliseconds: it builds and starts everything twice. */
const RESTART_MS = 60_000;

/** Resolves when the balancer has said it is ready so many times. */
async function readyTimes(balancer: Balancer, times: number): Promise<void> {
  const said = (): boolean => balancer.lines('"msg":"ready').length >= times;
  await until(`it is ready for the ${times}. time`, said, RESTART_MS);
}

function portOf(balancer: Balancer): number {
  return Number(new URL(balancer.url).port);
}

describe.each(RUNTIMES)('%s runtime', { timeout: 4 * RESTART_MS }, (runtime) => {
  it('loses no call in three restarts under load, and starts no worker anew', async () => {
    const balancer = await home.start({ SPILLWAY_RUNTIME: runtime });
    const { pid } = balancer.process;
    let over = false;
    const journals = Array.from({ length: 6 }, (_, i) => {
      return new Journal(`c${i}`, portOf(balancer), 30_000, i % 2 === 0);
    });
    const clients = journals.map(async (journal, i) => {
      for (let n = 0; !over; n++) await journal.call(naptime((n * 7) % 40, i * 1000 + n));
    });
    for (let restarts = 1; restarts <= 3; restarts++) {
      balancer.process.kill('SIGUSR2');
      await readyTimes(balancer, restarts + 1);
    }
    over = true;
    await Promise.all(clients);
    for (const journal of journals) journal.close();
    expect(journals.flatMap(({ tally }) => tally.breaches)).toEqual([]);
    expect(balancer.lines('running workers taken over')).toHaveLength(3);
    // What the rehearsals have built isn't built again while clients wait.
    expect(balancer.lines('"msg":"bundled')).toHaveLength(1);
    expect(balancer.lines('"msg":"took over')).toHaveLength(3);
    expect(balancer.lines('worker lost')).toEqual([]);
    expect(balancer.lines('is not coming back')).toEqual([]);
    expect(balancer.process.pid).toBe(pid);
    expect(await balancer.kill('SIGTERM')).toBe(0);
    if (runtime === 'docker') expect(await home.containers()).toEqual([]);
  });
});

describe('a restart', { timeout: 4 * RESTART_MS }, () => {
  const env = { SPILLWAY_RUNTIME: 'process', SPILLWAY_WORKERS: '1' };

  it('waits for a call in flight, and for an answer before it closes a kept-alive connection', async () => {
    const balancer = await home.start(env);
    const client = await RawClient.open(portOf(balancer));
    balancer.process.kill('SIGUSR2');
    await until('it finishes', () => balancer.lines('finishing what clients').length === 1, RESTART_MS);
    const nap = JSON.stringify({ jsonrpc: '2.0', method: 'naptime', params: [2500, 7], id: 1 });
    const text = await client.send(postText(nap)).untilEnd();
    expect(text).toMatch(/^HTTP\/1\.1 200 .*Connection: close.*"result":7,"id":1\}$/is);
    await readyTimes(balancer, 2);
    const again = await RawClient.open(portOf(balancer));
    expect(await again.send(postText(callText(2, 'nothing'))).until('"id":2}')).toContain('-32601');
    again.socket.destroy();
  });

  it('is refused where the new functions cannot be loaded, and the old ones go on', async () => {
    const functions = join(home.dir, 'functions');
    cpSync(FIXTURES, functions, { recursive: true });
    const balancer = await home.start({ ...env, SPILLWAY_FUNCTIONS: functions });
    // It compiles, so only a worker finds it out.
    writeFileSync(join(functions, 'broken.ts'), `throw new Error('no database');\nexport default () => 1;\n`);
    balancer.process.kill('SIGUSR2');
    await until('it is refused', () => balancer.lines('restart refused').length === 1, RESTART_MS);
    expect(balancer.lines('restart refused')[0]?.['msg']).toMatch(/this version goes on: .*no database/s);
    expect((await balancer.call('add', [1, 2])).result).toBe(3);
    writeFileSync(join(functions, 'broken.ts'), `export default () => 'mended';\n`);
    balancer.process.kill('SIGUSR2');
    await readyTimes(balancer, 2);
    expect((await balancer.call('broken')).result).toBe('mended');
  });

  it('does not serve what was tried, if the functions have changed since', async () => {
    const functions = join(home.dir, 'functions');
    cpSync(FIXTURES, functions, { recursive: true });
    const balancer = await home.start({ ...env, SPILLWAY_FUNCTIONS: functions });
    const asked = balancer.call('naptime', [3000, 7]);
    balancer.process.kill('SIGUSR2');
    // It waits for the call.
    await until('it was tried', () => balancer.lines('finishing what clients').length === 1, RESTART_MS);
    writeFileSync(join(functions, 'add.ts'), `export default () => 'changed';\n`);
    expect((await asked).result).toBe(7);
    await readyTimes(balancer, 2);
    expect((await balancer.call('add', [1, 2])).result).toBe('changed');
    expect(balancer.lines('"msg":"bundled')).toHaveLength(2);
    expect(existsSync(join(home.dir, 'state/handover'))).toBe(false);
  });

  it('reads a changed file of settings, and is refused where one is faulty', async () => {
    const file = join(home.dir, 'env');
    writeFileSync(file, 'SPILLWAY_TIMEOUT_MS=10000\n');
    const balancer = home.launch(env, [`--env-file=${file}`]);
    await balancer.ready();
    writeFileSync(file, 'SPILLWAY_TIMEOUT_MS=soon\n');
    balancer.process.kill('SIGUSR2');
    await until('it is refused', () => balancer.lines('restart refused').length === 1, RESTART_MS);
    expect(balancer.lines('restart refused')[0]?.['msg']).toContain('SPILLWAY_TIMEOUT_MS is "soon"');
    writeFileSync(file, 'SPILLWAY_TIMEOUT_MS=100\n');
    balancer.process.kill('SIGUSR2');
    await readyTimes(balancer, 2);
    expect((await balancer.call('naptime', [5000, 1])).error).toMatchObject({ code: -32002 });
  });

  it('has workers with the settings of now, and functions with the variables of now', async () => {
    const [settings, variables, functions] = ['settings', 'variables', 'greetings'].map((name) => {
      return join(home.dir, name);
    }) as [string, string, string];
    mkdirSync(functions);
    writeFileSync(join(functions, 'greeting.ts'), 'export default () => process.env.GREETING;\n');
    writeFileSync(variables, 'GREETING=hello\n');
    writeFileSync(settings, 'SPILLWAY_WORKER_SLOTS=1\n');
    const adminPort = String(await freePort());
    const fixed = { SPILLWAY_FUNCTIONS: functions, SPILLWAY_FUNCTION_ENV: variables };
    const balancer = home.launch({ ...env, ...fixed, SPILLWAY_ADMIN_PORT: adminPort }, [
      `--env-file=${settings}`,
    ]);
    await balancer.ready();
    expect((await balancer.call('greeting')).result).toBe('hello');
    writeFileSync(variables, 'GREETING=hi\n');
    writeFileSync(settings, 'SPILLWAY_WORKER_SLOTS=2\n');
    balancer.process.kill('SIGUSR2');
    await readyTimes(balancer, 2);
    expect((await balancer.call('greeting')).result).toBe('hi');
    const asked = { SPILLWAY_STATE: join(home.dir, 'state'), SPILLWAY_ADMIN_PORT: adminPort };
    await until('its worker has two slots', async () => {
      const { pool } = JSON.parse((await spillway(asked, ['status', '--json'])).stdout) as Status;
      return pool.ready === 1 && pool.slots === 2;
    });
    expect((await balancer.call('greeting')).result).toBe('hi');
  });

  it('can be asked for with the command, which says when the new version serves, or why it was refused', async () => {
    const file = join(home.dir, 'env');
    const adminPort = String(await freePort());
    writeFileSync(file, 'SPILLWAY_TIMEOUT_MS=10000\n');
    const balancer = home.launch({ ...env, SPILLWAY_ADMIN_PORT: adminPort }, [`--env-file=${file}`]);
    await balancer.ready();
    const asked = { SPILLWAY_STATE: join(home.dir, 'state'), SPILLWAY_ADMIN_PORT: adminPort };
    const done = await spillway(asked, ['restart', '--json']);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(done.stdout)).toMatchObject({ ok: true, version: expect.any(String) as string });
    await readyTimes(balancer, 2);
    writeFileSync(file, 'SPILLWAY_TIMEOUT_MS=soon\n');
    const refused = await spillway(asked, ['restart']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /refused, and the balancer goes on as it was: .*SPILLWAY_TIMEOUT_MS is "soon"/,
    );
    writeFileSync(file, 'SPILLWAY_TIMEOUT_MS=10000\n');
    const again = await spillway(asked, ['restart']);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toMatch(/^version \S+ serves/);
    expect((await balancer.call('add', [1, 2])).result).toBe(3);
  });

  it('gives way to a signal to stop while it waits for calls, which is no failure', async () => {
    const balancer = await home.start({ ...env, SPILLWAY_DRAIN_MS: '20000' });
    const call = balancer.call('naptime', [3000, 1]);
    balancer.process.kill('SIGUSR2');
    await until('it waits', () => balancer.lines('restart: finishing').length === 1, RESTART_MS);
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect((await call).result).toBe(1);
    expect(balancer.lines('restart given up: the balancer is stopping')).toHaveLength(1);
    expect(balancer.lines('"level":50')).toEqual([]);
  });

  it('gives way to a signal to stop', async () => {
    const balancer = await home.start({ ...env, SPILLWAY_DRAIN_MS: '500' });
    balancer.process.kill('SIGUSR2');
    await until('it has begun', () => balancer.lines('restart: trying').length === 1);
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });
});
