/** Restarts whose settings leave something of the running version behind, or something that can't be had. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Balancer, Home, until } from '../../support/balancer.ts';
import { freePort } from '../../support/free-port.ts';

const LIMIT_MS = 120_000;
const RESTART_MS = 60_000;

let home: Home;
let balancer: Balancer;
let settings: Record<string, string>;

/** Writes the file of settings. */
function set(changed: Record<string, string> = {}): void {
  const lines = Object.entries({ ...settings, ...changed }).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(home.dir, 'env'), lines.join(''));
}

async function restart(): Promise<void> {
  const times = balancer.lines('"msg":"ready').length + 1;
  balancer.process.kill('SIGUSR2');
  await until('it is ready again', () => balancer.lines('"msg":"ready').length >= times, RESTART_MS);
}

beforeEach(async () => {
  home = new Home();
  settings = {
    SPILLWAY_RUNTIME: 'process',
    SPILLWAY_WORKERS: '1',
    SPILLWAY_CLOUD: 'off',
    SPILLWAY_FUNCTIONS: join(import.meta.dirname, '../../fixtures/functions'),
    SPILLWAY_STATE: join(home.dir, 'state'),
    SPILLWAY_PORT: String(await freePort()),
    SPILLWAY_ADMIN_PORT: '0',
  };
  set();
  // All in the file: what stands in the environment can't be changed by a restart.
  balancer = new Balancer({}, [`--env-file=${join(home.dir, 'env')}`]);
  await balancer.ready();
}, LIMIT_MS);

afterEach(async () => {
  const ended = await balancer.kill('SIGTERM');
  await home.rm({ docker: false });
  expect(ended).toBe(0);
}, LIMIT_MS);

it(
  'is refused where the new settings can’t work, and this version goes on',
  { timeout: LIMIT_MS },
  async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await until('the other listens', () => other.listening);
    const { port } = other.address() as AddressInfo;
    const cases: [Record<string, string>, RegExp][] = [
      [{ SPILLWAY_ADMIN_PORT: String(port) }, /SPILLWAY_ADMIN_PORT=\d+: .*EADDRINUSE/],
      [
        { SPILLWAY_ADMIN_HOST: '192.0.2.1', SPILLWAY_INSECURE: 'true' },
        /SPILLWAY_ADMIN_HOST=192.0.2.1.*EADDRNOTAVAIL/,
      ],
      [{ SPILLWAY_STATE: '/dev/null/x' }, /state folder .*ENOTDIR/],
      [{ SPILLWAY_STATE: join(home.dir, 'x'.repeat(120)) }, /longer than 107 bytes/],
    ];
    for (const [at, [changed, why]] of cases.entries()) {
      set(changed);
      balancer.process.kill('SIGUSR2');
      await until('it is refused', () => balancer.lines('restart refused').length > at, RESTART_MS);
      expect(balancer.lines('restart refused').at(-1)?.['msg']).toMatch(why);
      expect((await balancer.call('add', [1, 2])).result).toBe(3);
    }
    other.close();
    expect(readdirSync(home.dir).toSorted()).toEqual(['env', 'state']);
  },
);

/** The process that tries the new version, once it is there. */
function rehearsal(): number | undefined {
  const found = readdirSync('/proc').find((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return line.includes('--rehearse') && line.includes(join(home.dir, 'state'));
    } catch {
      return false; // no process, or one that has just ended
    }
  });
  return found === undefined ? undefined : Number(found);
}

it.skipIf(process.platform !== 'linux')(
  'says how the new version ended where it said nothing itself',
  async () => {
    balancer.process.kill('SIGUSR2');
    await until('it is tried', () => rehearsal() !== undefined);
    process.kill(rehearsal()!, 'SIGKILL');
    await until('it is refused', () => balancer.lines('restart refused').length === 1);
    expect(balancer.lines('restart refused')[0]?.['msg']).toMatch(
      /the new version ended: killed by SIGKILL$/,
    );
  },
);

it('moves to another host at the same port', { timeout: LIMIT_MS }, async () => {
  set({ SPILLWAY_HOST: 'localhost' });
  await restart();
  expect(balancer.lines('restart refused')).toEqual([]);
  balancer.url = `http://localhost:${settings['SPILLWAY_PORT']}`;
  expect((await balancer.call('add', [1, 2])).result).toBe(3);
});

it('ends the workers that the next version doesn’t find', { timeout: LIMIT_MS }, async () => {
  const records = (folder: string): string[] =>
    readdirSync(join(home.dir, folder), { recursive: true, encoding: 'utf8' }).filter((name) =>
      /workers\/w\w+\.json$/.test(name),
    );
  const before = records('state');
  expect(before).toHaveLength(1);
  await restart();
  expect(records('state'), 'taken over').toEqual(before);
  set({ SPILLWAY_STATE: join(home.dir, 'elsewhere') });
  await restart();
  expect([records('state'), records('elsewhere').length]).toEqual([[], 1]);
  expect((await balancer.call('add', [1, 2])).result).toBe(3);
});
