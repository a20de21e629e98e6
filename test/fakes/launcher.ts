/** A launcher in memory: passes the launchers' contract suite, and can be told how workers end and what fails. */

import type {
  LaunchedWorker,
  Launcher,
  ListedWorker,
  WorkerExit,
  WorkerOrder,
  WorkerUsage,
} from '../../src/runtime/launcher.ts';

/** A worker of a fake machine. */
export interface FakeWorker {
  readonly order: WorkerOrder;
  state: ListedWorker['state'];
  /** Which launcher's way it was made in. */
  readonly recipe: string;
  /** Which balancer's it is. */
  readonly owner: string;
  usage: WorkerUsage;
  /** Ends it as if by itself; without an argument as if killed. */
  end(exit?: WorkerExit): void;
  /** As LaunchedWorker's. */
  readonly exited: Promise<WorkerExit>;
}

/** What outlives a launcher: two launchers on one machine are a balancer and its successor. */
export class FakeMachine {
  readonly workers = new Map<string, FakeWorker>();
}

/** What a fake launcher does on its own. */
export interface FakeLauncherOptions {
  readonly runtime?: 'docker' | 'process';
  readonly machine?: FakeMachine;
  /** How it makes workers. */
  readonly recipe?: string;
  /** Whose balancer it is. */
  readonly owner?: string;
  /** Plays the worker program: called once a worker was launched, for example to dial in. */
  readonly onLaunch?: (worker: FakeWorker) => void;
}

/** A launcher without containers or processes. */
export class FakeLauncher implements Launcher {
  readonly runtime: 'docker' | 'process';
  readonly machine: FakeMachine;
  /** Every call of the port, in order, as `verb id`: for example `launch w1`. */
  readonly calls: string[] = [];
  readonly #onLaunch: (worker: FakeWorker) => void;
  readonly #failures: Error[] = [];
  readonly #recipe: string;
  readonly #owner: string;

  constructor(options: FakeLauncherOptions = {}) {
    this.runtime = options.runtime ?? 'docker';
    this.#recipe = options.recipe ?? 'usual';
    this.#owner = options.owner ?? 'usual';
    this.machine = options.machine ?? new FakeMachine();
    this.#onLaunch = options.onLaunch ?? (() => {});
  }

  /** Makes the next launch that isn't yet doomed reject with this. */
  failNextLaunch(error: Error): void {
    this.#failures.push(error);
  }

  /** The worker of this id. Throws if there is none. */
  worker(id: string): FakeWorker {
    const worker = this.machine.workers.get(id);
    if (worker === undefined) throw new Error(`worker ${id} isn't known`);
    return worker;
  }

  async launch(order: WorkerOrder): Promise<LaunchedWorker> {
    this.calls.push(`launch ${order.id}`);
    await Promise.resolve();
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
    if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(order.id)) throw new Error(`"${order.id}" is no worker id`);
    if (this.machine.workers.has(order.id))
      throw new Error(`worker ${order.id} can't be started: it runs already`);
    const worker = fakeWorker(order, this.#recipe, this.#owner);
    this.machine.workers.set(order.id, worker);
    this.#onLaunch(worker);
    const where = this.runtime === 'docker' ? { containerId: `container-${order.id}` } : { pid: 1 };
    return { ...where, exited: worker.exited };
  }

  async stop(id: string): Promise<void> {
    this.calls.push(`stop ${id}`);
    await Promise.resolve();
    const worker = this.machine.workers.get(id);
    if (worker !== undefined && this.#isForeign(worker) && worker.state !== 'exited') return;
    worker?.end();
    this.machine.workers.delete(id);
  }

  async pause(id: string): Promise<void> {
    this.calls.push(`pause ${id}`);
    await Promise.resolve();
    const worker = this.#running(id);
    if (this.runtime === 'docker') worker.state = 'paused';
  }

  async resume(id: string): Promise<void> {
    this.calls.push(`resume ${id}`);
    await Promise.resolve();
    this.#running(id).state = 'running';
  }

  async list(): Promise<ListedWorker[]> {
    await Promise.resolve();
    return [...this.machine.workers.values()].map((worker) => {
      const { order, state, recipe } = worker;
      return { id: order.id, state, outdated: recipe !== this.#recipe, foreign: this.#isForeign(worker) };
    });
  }

  watch({ id }: ListedWorker): Promise<WorkerExit> | undefined {
    return this.machine.workers.get(id)?.exited;
  }

  async usage(): Promise<Map<string, WorkerUsage>> {
    await Promise.resolve();
    const running = [...this.machine.workers.values()].filter(
      (worker) => worker.state !== 'exited' && !this.#isForeign(worker),
    );
    return new Map(running.map(({ order, usage }) => [order.id, usage]));
  }

  async close(): Promise<void> {
    this.calls.push('close');
    await Promise.resolve();
  }

  #running(id: string): FakeWorker {
    const worker = this.worker(id);
    if (worker.state === 'exited' || this.#isForeign(worker)) throw new Error(`worker ${id} doesn't run`);
    return worker;
  }

  #isForeign({ owner }: FakeWorker): boolean {
    return owner !== this.#owner;
  }
}

function fakeWorker(order: WorkerOrder, recipe: string, owner: string): FakeWorker {
  const { promise, resolve } = Promise.withResolvers<WorkerExit>();
  const worker: FakeWorker = {
    order,
    recipe,
    owner,
    state: 'running',
    usage: { cpuMs: 1, memoryBytes: 2 ** 20 },
    exited: promise,
    end(exit = { reason: 'killed by SIGKILL', lastLines: [] }) {
      worker.state = 'exited';
      resolve(exit);
    },
  };
  return worker;
}
