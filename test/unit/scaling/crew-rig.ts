/** A crew with a fake launcher and a fake pool, on virtual time. */
import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { observed } from './pool-on-paper.ts';
import { FakeLauncher, FakeMachine, type FakeWorker } from '../../fakes/launcher.ts';
import { Crew } from '../../../src/scaling/crew.ts';
import type { CrewWorker } from '../../../src/scaling/members.ts';
import type { Limits, Observation } from '../../../src/scaling/observation.ts';
import type { CrewPool } from '../../../src/scaling/recruiter.ts';

/** All that the crew wants to know of a bundle. */
interface FakeBundle {
  readonly hash: string;
}

/** A worker as the pool has it, without slots or connections. */
class PooledWorker implements CrewWorker {
  readonly id: string;
  readonly bundle: FakeBundle;
  state: CrewWorker['state'] = 'starting';
  /** Its calls; the test's to say. */
  running = 0;
  bundleFault: string | undefined;
  reason: string | undefined;
  containerId: string | undefined;
  pid: number | undefined;
  readonly #crew: () => Crew<FakeBundle> | undefined;

  constructor(id: string, bundle: FakeBundle, crew: () => Crew<FakeBundle> | undefined) {
    this.id = id;
    this.bundle = bundle;
    this.#crew = crew;
  }

  drain(): void {
    this.state = 'draining';
    if (this.running === 0) this.#crew()?.workerDrained(this.id);
  }

  rest(): void {
    this.state = 'standby';
  }

  readmit(): void {
    this.state = 'ready';
    this.#crew()?.workerReady(this.id);
  }
}

/** A pool that knows states only; what happens to them is the test's to say. */
class FakePool implements CrewPool<FakeBundle> {
  readonly members = new Map<string, PooledWorker>();
  readonly ejected: string[] = [];
  bundle: FakeBundle = { hash: 'first' };
  settled = 0;
  crew: Crew<FakeBundle> | undefined;

  expect(id: string, bundle = this.bundle): PooledWorker {
    const worker = new PooledWorker(id, bundle, () => this.crew);
    this.members.set(id, worker);
    return worker;
  }

  useBundle(bundle: FakeBundle): void {
    this.bundle = bundle;
  }

  settleBundles(): void {
    this.settled += 1;
  }

  eject(id: string, reason: string): void {
    const worker = this.members.get(id);
    if (worker === undefined) return;
    this.members.delete(id);
    worker.state = 'gone';
    this.ejected.push(`${id}: ${reason}`);
    this.crew?.workerLost(id, reason);
  }

  /** Its last call ends. */
  empty(id: string): void {
    const worker = this.members.get(id)!;
    worker.running = 0;
    if (worker.state === 'draining') this.crew?.workerDrained(id);
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
export class CrewRig {
  readonly machine = new FakeMachine();
  readonly pool = new FakePool();
  readonly launcher: FakeLauncher;
  readonly crew: Crew<FakeBundle>;
  /** What the calls want; nothing, unless the test says otherwise. */
  load: Omit<Observation, 'workers' | 'standbyAgesMs' | 'newWorkerMs'> = observed();
  readonly logged: Logged[] = [];
  /** What it said about its progress. */
  readonly steps: string[] = [];
  /** What a new worker does. */
  onLaunch = (worker: FakeWorker): void => this.ready(worker.order.id);
  /** How start() ended: `ready`, or the error. */
  #outcome: unknown;

  constructor(workers = 2, limits: Partial<Limits> = {}) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    this.launcher = new FakeLauncher({
      machine: this.machine,
      // In a later turn, as a worker that dials in.
      onLaunch: (worker) => void setTimeout(() => this.onLaunch(worker), 1),
    });
    this.crew = new Crew<FakeBundle>({
      launcher: this.launcher,
      pool: this.pool,
      limits: {
        min: workers,
        max: 2 * workers,
        standbys: workers,
        standbyMs: 600_000,
        waitMs: 50,
        ...limits,
      },
      load: () => this.load,
      token: (id) => `token of ${id}`,
      log: pino({}, { write: (line) => void this.logged.push(JSON.parse(line) as Logged) }),
      onProgress: (step) => this.steps.push(step),
    });
    this.pool.crew = this.crew;
  }

  /** Stops the crew, and checks that nothing is left. */
  async end(): Promise<void> {
    const stopped = this.crew.stop();
    await this.pass(5000);
    await stopped;
    expect(this.ids).toEqual([]);
    expect(this.pool.members.size).toBe(0);
    await this.pass(60_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(this.ids).toEqual([]);
    vi.useRealTimers();
  }

  /** Starts the crew at the first call; tells what came of it after `ms` milliseconds more. */
  async start(ms = 10): Promise<unknown> {
    if (this.#outcome === undefined) {
      this.#outcome = 'still starting';
      void this.crew.start().then(
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
    const worker = this.pool.members.get(id);
    if (worker !== undefined) worker.state = 'ready';
    this.crew.workerReady(id);
  }

  /** Ids of the workers in that state, as the pool sees them. */
  in(state: CrewWorker['state']): string[] {
    return [...this.pool.members.values()].filter((worker) => worker.state === state).map(({ id }) => id);
  }

  /** A worker's socket closes. */
  cut(id: string | undefined): void {
    this.pool.eject(id ?? '', 'the connection was closed');
  }

  /** It dies: its socket closes, and the runtime knows why. */
  die(id: string | undefined): void {
    this.cut(id);
    this.machine.workers.get(id ?? '')?.end();
  }
}
