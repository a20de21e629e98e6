/** The spillway command against a real daemon, both as processes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Snapshot, Status } from '../../../src/admin/operations.ts';
import { Home, until, type Balancer } from '../../support/balancer.ts';
import { spillway, type CommandRun } from '../../support/cli.ts';
import { freePort } from '../../support/free-port.ts';

const home = new Home();
let balancer: Balancer;
let env: Record<string, string>;

beforeAll(async () => {
  balancer = await home.start({ SPILLWAY_RUNTIME: 'process', SPILLWAY_WORKERS: '2' });
  const [ready] = balancer.lines('"msg":"ready');
  env = {
    SPILLWAY_STATE: join(home.dir, 'state'),
    SPILLWAY_PORT: new URL(balancer.url).port,
    SPILLWAY_ADMIN_PORT: new URL(String(ready?.['adminUrl'])).port,
  };
});
afterAll(() => home.rm({ docker: false }));

const run = (...args: string[]): Promise<CommandRun> => spillway(env, args);
const json = async (...args: string[]): Promise<unknown> => JSON.parse((await run(...args, '--json')).stdout);

describe('status', () => {
  it('is the contract’s with --json, and some lines without, in no colours', async () => {
    const status = (await json('status')) as Status;
    expect(status.pool).toMatchObject({ id: home.pool, runtime: 'process', n: 2, min: 2, max: 4, ready: 2 });
    expect(status.functions).toContain('add');
    const { code, stdout } = await run('status');
    expect(code).toBe(0);
    expect(stdout).toContain('2 of 2 to 4 workers ready');
    expect(stdout).not.toContain('\u001b');
  });
});

describe('call', () => {
  it('takes words, a JSON array, and standard input; says the place on stderr', async () => {
    const words = await run('call', 'add', '-2', '3');
    expect(words).toMatchObject({ code: 0, stdout: '1\n' });
    const callId = /^pool w\w+: waited .* ran .* in all, call (\d+)\n$/.exec(words.stderr)?.[1];
    expect((await run('logs', callId ?? words.stderr, '--once')).stdout).toContain('function=add place=pool');
    expect((await run('call', 'add', '[4, 5]')).stdout).toBe('9\n');
    const input = await spillway(env, ['call', 'add', '-'], { input: '[6, 7]\n' });
    expect(input.stdout).toBe('13\n');
  });

  it('can be forced to a place, and then has an id under which the log knows it', async () => {
    const answer = (await json('call', 'add', '1', '2', '--backend', 'pool')) as Record<string, string>;
    expect(answer).toMatchObject({ result: 3, backend: 'pool' });
    const { code, stdout } = await run('logs', answer['callId']!);
    expect(code).toBe(0);
    expect(stdout).toContain(`function=add place=pool worker=${answer['worker']}`);
    expect((await run('call', 'add', '1', '2', '--backend', 'cloud')).code).toBe(1);
  });

  it('waits for an answer longer than the 5 s after which Node’s own agent would give up', async () => {
    expect(await run('call', 'naptime', '5500', 'rested')).toMatchObject({ code: 0, stdout: 'rested\n' });
  });

  it('ends with 1 and the reason when the call failed', async () => {
    const unknown = await run('call', 'no-such-function');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toContain('No function is named "no-such-function" (-32601)');
  });
});

describe('a daemon that is frozen', () => {
  it.each([
    ['status', 'SIGINT', 130],
    ['reload', 'SIGTERM', 143],
  ] as const)('%s ends at once at %s', async (command, signal, code) => {
    balancer.process.kill('SIGSTOP');
    try {
      // Into the backlog of a frozen process everything connects; so it is waiting by the time the connection is seen.
      const ended = spillway(env, [command], {
        signal,
        when: () => hasConnection(env['SPILLWAY_ADMIN_PORT']),
      });
      expect(await ended).toMatchObject({ code, stdout: '', stderr: '' });
    } finally {
      balancer.process.kill('SIGCONT');
    }
    expect((await run('status')).code).toBe(0);
  });
});

/** Whether someone is connected to the port on the loopback, as the kernel tells it. */
function hasConnection(port = ''): boolean {
  const peer = `:${Number(port).toString(16).toUpperCase().padStart(4, '0')} 01 `;
  return readFileSync('/proc/net/tcp', 'utf8').includes(peer);
}

describe('what changes the pool', () => {
  it('drain: the worker leaves and another takes its place', async () => {
    const before = ((await json('status')) as Status).pool.workers.map(({ id }) => id);
    expect((await run('drain', before[0]!)).code).toBe(0);
    await until('another worker', async () => {
      const { pool } = (await json('status')) as Status;
      return pool.ready === 2 && !pool.workers.some(({ id }) => id === before[0]);
    });
    const unknown = await run('drain', 'w-none');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('there is no worker "w-none"');
  });
});

describe('top and logs', () => {
  it('top shows the state once without a terminal, and a snapshot a line with --json', async () => {
    expect((await run('top')).stdout).toContain('add');
    const live = await spillway(env, ['top', '--json'], { killWhen: (out) => out.split('\n').length > 2 });
    expect(live.code).toBe(0);
    const [first] = live.stdout.split('\n').map((line) => JSON.parse(line || '{}') as Partial<Snapshot>);
    expect(first?.status?.pool.id).toBe(home.pool);
    expect(first?.rates).toHaveProperty('cloud');
  });

  it('logs follows until it is left, and knows no secrets', async () => {
    const followed = await spillway(env, ['logs'], { killWhen: (out) => out.includes('ready: ') });
    expect(followed.code).toBe(0);
    const token = readFileSync(join(home.dir, 'state', 'admin-token'), 'utf8').trim();
    expect(followed.stdout).toContain('admin page opened');
    expect(followed.stdout + balancer.output).not.toContain(token);
    expect((await run('logs', '4000000000', '--once')).code).toBe(1);
  });
});

describe('a daemon that is killed', () => {
  it('ends logs and top as one that isn’t there', async () => {
    const other = new Home();
    const doomed = await other.start({ SPILLWAY_RUNTIME: 'process', SPILLWAY_WORKERS: '1' });
    const [ready] = doomed.lines('"msg":"ready');
    const { port } = new URL(String(ready?.['adminUrl']));
    const its = { SPILLWAY_STATE: join(other.dir, 'state'), SPILLWAY_ADMIN_PORT: port };
    const followers = [['logs'], ['top', '--json']].map((args) => {
      let heard: () => void = () => undefined;
      const hears = new Promise<void>((resolve) => (heard = resolve));
      const killWhen = (): boolean => (heard(), false);
      return { ended: spillway(its, args, { killWhen }), hears };
    });
    await Promise.all(followers.map(({ hears }) => hears));
    await doomed.kill('SIGKILL');
    for (const { ended } of followers) {
      const { code, stderr } = await ended;
      expect([code, stderr]).toEqual([2, expect.stringContaining('has gone')]);
    }
    await other.rm({ docker: false });
  });
});

describe('exit codes', () => {
  it('64 for what makes no sense', async () => {
    for (const args of [
      [],
      ['dance'],
      ['status', 'more'],
      ['drain'],
      ['resize', 'many'],
      ['top', '--fast'],
    ]) {
      const { code, stdout, stderr } = await run(...args);
      expect([args, code]).toEqual([args, 64]);
      expect(stdout + stderr).not.toBe('');
    }
    expect((await spillway({ ...env, SPILLWAY_PORT: 'x' }, ['status'])).code).toBe(64);
  });

  it('0 for help, with every command in it', async () => {
    const { code, stdout } = await run('--help');
    expect(code).toBe(0);
    const names = stdout.match(/^ {2}\w+/gm)?.map((name) => name.trim());
    expect(names).toEqual(
      'status top call compare calibrate logs drain resize reload restart deploy destroy'.split(' '),
    );
    for (const name of ['call', 'deploy'])
      expect((await run(name, '--help')).stdout).toContain(`spillway ${name}`);
  });

  it('1 when the daemon refuses', async () => {
    expect((await spillway({ ...env, SPILLWAY_ADMIN_TOKEN: 'wrong' }, ['status'])).code).toBe(1);
    for (const command of ['compare', 'calibrate'])
      expect((await run(command, 'add', '1', '2')).stderr).toContain('the cloud is off');
  });

  it('2 when no daemon is there', async () => {
    const nobody = {
      ...env,
      SPILLWAY_ADMIN_PORT: String(await freePort()),
      SPILLWAY_PORT: String(await freePort()),
    };
    for (const args of [['status'], ['top'], ['logs'], ['call', 'add', '1', '2']]) {
      const { code, stderr } = await spillway(nobody, args);
      expect([args, code]).toEqual([args, 2]);
      expect(stderr).toContain('npm start');
    }
    const elsewhere = await spillway({ SPILLWAY_STATE: join(home.dir, 'none') }, ['status']);
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.stderr).toContain('admin-token');
  });
});
