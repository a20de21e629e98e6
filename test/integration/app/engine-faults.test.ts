/** What can happen to the Docker engine under load, on an engine of the tests' own. Each ends in service again, by itself. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../../../scripts/soak/journal.ts';
import { findEngine } from '../../contract/docker-engine.ts';
import { Home, until, type Balancer } from '../../support/balancer.ts';
import { BASE_IMAGE, OwnEngine, whyNoOwnEngine } from '../../support/own-engine.ts';

const machine = await findEngine('faults of the Docker engine');
const missing = machine.missing ?? whyNoOwnEngine();
if (missing !== undefined) process.stderr.write(`skipped: faults of the Docker engine: ${missing}\n`);

/** Room for the base image, what is built on it, and a few containers. */
const DISK_MB = 1500;
const CLIENTS = 6;
const TIMEOUT_MS = 30_000;
/** A worker that is gone is known after at most 3 s; its successor's start is some more. In milliseconds. */
const MENDED_MS = 40_000;
const WORKER_LOST = -32003;

describe.skipIf(missing !== undefined)('the Docker engine', { timeout: 120_000 }, () => {
  const before = process.env['DOCKER_HOST'];
  const engine = new OwnEngine();
  let home: Home;
  let balancer: Balancer;
  let load: Load;

  beforeAll(async () => {
    await engine.limitDisk(DISK_MB);
    await engine.start({ keep: false });
    await engine.loadBase(before ?? 'unix:///var/run/docker.sock');
    process.env['DOCKER_HOST'] = engine.host;
  }, 120_000);
  afterAll(async () => {
    if (before === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = before;
    await engine.rm();
  }, 60_000);
  beforeEach(async () => {
    home = new Home();
    balancer = await home.start({
      SPILLWAY_RUNTIME: 'docker',
      SPILLWAY_WORKERS: '2',
      SPILLWAY_WORKER_NETWORK: 'none',
    });
    load = new Load(balancer);
  });
  afterEach(async () => {
    await load.stop();
    await home.rm({ docker: true });
  });

  /** Idempotent calls without a pause. */
  class Load {
    readonly journals: Journal[];
    readonly #clients: Promise<void>[];
    #over = false;
    /** Clients that lost two workers at once are told so. */
    mayBeLost = false;

    constructor({ url }: Balancer) {
      const port = Number(new URL(url).port);
      this.journals = Array.from({ length: CLIENTS }, (_, i) => new Journal(`c${i}`, port, TIMEOUT_MS, true));
      this.#clients = this.journals.map(async (journal, i) => {
        // Asked when the answer is there: a call may have been under way before it was allowed to be lost.
        const lost = (): number[] => (this.mayBeLost ? [WORKER_LOST] : []);
        for (let n = 0; !this.#over; n++) {
          const token = i * 1e6 + n;
          await journal.call({
            method: 'naptime',
            params: [n % 30, token],
            fault: (result) => (result === token ? undefined : `${String(result)} in place of ${token}`),
            get mayFailWith() {
              return lost();
            },
          });
        }
      });
    }

    get right(): number {
      return this.journals.reduce((sum, { tally }) => sum + tally.right, 0);
    }

    async stop(): Promise<string[]> {
      this.#over = true;
      await Promise.all(this.#clients);
      for (const journal of this.journals) journal.close();
      return this.journals.flatMap(({ tally }) => tally.breaches);
    }
  }

  async function running(): Promise<string[]> {
    const found = await home.containers();
    return found.filter(({ State }) => State === 'running').map(({ Id }) => Id);
  }

  /** Resolves when two workers that aren't among `gone` run, and calls are answered. */
  async function inService(gone: readonly string[] = []): Promise<void> {
    await until(
      'two workers run',
      async () => {
        const now = await running().catch(() => []);
        return now.filter((id) => !gone.includes(id)).length >= 2;
      },
      MENDED_MS,
    );
    const { right } = load;
    await until('calls are answered', () => load.right > right + 50, MENDED_MS);
  }

  async function removeContainer(id: string): Promise<void> {
    try {
      await engine.docker.getContainer(id).remove({ force: true });
    } catch (error) {
      // The balancer may have been first: it is gone, or going.
      if (![404, 409].includes((error as { statusCode?: number }).statusCode ?? 0)) throw error;
    }
  }

  it('is stopped and started: its containers end with it, and others take their places', async () => {
    load.mayBeLost = true;
    const gone = await running();
    await engine.stop();
    await engine.start({ keep: false });
    await inService(gone);
    expect(await load.stop()).toEqual([]);
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect(await home.containers()).toEqual([]);
  });

  it('is stopped while its containers go on: no call fails, and a worker that dies later is still replaced', async () => {
    await engine.stop();
    await engine.start({ keep: true });
    // What ran before was ended: from here on containers outlive it.
    load.mayBeLost = true;
    await inService();
    await load.stop();
    load = new Load(balancer);
    const stayed = await running();
    await engine.stop();
    const { right } = load;
    await until('calls are answered without it', () => load.right > right + 100, MENDED_MS);
    await engine.start({ keep: true });
    await inService();
    expect(await running()).toEqual(expect.arrayContaining(stayed));
    await removeContainer(stayed[0]!);
    await inService(stayed.slice(0, 1));
    expect(await load.stop()).toEqual([]);
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect(await home.containers()).toEqual([]);
  });

  it('loses a container by hand, then all of them: they are replaced, and where one remained no call fails', async () => {
    const [one] = await running();
    await removeContainer(one!);
    await inService([one!]);
    expect(await load.stop()).toEqual([]);
    load = new Load(balancer);
    load.mayBeLost = true;
    const all = await running();
    await Promise.all(all.map(removeContainer));
    await inService(all);
    expect(await load.stop()).toEqual([]);
  });

  it('loses the worker image by hand, then a container: the image is made again', async () => {
    const [image] = await engine.docker.listImages({ filters: { reference: ['spillway-worker'] } });
    const tag = image?.RepoTags?.[0] ?? '';
    await engine.docker.getImage(tag).remove({ force: true });
    const [one] = await running();
    await removeContainer(one!);
    // Before others are looked for: the load may have brought in so many that no successor is waited for.
    const made = (): Promise<unknown[]> => engine.docker.listImages({ filters: { reference: [tag] } });
    await until('the image is there again', async () => (await made()).length === 1, MENDED_MS);
    await inService([one!]);
    expect(await load.stop()).toEqual([]);
    expect(balancer.lines('building the worker image').length).toBeGreaterThan(0);
  });

  it('is killed and started: other containers take the places of those that end with it', async () => {
    load.mayBeLost = true;
    const gone = await running();
    await engine.kill();
    const { right } = load;
    await until('calls are answered without it', () => load.right > right + 50, MENDED_MS);
    await engine.start({ keep: false });
    await inService(gone);
    expect(await load.stop()).toEqual([]);
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect(await home.containers()).toEqual([]);
  });

  it('has no room on its disk: the worker that is left serves, the log says why, and all is well once there is room', async () => {
    engine.fillDisk();
    const gone: string[] = [];
    try {
      await until(
        'the log says why',
        async () => {
          // What is removed makes room, at times enough for its successor: that one is removed as well.
          const [one, other] = await running();
          if (one !== undefined && (other !== undefined || gone.length === 0)) {
            gone.push(one);
            await removeContainer(one);
          }
          engine.fillDisk();
          return noWorker('no space left on device').length > 0;
        },
        MENDED_MS,
      );
      const { right } = load;
      await until('calls are answered', () => load.right > right + 50, MENDED_MS);
    } finally {
      engine.makeRoom();
    }
    await inService(gone);
    expect(await load.stop()).toEqual([]);
  });

  it('has lost its images and cannot pull them: the same', async () => {
    const worker = await engine.docker.listImages({ filters: { reference: ['spillway-worker'] } });
    for (const name of [...worker.flatMap(({ RepoTags }) => RepoTags ?? []), BASE_IMAGE])
      await engine.docker.getImage(name).remove({ force: true });
    const [one] = await running();
    try {
      await removeContainer(one!);
      await until(
        'the log says why',
        () => noWorker("the worker image can't be built").length > 0,
        MENDED_MS,
      );
      const { right } = load;
      await until('calls are answered', () => load.right > right + 50, MENDED_MS);
    } finally {
      await engine.loadBase(before ?? 'unix:///var/run/docker.sock');
    }
    await inService([one!]);
    expect(await load.stop()).toEqual([]);
  });

  /**
   * Lines that say that no worker could be started, and why. One that is lost is replaced in its own right, or, while the
   * scaling is starting another one, by the scaling, which says it in other words.
   */
  function noWorker(why: string): unknown[] {
    return ['could not be started', 'no worker can be started']
      .flatMap((words) => balancer.lines(words))
      .filter((line) => JSON.stringify(line).includes(why));
  }
});
