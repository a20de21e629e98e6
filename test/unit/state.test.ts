import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StateFault, openState, type State } from '../../src/state.ts';

let parent: string;
let dir: string;
let opened: State[];

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'spillway-state-'));
  dir = join(parent, 'deep', 'state');
  opened = [];
});

afterEach(() => {
  for (const state of opened) state.close();
  rmSync(parent, { recursive: true, force: true });
});

function open(path = dir): State {
  const state = openState(path);
  opened.push(state);
  return state;
}

function mode(...path: string[]): string {
  return (statSync(join(dir, ...path)).mode & 0o7777).toString(8);
}

function fault(path = dir): string {
  try {
    open(path);
  } catch (error) {
    expect(error).toBeInstanceOf(StateFault);
    const { message } = error as StateFault;
    expect(message).not.toContain('\n');
    return message;
  }
  throw new Error('it was opened');
}

describe('a new folder', () => {
  it('is made with its parents, closed to other users, except that a worker can reach a socket', () => {
    const before = process.umask(0);
    const state = open();
    process.umask(before);
    expect(state).toMatchObject({ dir, runDir: join(dir, 'run'), repaired: [] });
    expect({ folder: mode(), secret: mode('secret'), token: mode('admin-token'), run: mode('run') }).toEqual({
      folder: '700',
      secret: '600',
      token: '600',
      run: '711',
    });
  });

  it('is as open as it must be under a strict umask too', () => {
    const before = process.umask(0o077);
    open();
    process.umask(before);
    expect(mode('run')).toBe('711');
  });

  it('gets a name, a secret and a token, which are its own', () => {
    const one = open();
    const two = open(join(parent, 'other'));
    expect(one.pool).toMatch(/^[a-z2-7]{8}$/);
    expect(one.workerSecret).toHaveLength(32);
    expect(one.adminToken).toMatch(/^[\w-]{43}$/);
    expect(two.pool).not.toBe(one.pool);
    expect(two.workerSecret.equals(one.workerSecret)).toBe(false);
    expect(two.adminToken).not.toBe(one.adminToken);
  });
});

describe('a folder of an earlier run', () => {
  it('gives the same again', () => {
    const { pool, workerSecret, adminToken, close } = open();
    close();
    expect(open()).toMatchObject({ pool, workerSecret, adminToken, repaired: [] });
  });

  it('has its files closed again if someone opened them', () => {
    open().close();
    chmodSync(dir, 0o755);
    chmodSync(join(dir, 'secret'), 0o644);
    open();
    expect([mode(), mode('secret')]).toEqual(['700', '600']);
  });

  it.each([
    ['secret', '', 'workers of the last run are not taken over'],
    ['secret', 'x'.repeat(31), 'workers of the last run are not taken over'],
    ['admin-token', '', 'use the new admin token'],
    ['admin-token', 'short', 'use the new admin token'],
    ['admin-token', 'x'.repeat(20) + '\r\nx-injected: 1', 'use the new admin token'],
  ])('with the damaged file %s (%j) makes it anew, and says so', (name, content, loss) => {
    const { pool, close } = open();
    close();
    writeFileSync(join(dir, name), content);
    const state = open();
    expect(state.repaired).toEqual([`${join(dir, name)} was damaged and is made anew: ${loss}`]);
    expect(state.pool).toBe(pool);
    expect(state.workerSecret).toHaveLength(32);
    expect(state.adminToken).toMatch(/^[\w-]{43}$/);
    state.close();
    expect(open()).toMatchObject({
      repaired: [],
      adminToken: state.adminToken,
      workerSecret: state.workerSecret,
    });
  });

  it.each(['', 'UPPER', 'two words', '../../etc'])('with a pool name damaged to %j is refused', (name) => {
    open().close();
    writeFileSync(join(dir, 'pool'), name);
    expect(fault()).toMatch(/pool is damaged: write the pool's old name into it/);
    // It must not stay locked: the next try can succeed.
    rmSync(join(dir, 'pool'));
    open();
  });
});

describe('the lock', () => {
  it('keeps a second one out, and names the holder', () => {
    const since = Date.now();
    open();
    const said = fault();
    expect(said).toMatch(
      new RegExp(`another balancer holds .*: pid ${process.pid}, since 2.*; stop it, or set `),
    );
    expect(Date.parse(/since (\S+);/.exec(said)?.[1] ?? '')).toBeGreaterThanOrEqual(since);
  });

  it('names the host of a holder in another container', () => {
    open();
    writeFileSync(
      join(dir, 'holder.json'),
      '{"pid":1,"host":"elsewhere","since":"2026-01-01T00:00:00.000Z"}',
    );
    expect(fault()).toContain('pid 1 on host elsewhere, since 2026-01-01T00:00:00.000Z');
    expect(hostname()).not.toBe('elsewhere');
  });

  it('is held also where the holder has not said who it is', () => {
    open();
    for (const content of ['', '{"pid":', 'null']) {
      writeFileSync(join(dir, 'holder.json'), content);
      expect(fault()).toContain('another balancer holds');
    }
    rmSync(join(dir, 'holder.json'));
    expect(fault()).toContain('another balancer holds');
  });

  it('is free after close, which may come twice, and leaves no note', () => {
    const first = open();
    first.close();
    expect(existsSync(join(dir, 'holder.json'))).toBe(false);
    const second = open();
    first.close();
    expect(JSON.parse(readFileSync(join(dir, 'holder.json'), 'utf8'))).toMatchObject({ pid: process.pid });
    expect(fault()).toContain('another balancer holds');
    second.close();
  });

  it('ignores what an ended holder left', () => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'holder.json'), '{"pid":1}');
    writeFileSync(join(dir, 'lock'), '');
    open();
  });

  it('is not taken over from a file that is something else', () => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'lock'), 'not a database, but long enough to be read as one'.repeat(50));
    expect(fault()).toMatch(/lock is not a lock of Spillway: remove it if no balancer is running/);
  });
});

describe('a folder that cannot be used', () => {
  it('is a file, or under one', () => {
    const file = join(parent, 'file');
    writeFileSync(file, '');
    expect(fault(file)).toMatch(/can't be used: .*; set SPILLWAY_STATE to a folder that this user may write/);
    expect(fault(join(file, 'state'))).toMatch(/can't be used: .*; set SPILLWAY_STATE/);
  });

  it('is a dangling link', () => {
    symlinkSync(join(parent, 'nowhere'), join(parent, 'link'));
    expect(fault(join(parent, 'link'))).toMatch(/can't be used: /);
  });

  it("is someone's own folder, open to others: it is not closed to them", () => {
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    writeFileSync(join(dir, 'letter.txt'), '');
    expect(fault()).toMatch(/holds other files and is open to other users/);
    expect(mode()).toBe('755');
    chmodSync(dir, 0o700);
    open();
  });

  it('is not an empty one, nor a mounted volume', () => {
    mkdirSync(join(dir, 'lost+found'), { recursive: true });
    mkdirSync(join(dir, 'run'));
    chmodSync(dir, 0o755);
    open();
    expect(mode()).toBe('700');
  });

  it.runIf(process.platform === 'linux')('is where nobody may write, root included', () => {
    expect(fault('/sys/spillway-state')).toMatch(/can't be used: .*; set SPILLWAY_STATE/);
  });
});
