/** What only child processes have: the environment, slots that outlive their control process, reused pids. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RuntimeUnavailable, type Launcher } from '../../../src/runtime/launcher.ts';
import { openProcessLauncher } from '../../../src/runtime/process.ts';
import type { WorkerProgram } from '../../../src/runtime/program.ts';
import { eventually, listen, order, type Balancer } from '../../contract/balancer.ts';
import { standInProgram } from '../../contract/stand-in-worker.ts';

const ROOT = join(import.meta.dirname, '../../..');

describe.skipIf(process.platform !== 'linux')('process launcher', { timeout: 30_000 }, () => {
  let home: string;
  let dir: string;
  let balancer: Balancer;
  const opened: Launcher[] = [];
  const bystanders: ChildProcess[] = [];

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'spillway-process-'));
    dir = join(home, 'workers');
    await mkdir(join(home, 'socket'));
    balancer = await listen(join(home, 'socket', 'balancer.sock'));
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await Promise.all(opened.splice(0).map((launcher) => launcher.close()));
    for (const bystander of bystanders.splice(0)) bystander.kill('SIGKILL');
    for (const pid of await processes()) endIfThere(pid);
    await balancer.close();
    await rm(home, { recursive: true, force: true });
  });

  async function open(program: WorkerProgram = standInProgram()): Promise<Launcher> {
    const launcher = await openProcessLauncher({
      program,
      dir,
      socketDir: join(home, 'socket'),
      slots: 2,
      memoryBytes: 512 * 2 ** 20,
      log: pino({ level: 'silent' }),
    });
    opened.push(launcher);
    return launcher;
  }

  /** The pids of everything that was started with a folder inside of the test's; only of `variable`, if given. */
  async function processes(variable = ''): Promise<number[]> {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const environments = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
    );
    const own = (text = ''): boolean =>
      text.split('\0').some((entry) => entry.startsWith(variable) && entry.includes(`=${dir}/tmp/`));
    return pids.filter((_, index) => own(environments[index])).map(Number);
  }

  /** One that was killed just before may be seen, and gone by the time it is killed again. */
  function endIfThere(pid: number): void {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }

  const slotCount = (count: number): Promise<true> =>
    eventually(async () => ((await processes('TMPDIR')).length === count ? true : undefined));

  it('gives a worker an allow-listed environment and a process group of its own', async () => {
    vi.stubEnv('TZ', 'Asia/Tokyo');
    vi.stubEnv('LANG', 'C.UTF-8');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not for workers');
    vi.stubEnv('NODE_OPTIONS', '--no-warnings');
    const launcher = await open();
    const { pid = 0 } = await launcher.launch(order('looks-1'));
    const hello = await balancer.hello('looks-1');
    const seen = JSON.parse(hello.slice('looks-1 '.length)) as Record<string, unknown>;
    const { LC_ALL: _, ...env } = seen['env'] as Record<string, string>;
    expect(env).toEqual({
      TZ: 'Asia/Tokyo',
      LANG: 'C.UTF-8',
      SPILLWAY_SOCKET: join(home, 'socket', 'balancer.sock'),
      SPILLWAY_WORKER: 'looks-1',
      SPILLWAY_TOKEN: 'token-of-looks-1',
      SPILLWAY_SLOTS: '2',
      SPILLWAY_SLOT_MEMORY_MB: '168',
      SPILLWAY_ORPHAN_MS: '10000',
      SPILLWAY_TMP: join(dir, 'tmp', 'looks-1'),
    });
    expect(seen).toMatchObject({ execArgv: ['--disable-sigusr1'], tmpMode: 0o700 });
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    expect([Number(group), Number(session)]).toEqual([pid, pid]);
  });

  it('lets the balancer go before its workers and their slots when cores are short', async () => {
    const launcher = await open();
    const { pid = 0 } = await launcher.launch(order('dials-1'));
    await balancer.hello('dials-1');
    for (const one of [pid, ...(await processes('TMPDIR'))]) {
      expect(getPriority(one)).toBe(Math.min(19, getPriority() + 3));
    }
  });

  it('keeps its folder to itself, and to what is needed', async () => {
    // As in a state folder inside of a project with ES modules.
    await writeFile(join(home, 'package.json'), '{ "type": "module" }');
    const old = standInProgram('old');
    const unused = standInProgram('unused');
    const current = standInProgram('current');
    await open(unused);
    const first = await open(old);
    await first.launch(order('dials-1'));
    await balancer.hello('dials-1');
    writeFileSync(join(dir, 'not-ours'), '');
    const second = await open(current);
    expect(readdirSync(dir).sort()).toEqual(
      ['not-ours', 'tmp', 'workers', old.version, current.version].sort(),
    );
    for (const path of [dir, join(dir, 'tmp'), join(dir, 'tmp', 'dials-1'), join(dir, current.version)]) {
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
    await second.stop('dials-1');
    await open(current);
    expect(readdirSync(dir).sort()).toEqual(['not-ours', 'tmp', 'workers', current.version].sort());
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
    expect(readdirSync(join(dir, 'workers'))).toEqual([]);
  });

  it('says why its folder cannot be used', async () => {
    await writeFile(dir, 'a file');
    await expect(open()).rejects.toBeInstanceOf(RuntimeUnavailable);
    await expect(open()).rejects.toThrow(/workers' folder \S+ can't be used: EEXIST/);
  });

  it('ends the slots with their worker, busy and hidden ones too', async () => {
    const launcher = await open();
    await launcher.launch(order('slots-1'));
    await launcher.launch(order('slots-2'));
    await slotCount(6);
    await launcher.stop('slots-1');
    expect(await processes('TMPDIR')).toHaveLength(3);

    // As after a crash: nothing is known but the records.
    await (await open()).stop('slots-2');
    expect(await processes()).toEqual([]);
  });

  it('ends the slots of a worker that died by itself', async () => {
    const launcher = await open();
    const worker = await launcher.launch(order('slots-1'));
    await slotCount(3);
    process.kill(worker.pid ?? 0, 'SIGKILL');
    expect((await worker.exited).reason).toBe('killed by SIGKILL');
    expect(await processes()).toEqual([]);
  });

  it('ends the slots of a worker that died while there was no balancer', async () => {
    await (await open()).launch(order('dials-1'));
    const slot = join(dir, standInProgram().version, 'slot.js');
    const left = spawn(process.execPath, [slot, 'loops'], {
      env: { TMPDIR: join(dir, 'tmp', 'dials-1', 'x') },
    });
    bystanders.push(left);
    await slotCount(1);
    await (await open()).stop('dials-1');
    expect(await processes()).toEqual([]);
  });

  it('has workers that survive a kill -9 of the balancer, and finds them again', async () => {
    const script = `
      const { openProcessLauncher } = await import(${JSON.stringify(join(ROOT, 'src/runtime/process.ts'))});
      const { standInProgram } = await import(${JSON.stringify(join(ROOT, 'test/contract/stand-in-worker.ts'))});
      const { pino } = await import('pino');
      const launcher = await openProcessLauncher({
        program: standInProgram(), dir: ${JSON.stringify(dir)}, socketDir: ${JSON.stringify(join(home, 'socket'))},
        slots: 1, memoryBytes: 2 ** 28, log: pino({ level: 'silent' }),
      });
      await launcher.launch({ id: 'dials-1', token: 'a' });
      await launcher.launch({ id: 'dials-2', token: 'b' });
      console.log('launched');
      setInterval(() => {}, 1000);`;
    const crashing = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT });
    bystanders.push(crashing);
    // A worker may say hello before its launch has ended.
    const launched = once(crashing.stdout, 'data');
    await Promise.all([balancer.hello('dials-1'), balancer.hello('dials-2'), launched]);
    crashing.kill('SIGKILL');

    // It loses its connection and prints that to a pipe which nobody reads any more.
    await balancer.close();
    const pids = await processes('SPILLWAY_TMP');
    expect(pids).toHaveLength(2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await processes('SPILLWAY_TMP')).toEqual(pids);

    balancer = await listen(join(home, 'socket', 'balancer.sock'));
    const successor = await open();
    const listed = await successor.list();
    expect(listed.map(({ pid }) => pid).sort()).toEqual(pids.sort());
    expect(listed).toMatchObject([{ state: 'running' }, { state: 'running' }]);
    await successor.stop('dials-1');
    expect(await successor.list()).toMatchObject([{ id: 'dials-2', state: 'running' }]);
    await successor.stop('dials-2');
    expect(await processes()).toEqual([]);
  });

  it('never takes another process for a worker because it has its pid', async () => {
    await open();
    const bystander = (env: NodeJS.ProcessEnv): number => {
      const process = spawn('sleep', ['60'], { env });
      bystanders.push(process);
      return process.pid ?? 0;
    };
    // Someone works in the worker's folder, and has got the worker's pid.
    const tmp = join(dir, 'tmp', 'reused-1');
    const pid = bystander({ PWD: tmp, TMPDIR: `${tmp}0`, SPILLWAY_TMP: `${tmp}0` });
    writeFileSync(
      join(dir, 'workers', 'reused-1.json'),
      JSON.stringify({ id: 'reused-1', pid, version: '' }),
    );
    writeFileSync(join(dir, 'workers', 'damaged-1.json'), '{"id":');
    writeFileSync(join(dir, 'workers', 'damaged-2.json'), '{"id":"damaged-2","pid":-1}');

    const launcher = await open();
    const listed = await launcher.list();
    expect(listed.map(({ id, state }) => `${id} ${state}`).sort()).toEqual([
      'damaged-1 exited',
      'damaged-2 exited',
      'reused-1 exited',
    ]);
    await Promise.all(listed.map(({ id }) => launcher.stop(id)));
    expect(await launcher.list()).toEqual([]);
    expect(spawnSync('kill', ['-0', String(pid)]).status).toBe(0);
    expect(bystanders.map(({ signalCode }) => signalCode)).toEqual([null]);
  });

  it('leaves no process behind whose record cannot be written', async () => {
    const launcher = await open();
    await mkdir(join(dir, 'workers', 'dials-1.json.new'));
    await expect(launcher.launch(order('dials-1'))).rejects.toThrow(/dials-1 can't be started: EISDIR/);
    expect(await processes()).toEqual([]);
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  });

  it('removes the files of a worker with it', async () => {
    const launcher = await open();
    await launcher.launch(order('dials-1'));
    const tmp = join(dir, 'tmp', 'dials-1');
    await mkdir(join(tmp, 'deep', 'down'), { recursive: true });
    await writeFile(join(tmp, 'deep', 'down', 'file'), 'x');
    await launcher.stop('dials-1');
    expect(existsSync(tmp)).toBe(false);
  });
});
