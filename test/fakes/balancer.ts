/** The real pool and dispatcher over fake workers, on virtual time. */
import type { CloudBackend } from '../../src/cloud/backend.ts';
import { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { ActiveCall } from '../../src/dispatch/active-call.ts';
import type { Backend, Outcome } from '../../src/dispatch/call.ts';
import type { CallObserver } from '../../src/dispatch/observer.ts';
import type { OffloadRule } from '../../src/dispatch/observation.ts';
import type { Queue } from '../../src/dispatch/queue.ts';
import type { FunctionSpec } from '../../src/functions/manifest.ts';
import { textOfResult } from '../../src/pool/answer.ts';
import type { Params } from '../../src/pool/params.ts';
import type { PolicyName } from '../../src/pool/policies.ts';
import { Pool } from '../../src/pool/pool.ts';
import { Watch } from '../../src/pool/watch.ts';
import type { Worker } from '../../src/pool/worker.ts';
import { settle } from './virtual-time.ts';
import { FakeWorker } from './worker.ts';
import type { FakeSlot } from './slot.ts';

/** What a test's functions are. */
export type FunctionTable = Record<
  string,
  { idempotent?: boolean; concurrency?: number; offload?: boolean; localTimeoutMs?: number }
>;

/** A call that a test made. */
export interface MadeCall {
  readonly pending: ActiveCall;
  /** Every answer it got; more than one is a defect. */
  readonly outcomes: Outcome[];
  /** performance.now() of the last one. */
  answeredAt: number;
  /** Called while it is being answered. */
  next: () => void;
}

/** How a test's balancer is set up. */
export interface FakeBalancerOptions {
  readonly functions: FunctionTable;
  readonly workers?: number;
  readonly slots?: number;
  readonly policy?: PolicyName;
  readonly queueCalls?: number;
  readonly offload?: OffloadRule;
  readonly offloadUsdPerHour?: number;
  readonly slotsReadyInMs?: () => readonly number[];
  readonly cloud?: CloudBackend;
  readonly observer?: CallObserver;
  /** Another discipline than the product's, for comparison. */
  readonly queue?: Queue<ActiveCall>;
  /** Whether workers beat, and are watched. */
  readonly watched?: boolean;
  /** Called with each slot process, before it dials in. */
  readonly onSlot?: (slot: FakeSlot) => void;
}

/** The bundle's hash. */
export const HASH = 'the bundle';

/** A balancer without a front, whose workers are fakes. */
export class FakeBalancer {
  readonly pool: Pool;
  readonly dispatcher: Dispatcher;
  readonly workers: FakeWorker[] = [];
  readonly manifest: string;
  readonly specs: readonly FunctionSpec[];
  /** What the pool told: `ready w1`, `eject w1: why`, `readmit w1: why`, `lost w1: why`, `slot of w1: why`. */
  readonly events: string[] = [];
  readonly #options: FakeBalancerOptions;
  readonly #watch: Watch<Worker> | undefined;

  constructor(options: FakeBalancerOptions) {
    const names = Object.keys(options.functions).sort();
    this.specs = names.map((name) => ({
      name,
      style: 'any',
      idempotent: false,
      offload: true,
      concurrency: 1,
      ...options.functions[name],
    }));
    this.manifest = JSON.stringify({ functions: this.specs });
    this.#options = options;
    this.pool = new Pool({
      policy: options.policy ?? 'round-robin',
      bundle: { hash: HASH, code: Buffer.from('code'), env: {}, maxResultBytes: 1000 },
      refuseManifest: (json) => (json === this.manifest ? undefined : 'another manifest'),
    });
    this.dispatcher = new Dispatcher(
      this.pool,
      {
        queueCalls: options.queueCalls ?? 1000,
        maxResultBytes: 1000,
        offload: options.offload ?? { policy: 'threshold', waitMs: 50 },
        ...(options.offloadUsdPerHour !== undefined && { offloadUsdPerHour: options.offloadUsdPerHour }),
        ...(options.observer !== undefined && { observer: options.observer }),
        ...(options.slotsReadyInMs !== undefined && { slotsReadyInMs: options.slotsReadyInMs }),
      },
      options.queue,
    );
    if (options.cloud !== undefined) this.dispatcher.offload.useCloud(options.cloud);
    this.dispatcher.useManifest(new Map(this.specs.map((spec) => [spec.name, spec])), HASH);
    this.pool.listen({
      room: this.dispatcher.pump,
      workerReady: (worker) => {
        this.events.push(`ready ${worker.id}`);
        this.dispatcher.pump();
      },
      workerDrained: (worker) => this.events.push(`drained ${worker.id}`),
      workerLost: (worker, reason) => {
        this.events.push(`lost ${worker.id}: ${reason}`);
        this.dispatcher.pump();
      },
      slotEnded: (worker, reason) => this.events.push(`slot of ${worker.id}: ${reason}`),
    });
    if (options.watched === true) {
      this.#watch = new Watch(this.pool, ({ worker, verdict, reason }) => {
        if (verdict !== 'lose') this.events.push(`${verdict} ${worker.id}: ${reason}`);
      });
    }
    for (let i = 0; i < (options.workers ?? 1); i += 1) this.addWorker();
    settle();
  }

  /** A worker that the pool expects. It dials in unless told otherwise. */
  addWorker(changes: { bundle?: string; dial?: boolean; slots?: number } = {}): FakeWorker {
    const id = `w${this.workers.length + 1}`;
    this.pool.expect(id);
    const worker = new FakeWorker(this.pool, {
      id,
      slots: changes.slots ?? this.#options.slots ?? 1,
      manifest: this.manifest,
      concurrencyOf: (index) => this.specs[index]?.concurrency ?? 1,
      ...(this.#options.onSlot !== undefined && { onSlot: this.#options.onSlot }),
      beats: this.#options.watched ?? false,
      ...(changes.bundle !== undefined && { bundle: changes.bundle }),
    });
    this.workers.push(worker);
    if (changes.dial !== false) worker.dial();
    return worker;
  }

  /** A worker's state, as the pool sees it. */
  stateOf(worker: FakeWorker): string {
    return this.pool.workers.find(({ id }) => id === worker.id)?.state ?? 'not in the pool';
  }

  /** The living slots of all workers. */
  get slots(): FakeSlot[] {
    return this.workers.flatMap((worker) => worker.slots);
  }

  /** A worker's only slot, by the worker's number from 1. */
  slotOf(worker: number): FakeSlot {
    return this.workers[worker - 1]!.slots[0]!;
  }

  /** Makes a call; it has arrived when this returns, and settle() hands it over. `made` is filled, if it is given. */
  call(
    name: string,
    options: { timeoutMs?: number; params?: Params; backend?: Backend } = {},
    made = {} as MadeCall,
  ): MadeCall {
    const spec = this.specs.find((candidate) => candidate.name === name);
    if (spec === undefined) throw new Error(`no function ${name}`);
    Object.assign(made, { outcomes: [], answeredAt: NaN, next: () => undefined });
    const pending = this.dispatcher.dispatch(
      {
        spec,
        params: options.params,
        arrivedAt: performance.now(),
        timeoutMs: options.timeoutMs ?? 30_000,
        ...(options.backend !== undefined && { backend: options.backend }),
      },
      (outcome) => {
        made.outcomes.push(outcome);
        made.answeredAt = performance.now();
        made.next();
      },
    );
    if (!(pending instanceof ActiveCall)) throw new Error('not a call of the real dispatcher');
    return Object.assign(made, { pending });
  }

  /** Runs a function often enough that it is known to be short (0.03 ms), and every slot warm. */
  warmUp(name: string): void {
    for (let i = 0; i < 25 * this.slots.length + 1; i += 1) {
      const call = this.call(name);
      settle();
      this.slots.find((slot) => slot.calls.length > 0)?.answer(undefined, 'null', 0.03);
      settle();
      if (call.outcomes.length !== 1) throw new Error('the warm-up got no answer');
    }
  }

  /** Ends everything; afterwards no timer may be left. */
  close(): void {
    this.#watch?.close();
    this.dispatcher.close();
    for (const worker of this.pool.workers) this.pool.eject(worker.id, 'the test is over');
    for (const worker of this.workers) worker.die();
    settle();
  }
}

/** How a call ended: `ok JSON`, an error's name, or nothing yet. @throws if it was answered twice. */
export function fate({ outcomes }: MadeCall): string {
  if (outcomes.length > 1) throw new Error('a call was answered more than once');
  const [outcome] = outcomes;
  if (outcome === undefined) return '';
  return outcome.ok ? `ok ${textOfResult(outcome.json)}` : outcome.error.name;
}

/** The error that a call ended in, if it did. */
export function errorOf({ outcomes }: MadeCall): unknown {
  return outcomes[0]?.ok === false ? outcomes[0].error : undefined;
}
