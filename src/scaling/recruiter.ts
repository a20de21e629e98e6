/** Brings workers into the pool and out of it again: starts, adopts, replaces and removes them. */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { LaunchedWorker, Launcher, WorkerExit } from '../runtime/launcher.ts';
import { Members, type CrewWorker, type Member } from './members.ts';
import { refuseForeign } from './pool-taken.ts';
import { Arrivals, explainStart, lastWords, pause, waitAfter } from './starts.ts';
import { Timings } from './timings.ts';

/** How long a worker may take from its start until it is ready, in milliseconds. */
const START_MS = 30_000;
/** How long a worker of an earlier balancer has to dial in, in milliseconds (DESIGN decision 7). */
const ADOPT_MS = 2000;
/** How long a lost worker is kept so that the runtime can tell how it ended, in milliseconds; it takes 50 to 250. */
const LAST_WORDS_MS = 500;

/** The pool, as far as workers come and go. */
export interface CrewPool<Bundle extends { readonly hash: string }> {
  /** What new workers run. */
  readonly bundle: Bundle;
  expect(id: string, bundle?: Bundle): CrewWorker;
  eject(id: string, reason: string): void;
  useBundle(bundle: Bundle): void;
  /** Every worker runs the same bundle again. */
  settleBundles(): void;
}

/** What the recruiter works with. */
export interface RecruiterOptions<Bundle extends { readonly hash: string }> {
  readonly launcher: Launcher;
  readonly pool: CrewPool<Bundle>;
  /** The secret that belongs to a worker's id. */
  readonly token: (id: string) => string;
  readonly log: Logger;
  readonly onProgress: (step: string) => void;
  /** Every worker that an earlier balancer left is expected now, and may dial in. */
  readonly onExpecting?: () => void;
}

/** How a worker is started. */
export interface StartOrder<Bundle> {
  /** How many in a row have died young or didn't start before it. */
  readonly failures: number;
  /** Absent: the pool's. */
  readonly bundle?: Bundle;
  /** It isn't counted until it takes the place of another. */
  readonly understudy?: boolean;
}

/** A start under way. Both reject with BundleFault if the functions are at fault, else with an Error that has the worker's last words. */
export interface Start {
  /** The runtime has started it. */
  readonly launched: Promise<void>;
  /** It takes calls. */
  readonly ready: Promise<Member>;
}

/** See the file's comment. Works until stop(). */
export class Recruiter<Bundle extends { readonly hash: string }> {
  readonly members = new Members();
  readonly timings = new Timings();
  /** Workers taken over that were made in another way than new ones are. */
  readonly outdated: string[] = [];
  readonly #options: RecruiterOptions<Bundle>;
  readonly #arrivals = new Arrivals();
  /** Out of the pool, but the runtime still has them. */
  readonly #leftovers = new Set<string>();
  /** What is being done: stop() waits for it. */
  readonly #busy = new Set<Promise<unknown>>();
  readonly #stopped = new AbortController();
  #vacancies = 0;

  constructor(options: RecruiterOptions<Bundle>) {
    this.#options = options;
  }

  /** Aborted by stop(). */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Workers that will be replaced after a wait. */
  get vacancies(): number {
    return this.#vacancies;
  }

  /** The pool says: this worker takes calls. */
  ready(id: string): void {
    const member = this.members.get(id);
    if (member !== undefined) member.readyAt ??= performance.now();
    this.#arrivals.ready(id);
  }

  /** The pool says: this worker has left for good. Whether it wasn't ready yet: then its start has failed. */
  lost(id: string, reason: string): boolean {
    return this.#arrivals.lost(id, reason);
  }

  /** Starts one worker; removes it again if that fails. */
  start(order: StartOrder<Bundle>): Start {
    const { promise: launched, resolve, reject } = Promise.withResolvers<undefined>();
    const ready = this.doing(this.#start(order, () => resolve(undefined)));
    ready.catch(reject);
    launched.catch(() => undefined);
    return { launched, ready };
  }

  /**
   * Takes over what an earlier balancer left, and removes what doesn't come back. Returns how many came.
   * @throws PoolTaken if another balancer's workers are in the pool; then nothing was touched.
   */
  adopt(): Promise<number> {
    return this.doing(this.#adopt());
  }

  /**
   * Starts another worker after a wait that grows with `failures`, again and again until one is ready, as long as
   * `wanted` says so.
   */
  replace(failures: number, wanted: () => boolean): Promise<void> {
    return this.doing(this.#replace(failures, wanted));
  }

  /** Takes a worker out of the pool, whatever it does, and removes it. Resolves after the first attempt; others follow it if need be. */
  remove(id: string, reason: string): Promise<void> {
    this.members.delete(id);
    this.#options.pool.eject(id, reason);
    return this.doing(this.#remove(id));
  }

  /** Removes a worker that the pool has lost, and tells the operator how it ended: with the container that would be gone. */
  bury(member: Member): void {
    this.members.delete(member.worker.id);
    void this.doing(this.#bury(member));
  }

  /** Remembers work until it is done, however it ends. */
  doing<T>(work: Promise<T>): Promise<T> {
    this.#busy.add(work);
    const done = (): void => void this.#busy.delete(work);
    work.then(done, done);
    return work;
  }

  /** Ends every worker. Nothing is started any more. */
  async stop(): Promise<void> {
    const reason = 'the balancer is stopping';
    this.#stopped.abort();
    this.#arrivals.lostAll(reason);
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
    const ids = new Set([...this.members.ids, ...this.#leftovers]);
    await Promise.all(Array.from(ids, (id) => this.remove(id, reason)));
  }

  /** Lets the workers go on for the next balancer, except those that aren't ready yet. Nothing is started any more. */
  async leave(): Promise<void> {
    this.#stopped.abort();
    this.#arrivals.lostAll('the balancer is restarting');
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
  }

  async #start(order: StartOrder<Bundle>, onLaunched: () => void): Promise<Member> {
    const { launcher, pool, token } = this.#options;
    if (this.stopped.aborted) throw new Error('the balancer is stopping');
    const id = newWorkerId();
    const ready = this.#arrivals.expect(id);
    const worker = pool.expect(id, order.bundle);
    const { failures, understudy = false } = order;
    const member = this.members.add(worker, { failures, understudy });
    let launched: LaunchedWorker | undefined;
    const timer = setTimeout(() => {
      const why = worker.reason ?? 'does a function take long while it is loaded?';
      pool.eject(id, `it was not ready within ${START_MS / 1000} s (${why})`);
    }, START_MS);
    try {
      launched = await launcher.launch({ id, token: token(id) });
      worker.containerId = launched.containerId;
      worker.pid = launched.pid;
      this.#watch(member, launched.exited);
      onLaunched();
      await ready;
      this.timings.started(performance.now() - member.since);
      return member;
    } catch (error) {
      pool.eject(id, 'it could not be started');
      const fault = await explainStart(worker, launched, error, this.stopped);
      await this.remove(id, 'it could not be started');
      throw fault;
    } finally {
      clearTimeout(timer);
    }
  }

  #watch(member: Member, exited: Promise<WorkerExit> | undefined): void {
    member.exited = exited;
    void exited?.then(({ reason }) =>
      this.#options.pool.eject(member.worker.id, `its process ended: ${reason}`),
    );
  }

  async #adopt(): Promise<number> {
    const { launcher, log, pool, onExpecting } = this.#options;
    const found = await launcher.list();
    refuseForeign(found);
    const arrivals = found.map(async (listed) => {
      const { id, state, outdated, containerId, pid } = listed;
      if (state === 'exited' || this.stopped.aborted) {
        await this.doing(this.#remove(id));
        return false;
      }
      const ready = this.#arrivals.expect(id);
      const worker = pool.expect(id);
      const member = this.members.add(worker, { failures: 0, understudy: false });
      this.#watch(member, launcher.watch(listed));
      worker.containerId = containerId;
      worker.pid = pid;
      const timer = setTimeout(() => {
        pool.eject(id, 'it did not dial in');
      }, ADOPT_MS);
      try {
        if (state === 'paused') await launcher.resume(id);
        await ready;
        if (outdated) this.outdated.push(id);
        return true;
      } catch (error) {
        log.info({ worker: id, err: error }, 'a worker of an earlier run is not coming back');
        await this.remove(id, 'it could not be resumed');
        return false;
      } finally {
        clearTimeout(timer);
      }
    });
    onExpecting?.();
    const results = await Promise.all(arrivals);
    const adopted = results.filter(Boolean).length;
    if (adopted > 0) this.#options.onProgress(`${adopted} running workers taken over`);
    return adopted;
  }

  async #replace(failures: number, wanted: () => boolean): Promise<void> {
    for (let failed = failures; ; failed += 1) {
      this.#vacancies += 1;
      await pause(waitAfter(failed), this.stopped);
      this.#vacancies -= 1;
      if (this.stopped.aborted || !wanted()) return;
      try {
        const { worker } = await this.#start({ failures: failed + 1 }, () => undefined);
        this.#options.log.info({ worker: worker.id }, 'the worker in place of the lost one is ready');
        return;
      } catch (error) {
        if (this.stopped.aborted) return;
        this.#options.log.error({ err: error }, 'a worker could not be started; trying again');
      }
    }
  }

  async #bury({ worker: { id }, exited }: Member): Promise<void> {
    const exit = exited && (await lastWords(exited, LAST_WORDS_MS, this.stopped));
    if (exit !== undefined)
      this.#options.log.warn({ worker: id, lastLines: exit.lastLines }, `worker ended: ${exit.reason}`);
    await this.#remove(id);
  }

  /** Whoever waits for it waits for the first attempt only: an engine that is down must not hold anything else up. */
  async #remove(id: string): Promise<void> {
    this.#leftovers.add(id);
    await this.#tryToRemove(id);
    if (this.#leftovers.has(id) && !this.stopped.aborted) void this.doing(this.#removeLater(id));
  }

  async #removeLater(id: string): Promise<void> {
    for (let failed = 1; this.#leftovers.has(id); failed += 1) {
      await pause(waitAfter(failed), this.stopped);
      if (this.stopped.aborted) return;
      await this.#tryToRemove(id);
    }
  }

  async #tryToRemove(id: string): Promise<void> {
    try {
      await this.#options.launcher.stop(id);
      this.#leftovers.delete(id);
    } catch (error) {
      // The next start finds it by its label.
      this.#options.log.error({ worker: id, err: error }, 'a worker could not be removed');
    }
  }
}

/** Short enough to read in a log, and never used twice. */
function newWorkerId(): string {
  return `w${randomBytes(4).toString('hex')}`;
}
