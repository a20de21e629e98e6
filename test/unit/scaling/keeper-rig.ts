/** A keeper with a fake launcher and a fake pool, on virtual time. */
import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { FakeLauncher, FakeMachine, type FakeWorker } from '../../fakes/launcher.ts';
import { Keeper, type KeptPool, type KeptWorker } from '../../../src/scaling/keeper.ts';

/** A pool that knows ids only; what happens to them is the test's to say. */
class FakePool implements KeptPool {
  readonly members = new Map<string, KeptWorker & { bundleFault: string | undefined }>();
  readonly ejected: string[] = [];
  keeper: Keeper | undefined;

  expect(id: string): KeptWorker {
    const worker = { id, bundleFault: undefined, containerId: undefined, pid: undefined };
    this.members.set(id, worker);
    return worker;
  }

  eject(id: string, reason: string): void {
    if (!this.members.delete(id)) return;
    this.ejected.push(`${id}: ${reason}`);
    this.keeper?.workerLost(id, reason);
  }

  /** The worker can't load its bundle. */
  fault(id: string, reason: string): void {
    this.members.get(id)!.bundleFault = reason;
    this.eject(id, `the functions can't be loaded: ${reason}`);
  }
}

/** A line of the log. */
interface Logged {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly message: string };
}

/** See the file's comment. Workers are ready a millisecond after their launch, unless told otherwise. */
export class KeeperRig {
  readonly machine = new FakeMachine();
  readonly pool = new FakePool();
  readonly launcher: FakeLauncher;
  readonly keeper: Keeper;
  readonly logged: Logged[] = [];
  /** What it said about its progress. */
  readonly steps: string[] = [];
  /** What a new worker does. */
  onLaunch = (worker: FakeWorker): void => this.ready(worker.order.id);
  /** How start() ended: `ready`, or the error. */
  #outcome: unknown;

  constructor(workers = 2) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    this.launcher = new FakeLauncher({
      machine: this.machine,
      // In a later turn, as a worker that dials in.
      onLaunch: (worker) => void setTimeout(() => this.onLaunch(worker), 1),
    });
    this.keeper = new Keeper({
      launcher: this.launcher,
      pool: this.pool,
      workers,
      token: (id) => `token of ${id}`,
      log: pino({}, { write: (line) => void this.logged.push(JSON.parse(line) as Logged) }),
      onProgress: (step) => this.steps.push(step),
    });
    this.pool.keeper = this.keeper;
  }

  /** Stops the keeper, and checks that nothing is left. */
  async end(): Promise<void> {
    const stopped = this.keeper.stop();
    await this.pass(5000);
    await stopped;
    expect(this.ids).toEqual([]);
    expect(this.pool.members.size).toBe(0);
    await this.pass(60_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(this.ids).toEqual([]);
    vi.useRealTimers();
  }

  /** Starts the keeper at the first call; tells what came of it after `ms` milliseconds more. */
  async start(ms = 10): Promise<unknown> {
    if (this.#outcome === undefined) {
      this.#outcome = 'still starting';
      void this.keeper.start().then(
        () => (this.#outcome = 'ready'),
        (error: unknown) => (this.#outcome = error),
      );
    }
    await this.pass(ms);
    return this.#outcome;
  }

  async pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }

  /** The ids of the workers there are. */
  get ids(): string[] {
    return [...this.machine.workers.keys()];
  }

  /** How many workers were launched. */
  get launches(): number {
    return this.launcher.calls.filter((call) => call.startsWith('launch')).length;
  }

  ready(id: string): void {
    this.keeper.workerReady(id);
  }

  /** A worker's socket closes. */
  cut(id: string | undefined): void {
    this.pool.eject(id ?? '', 'the connection was closed');
  }
}
