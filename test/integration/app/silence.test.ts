/** Workers of the daemon that fall silent under load, on both runtimes. The order of what is logged counts, not the time. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findEngine } from '../../contract/docker-engine.ts';
import { Home, until, type Answer, type Balancer } from '../../support/balancer.ts';

const engine = await findEngine('paused worker containers');
const RUNTIMES = engine.missing === undefined ? (['process', 'docker'] as const) : (['process'] as const);
/** So many clients, each of which makes its next call when it has the answer. */
const CLIENTS = 12;

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await home.rm({ docker: engine.missing === undefined });
});

/** Load until it is told to stop. */
class Load {
  readonly answers: { sent: number; answer: Answer }[] = [];
  #stopped = false;
  readonly #clients: Promise<void>[];

  constructor(balancer: Balancer) {
    this.#clients = Array.from({ length: CLIENTS }, async (_, client) => {
      for (let i = 0; !this.#stopped; i += 1) {
        const sent = client * 1_000_000 + i;
        this.answers.push({ sent, answer: await balancer.call('naptime', [20, sent]) });
      }
    });
    // stop() tells of what failed; a test that has failed before needn't hear of it.
    for (const client of this.#clients) client.catch(() => undefined);
  }

  /** Ends it; gives the answers that are wrong. */
  async stop(): Promise<unknown[]> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    return this.answers.filter(({ sent, answer }) => answer.result !== sent);
  }
}

/** The processes that were started for one worker: the control process and its slots. */
function processesOf(worker: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const environment = /^\d+$/.test(entry) ? readFileSync(`/proc/${entry}/environ`, 'utf8') : '';
      const mine = environment
        .split('\0')
        .some(
          (line) =>
            /^(SPILLWAY_TMP|TMPDIR)=/.test(line) &&
            line.includes(join(home.dir, 'state')) &&
            line.includes(worker),
        );
      return mine ? [Number(entry)] : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

describe.skipIf(process.platform !== 'linux').each(RUNTIMES)('%s runtime: a silent worker', (runtime) => {
  const env = { SPILLWAY_RUNTIME: runtime, SPILLWAY_WORKERS: '2' };

  /** Stops a worker as a whole, from outside. @returns its id */
  async function stopOne(balancer: Balancer): Promise<string> {
    const worker = (await balancer.call('add', [1, 1])).headers.get('spillway-worker') ?? '';
    if (runtime === 'process') {
      const pids = processesOf(worker);
      expect(pids).toHaveLength(2);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
    } else if (engine.missing === undefined) {
      const container = engine.docker.getContainer(`spillway-${home.pool}-${worker}`);
      // With cgroups of version 1 a busy container now and then can't be frozen.
      await until('it is paused', async () => {
        await container.pause().catch(() => undefined);
        return (await container.inspect()).State.Paused;
      });
    }
    return worker;
  }

  /** What was logged about a worker, in its order. */
  const toldOf = (balancer: Balancer, worker: string): unknown[] =>
    balancer.lines(`"worker":"${worker}"`).map((line) => line['msg']);

  it('is ejected, killed and replaced under load, and no call fails', async () => {
    const balancer = await home.start(env);
    const load = new Load(balancer);
    await until('calls are answered', () => load.answers.length > 20);
    const worker = await stopOne(balancer);
    await until('it is replaced', () => toldOf(balancer, worker).length === 2);
    const seen = (): Set<string | null> =>
      new Set(load.answers.slice(-20).map(({ answer }) => answer.headers.get('spillway-worker')));
    await until('others answer', () => seen().size >= 2 && !seen().has(worker));
    expect(await load.stop()).toEqual([]);
    // The load has made the pool grow: then others are there already, and it needn't be replaced.
    expect(toldOf(balancer, worker)).toEqual(['worker ejected', expect.stringMatching(/^worker lost/)]);
    if (runtime === 'docker') {
      await until(
        'it is removed',
        async () => !(await home.containers()).some(({ Names }) => Names.join().includes(worker)),
      );
    } else await until('its processes are gone', () => processesOf(worker).length === 0);
    expect(await balancer.kill('SIGTERM')).toBe(0);
  });

  it('is killed and replaced though it is the only one', async () => {
    const balancer = await home.start({ ...env, SPILLWAY_WORKERS: '1' });
    const worker = await stopOne(balancer);
    // Nobody calls meanwhile.
    await until('it is lost', () => toldOf(balancer, worker).length > 0);
    expect(toldOf(balancer, worker)).toEqual(['worker lost; replacing it']);
    const answer = await balancer.call('add', [1, 1]);
    expect(answer.result).toBe(2);
    expect(answer.headers.get('spillway-worker')).not.toBe(worker);
  });
});
