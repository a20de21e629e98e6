/** The state folder damaged, full, not writable or somebody else's: service, or one clear message. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Home, until, type Balancer } from '../../support/balancer.ts';

const ENV = { SPILLWAY_RUNTIME: 'process', SPILLWAY_WORKERS: '1' };
/** Somebody who isn't root. */
const NOBODY = 65_534;
/** Of the small disk: enough to start, soon full. */
const DISK = 'size=4m';

let home: Home;
let state: string;
let mounted: string | undefined;
beforeEach(() => {
  home = new Home();
  state = join(home.dir, 'state');
});
afterEach(async () => {
  await home.rm({ docker: false }).catch(() => undefined);
  if (mounted !== undefined) execFileSync('umount', ['--lazy', mounted]);
  mounted = undefined;
  rmSync(home.dir, { recursive: true, force: true });
});

/** Mounts a disk of its own on the state folder; false where this user may not, which is said. */
function mountState(...options: string[]): boolean {
  mkdirSync(state, { recursive: true, mode: 0o700 });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', ['mode=700', ...options].join(), 'tmpfs', state], {
      stdio: 'pipe',
    });
  } catch {
    if (process.env['CI'] === 'true') throw new Error('this test must be able to mount with CI=true');
    process.stderr.write('skipped: a full or read-only disk: this user may not mount one\n');
    return false;
  }
  mounted = state;
  return true;
}

/** Fills the disk to its last byte, as often as wanted: what is removed makes room anew. */
function fill(): void {
  const output = [`of=${join(state, 'filler')}`, 'oflag=append', 'conv=notrunc'];
  try {
    execFileSync('dd', ['if=/dev/zero', ...output, 'bs=4096'], { stdio: 'pipe' });
  } catch {
    // dd fails, since the disk is full: that is what is wanted.
  }
}

async function serves(balancer: Balancer): Promise<void> {
  expect((await balancer.call('add', [1, 2])).result).toBe(3);
}

/** What it says before it gives up, which must be one line. */
async function lastWords(balancer: Balancer): Promise<string> {
  expect(await balancer.exited).toBe(64);
  const fatal = balancer.lines('"level":60');
  expect(fatal).toHaveLength(1);
  const text = String(fatal[0]?.['msg']);
  expect(text).not.toContain('\n');
  return text;
}

describe('after a crash, with a damaged file', () => {
  const garbage = Buffer.from([0, 255, 17, 10, 13, 200]);

  it.each(['secret', 'admin-token'])('%s: it is made anew, and calls are served', async (name) => {
    const first = await home.start(ENV);
    await first.kill('SIGKILL');
    writeFileSync(join(state, name), garbage);
    const second = await home.start(ENV);
    expect(second.lines('was damaged and is made anew')).toHaveLength(1);
    await serves(second);
    expect(await second.kill('SIGTERM')).toBe(0);
  });

  it('holder.json: nobody minds', async () => {
    await (await home.start(ENV)).kill('SIGKILL');
    writeFileSync(join(state, 'holder.json'), garbage);
    await serves(await home.start(ENV));
  });

  it("a worker's record: the worker is replaced", async () => {
    const first = await home.start(ENV);
    const worker = (await first.call('add', [1, 1])).headers.get('spillway-worker');
    await first.kill('SIGKILL');
    writeFileSync(join(state, 'workers/workers', `${worker}.json`), garbage);
    const second = await home.start(ENV);
    await serves(second);
    expect(await second.kill('SIGTERM')).toBe(0);
  });

  it.each(['lock', 'pool'])('%s: it is named in one line, with what to do', async (name) => {
    await (await home.start(ENV)).kill('SIGKILL');
    writeFileSync(join(state, name), garbage.toString('latin1').repeat(200));
    expect(await lastWords(home.launch(ENV))).toMatch(new RegExp(`state/${name} .*remove`));
  });
});

describe('a folder that cannot be written', () => {
  it('says so in one line where its disk is read-only', async () => {
    if (!mountState('ro')) return;
    expect(await lastWords(home.launch(ENV))).toMatch(/state folder .*read-only.*set SPILLWAY_STATE/);
  });

  it('says so in one line where its disk is full', async () => {
    if (!mountState(DISK)) return;
    fill();
    expect(await lastWords(home.launch(ENV))).toMatch(/state folder .*(full|space).*set SPILLWAY_STATE/);
  });

  it("says so in one line where it is another user's", async () => {
    if (process.getuid?.() !== 0) return;
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, 1, 1);
    chmodSync(home.dir, 0o755);
    const script = `
      const { openState } = await import(${JSON.stringify(join(import.meta.dirname, '../../../src/state.ts'))});
      process.setgid(${NOBODY}); process.setuid(${NOBODY});
      try { openState(${JSON.stringify(state)}); } catch (error) { console.log(error.name, error.message); }`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(said).toMatch(/^StateFault the state folder .*can't be used: .*set SPILLWAY_STATE[^\n]*\n$/);
  });
});

describe('a disk that fills up while calls are served', () => {
  it('costs no call, and a lost worker is replaced once there is room again', async () => {
    if (!mountState(DISK)) return;
    const balancer = await home.start(ENV);
    fill();
    await serves(balancer);
    await balancer.call('murder');
    await until('the replacement fails', () => {
      // Again and again: what is removed of the lost worker may be enough for the next one.
      fill();
      return balancer.lines('a worker could not be started').length > 0;
    });
    rmSync(join(state, 'filler'));
    await until('it is back', async () => (await fetch(`${balancer.url}/readyz`)).ok, 30_000);
    await serves(balancer);
    expect(existsSync(join(state, 'lock'))).toBe(true);
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });

  it('refuses a restart, which could not start again', async () => {
    if (!mountState(DISK)) return;
    const balancer = await home.start(ENV);
    fill();
    balancer.process.kill('SIGUSR2');
    await until('it is refused', () => balancer.lines('restart refused').length === 1, 30_000);
    expect(balancer.lines('restart refused')[0]?.['msg']).toMatch(/state folder .*ENOSPC/);
    await serves(balancer);
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });
});
