/** Keys and tokens stay where they belong; a hostile function sees nothing of its neighbours. */
import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findEngine } from '../../contract/docker-engine.ts';
import { Home, until, type Balancer } from '../../support/balancer.ts';

const engine = await findEngine('what a function in a container can reach');
const RUNTIMES = engine.missing === undefined ? (['process', 'docker'] as const) : (['process'] as const);
const KEY = 'client-key-0123456789abcdef';
const ADMIN = 'admin-token-0123456789abcdef';
const SECRETS = [KEY, ADMIN];

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await home.rm({ docker: engine.missing === undefined });
});

/** The /proc files of every process that belongs to this balancer's pool. */
function processTexts(name: 'cmdline' | 'environ', marks: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const environ = readFileSync(`/proc/${pid}/environ`, 'latin1');
      if (!marks.some((mark) => environ.includes(mark))) continue;
      found.set(pid, readFileSync(`/proc/${pid}/${name}`, 'latin1'));
    } catch {
      // It has ended, or is another user's.
    }
  }
  return found;
}

describe.each(RUNTIMES)('%s runtime', (runtime) => {
  it('shows no key or token in logs, answers, process titles or the environment of workers', async () => {
    const balancer = await home.start({
      SPILLWAY_RUNTIME: runtime,
      SPILLWAY_WORKERS: '1',
      SPILLWAY_API_KEYS: KEY,
      SPILLWAY_ADMIN_TOKEN: ADMIN,
      SPILLWAY_LOG_LEVEL: 'trace',
    });
    const headers = { 'x-api-key': KEY };
    const answers = [
      await balancer.call('add', [1, 2], headers),
      await balancer.call('add', [1, 2], { authorization: `Bearer ${KEY}` }),
      await balancer.call('add', [1, 2], { 'x-api-key': `${KEY}x` }),
      await balancer.call('rpc.discover', [], headers),
      await balancer.call('peek', [], headers),
      await balancer.call('murder', [], headers),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 401, 200, 200, 200]);
    balancer.process.kill('SIGUSR2');
    await until('it has restarted', () => balancer.lines('"msg":"ready').length === 2, 40_000);
    const secret = readFileSync(join(home.dir, 'state/secret'));
    const never = [...SECRETS, secret.toString('hex'), secret.toString('base64')];
    for (const text of [balancer.output, JSON.stringify(answers)]) {
      for (const word of never) expect(text).not.toContain(word);
    }
    const marks = [`SPILLWAY_TMP=${home.dir}`, `TMPDIR=${home.dir}`, `SPILLWAY_STATE=${home.dir}`];
    for (const [pid, text] of processTexts('cmdline', marks)) {
      for (const word of never) expect(text, pid).not.toContain(word);
    }
    const workers = processTexts('environ', marks);
    expect(workers.delete(String(balancer.process.pid))).toBe(true);
    if (runtime === 'process') expect(workers.size).toBeGreaterThan(0);
    for (const [pid, text] of workers) {
      for (const word of never) expect(text, pid).not.toContain(word);
    }
    if (runtime === 'docker' && engine.missing === undefined) {
      for (const { Id } of await home.containers()) {
        const inspected = JSON.stringify(await engine.docker.getContainer(Id).inspect());
        for (const word of never) expect(inspected).not.toContain(word);
      }
    }
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });

  it("keeps a function off the state folder, the engine's socket, its neighbours and their files", async () => {
    const balancer = await home.start({ SPILLWAY_RUNTIME: runtime, SPILLWAY_WORKERS: '2' });
    const state = join(home.dir, 'state');
    const files = ['secret', 'admin-token', 'pool', 'holder.json', 'lock'].map((name) => join(state, name));
    const folders = [state, join(state, 'workers/tmp'), '/proc', '/tmp', '/run', '/run/spillway'];
    const found = await spy(balancer, {
      files: [...files, '/proc/1/environ', '/proc/self/environ', '/etc/shadow'],
      folders,
      sockets: runtime === 'docker' ? ['/var/run/docker.sock', '/run/docker.sock'] : [],
      addresses: runtime === 'docker' ? hostAddresses(Number(new URL(balancer.url).port)) : [],
    });
    for (const [what, came] of Object.entries(found)) {
      expect(`${what}: ${came}`).toMatch(/: (ERR_ACCESS_DENIED|ENOENT|EACCES|ECONNREFUSED|timeout|E\w+)$/);
    }
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });
});

async function spy(balancer: Balancer, wanted: object): Promise<Record<string, string>> {
  const answer = await balancer.call('spy', wanted);
  expect(answer.error).toBeUndefined();
  return answer.result as Record<string, string>;
}

/** The balancer's ports by every address of this machine that a container might reach. */
function hostAddresses(port: number): { host: string; port: number }[] {
  return Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => ({ host: address, port }));
}
