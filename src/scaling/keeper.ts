/** Keeps the pool at its number of workers: adopts what an earlier balancer left, starts the rest, replaces the lost. */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { LaunchedWorker, Launcher, WorkerExit } from '../runtime/launcher.ts';

/** How long a worker may take from its start until it is ready, in milliseconds. */
const START_MS = 30_000;
/** How long a worker of an earlier balancer has to dial in, in milliseconds (DESIGN decision 7). */
const ADOPT_MS = 2000;
/** How long the runtime may take to tell how a worker ended, in milliseconds; it explains a failed start. */
const LAST_WORDS_MS = 2000;
/**
 * The wait before a worker is replaced whose predecessor was short-lived as well, or didn't start; it doubles from death
 * to death. In milliseconds.
 */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;
/** A worker that was ready for this long and then died is replaced at once, in milliseconds. */
const STEADY_MS = 10_000;

/** A worker as the keeper knows it. */
export interface KeptWorker {
  readonly id: string;
  readonly bundleFault: string | undefined;
  containerId: string | undefined;
  pid: number | undefined;
}

/** The pool, as far as the keeper needs it. */
export interface KeptPool {
  expect(id: string): KeptWorker;
  eject(id: string, reason: string): void;
}

/** The functions can't be served; no worker will ever be ready. */
export class BundleFault extends Error {
  override readonly name = 'BundleFault';
}

/** What the keeper works with. */
export interface KeeperOptions {
  readonly launcher: Launcher;
  readonly pool: KeptPool;
  /** How many workers to keep. */
  readonly workers: number;
  /** The secret that belongs to a worker's id. */
  readonly token: (id: string) => string;
  readonly log: Logger;
  readonly onProgress: (step: string) => void;
}

/** A worker that was started or adopted, and is not removed yet. */
interface Kept {
  /** performance.now() when it became ready, if it did. */
  readyAt: number | undefined;
  /** How many in a row died young or didn't start before it, each the replacement of the one before. */
  readonly failures: number;
}

/** A worker that isn't ready yet. */
interface Starting {
  ready(): void;
  lost(reason: string): void;
}

/** Keeps the workers until stop(). */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #starting = new Map<string, Starting>();
  readonly #kept = new Map<string, Kept>();
  /** What is being done: stop() waits for it. */
  readonly #busy = new Set<Promise<unknown>>();
  readonly #stopped = new AbortController();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /**
   * Adopts, then starts what is missing; resolves when all are ready.
   * @throws BundleFault if the functions are at fault, else an Error with the worker's last words. Call stop() then.
   */
  async start(): Promise<void> {
    const adopted = await this.#doing(this.#adopt());
    const missing = Math.max(0, this.#options.workers - adopted);
    await Promise.all(Array.from({ length: missing }, () => this.#doing(this.#launch(0))));
  }

  /** The pool says: this worker takes calls. */
  workerReady(id: string): void {
    const kept = this.#kept.get(id);
    if (kept !== undefined) kept.readyAt = performance.now();
    this.#starting.get(id)?.ready();
  }

  /** The pool says: this worker has left for good. It is removed, and replaced. */
  workerLost(id: string, reason: string): void {
    const starting = this.#starting.get(id);
    if (starting !== undefined) {
      starting.lost(reason);
      return;
    }
    const kept = this.#kept.get(id);
    if (this.#stopped.signal.aborted || kept === undefined) return;
    this.#options.log.warn({ worker: id, reason }, 'worker lost; replacing it');
    const steady = kept.readyAt !== undefined && performance.now() - kept.readyAt > STEADY_MS;
    void this.#doing(this.#remove(id));
    void this.#doing(this.#replace(steady ? 0 : kept.failures));
  }

  /** Ends every worker. Nothing is started any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const starting of [...this.#starting.values()]) starting.lost('the balancer is stopping');
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
    await Promise.all(
      Array.from(this.#kept.keys(), (id) => {
        this.#options.pool.eject(id, 'the balancer is stopping');
        return this.#remove(id);
      }),
    );
  }

  /** Lets the workers go on for the next balancer, except those that aren't ready yet. Nothing is started any more. */
  async leave(): Promise<void> {
    this.#stopped.abort();
    for (const starting of [...this.#starting.values()]) starting.lost('the balancer is restarting');
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
  }

  async #adopt(): Promise<number> {
    const { launcher, log } = this.#options;
    const found = await launcher.list();
    const results = await Promise.all(
      found.map(async ({ id, state, containerId, pid }) => {
        this.#kept.set(id, { readyAt: undefined, failures: 0 });
        if (state !== 'exited' && !this.#stopped.signal.aborted) {
          const { worker, ready } = this.#expect(id);
          worker.containerId = containerId;
          worker.pid = pid;
          const timer = setTimeout(() => {
            this.#options.pool.eject(id, 'it did not dial in');
          }, ADOPT_MS);
          try {
            if (state === 'paused') await launcher.resume(id);
            await ready;
            return true;
          } catch (error) {
            this.#options.pool.eject(id, 'it could not be resumed');
            log.info({ worker: id, err: error }, 'a worker of an earlier run is not coming back');
          } finally {
            clearTimeout(timer);
          }
        }
        await this.#remove(id);
        return false;
      }),
    );
    const adopted = results.filter(Boolean).length;
    if (adopted > 0) this.#options.onProgress(`${adopted} running workers taken over`);
    return adopted;
  }

  /** Remembers work until it is done, however it ends. */
  #doing<T>(work: Promise<T>): Promise<T> {
    this.#busy.add(work);
    const done = (): void => void this.#busy.delete(work);
    work.then(done, done);
    return work;
  }

  #expect(id: string): { worker: KeptWorker; ready: Promise<void> } {
    const { promise: ready, resolve, reject } = Promise.withResolvers<undefined>();
    const done = (): void => {
      this.#starting.delete(id);
    };
    this.#starting.set(id, {
      ready() {
        done();
        resolve(undefined);
      },
      lost(reason) {
        done();
        reject(new Error(reason));
      },
    });
    // Its owner awaits it too, but perhaps only after it has failed.
    ready.catch(() => undefined);
    return { worker: this.#options.pool.expect(id), ready };
  }

  /** Starts one worker and waits until it is ready; removes it if that fails. */
  async #launch(failures: number): Promise<void> {
    const { launcher, pool, token } = this.#options;
    if (this.#stopped.signal.aborted) throw new Error('the balancer is stopping');
    const id = newWorkerId();
    this.#kept.set(id, { readyAt: undefined, failures });
    const { worker, ready } = this.#expect(id);
    let launched: LaunchedWorker | undefined;
    const timer = setTimeout(() => {
      pool.eject(id, `it was not ready within ${START_MS / 1000} s`);
    }, START_MS);
    try {
      launched = await launcher.launch({ id, token: token(id) });
      worker.containerId = launched.containerId;
      worker.pid = launched.pid;
      void launched.exited.then((exit) => {
        pool.eject(id, `its process ended: ${exit.reason}`);
      });
      await ready;
    } catch (error) {
      pool.eject(id, 'it could not be started');
      const fault = await this.#explain(worker, launched, error);
      await this.#remove(id);
      throw fault;
    } finally {
      clearTimeout(timer);
    }
  }

  async #explain(worker: KeptWorker, launched: LaunchedWorker | undefined, error: unknown): Promise<Error> {
    if (worker.bundleFault !== undefined) return new BundleFault(worker.bundleFault);
    const reason = error instanceof Error ? error.message : String(error);
    if (launched === undefined || this.#stopped.signal.aborted) return new Error(reason);
    let exit: WorkerExit | undefined;
    await this.#pause(
      LAST_WORDS_MS,
      launched.exited.then((ended) => (exit = ended)),
    );
    if (exit === undefined) return new Error(`worker ${worker.id} did not become ready: ${reason}`);
    const words = exit.lastLines.length > 0 ? `; its last words:\n  ${exit.lastLines.join('\n  ')}` : '';
    return new Error(`worker ${worker.id} ended before it was ready: ${exit.reason}${words}`);
  }

  async #replace(failures: number): Promise<void> {
    for (let failed = failures; ; failed += 1) {
      await this.#pause(failed === 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failed - 1)));
      if (this.#stopped.signal.aborted) return;
      try {
        await this.#launch(failed + 1);
        return;
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        this.#options.log.error({ err: error }, 'a worker could not be started; trying again');
      }
    }
  }

  /** Waits, but not beyond stop(), nor until something has happened. */
  async #pause(ms: number, until?: Promise<unknown>): Promise<void> {
    const { signal } = this.#stopped;
    if (signal.aborted || ms === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      void until?.then(done);
    });
  }

  async #remove(id: string): Promise<void> {
    try {
      await this.#options.launcher.stop(id);
      this.#kept.delete(id);
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
