/** The pool: its workers, its free slots, and which of them a call gets. */
import type { PoolBundle } from './bundle.ts';
import type { Connection } from './connection.ts';
import type { Newcomers } from './listener.ts';
import { createPolicy, type Policy, type PolicyName } from './policies.ts';
import type { DataHello, Hello } from './protocol.ts';
import type { Slot } from './slot.ts';
import { Worker, type WorkerState } from './worker.ts';

/** Who listens to the pool. */
export interface PoolListener {
  /** Some slot may have room for a call. */
  room(): void;
  /** A worker takes calls from now on. */
  workerReady(worker: Worker): void;
  /** A worker has left for good; its calls have been told. */
  workerLost(worker: Worker, reason: string): void;
  /** A slot process ended and is being replaced inside its worker. */
  slotEnded(worker: Worker, reason: string): void;
}

/** What a pool is made of. */
export interface PoolOptions {
  readonly policy: PolicyName;
  readonly bundle: PoolBundle;
  /** Says why a manifest is refused, or undefined. The first one accepted is the bundle's. */
  readonly refuseManifest: (json: string) => string | undefined;
}

/** The workers of one balancer, and the lease of their slots. */
export class Pool implements Newcomers {
  readonly #workers = new Map<string, Worker>();
  #slots: readonly Slot[] = [];
  readonly #policy: Policy;
  readonly #options: PoolOptions;
  #listener: PoolListener | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#policy = createPolicy(options.policy);
  }

  /** Says who listens; before any worker is expected. */
  listen(listener: PoolListener): void {
    this.#listener = listener;
  }

  /** Every worker that is not gone. */
  get workers(): Worker[] {
    return [...this.#workers.values()];
  }

  /** The slots of ready workers that are connected, full or not. */
  get slots(): readonly Slot[] {
    return this.#slots;
  }

  /** How many workers are in that state. */
  count(state: WorkerState): number {
    let count = 0;
    for (const worker of this.#workers.values()) if (worker.state === state) count += 1;
    return count;
  }

  /** A worker of this id was started, or is adopted, and will dial in. */
  expect(id: string): Worker {
    const worker = new Worker(id, {
      bundle: () => this.#options.bundle,
      refuseManifest: this.#options.refuseManifest,
      ready: (ready) => this.#listener?.workerReady(ready),
      lost: (lost, reason) => {
        this.#workers.delete(lost.id);
        this.#listener?.workerLost(lost, reason);
      },
      slotOpened: (slot) => {
        this.#slots = [...this.#slots, slot];
      },
      slotClosed: (slot) => {
        this.#slots = this.#slots.filter((other) => other !== slot);
      },
      slotEnded: (owner, reason) => this.#listener?.slotEnded(owner, reason),
      room: () => this.#listener?.room(),
    });
    this.#workers.set(id, worker);
    return worker;
  }

  /** A slot that can start a call of this concurrency now, by the pool's policy; not on the worker `avoid`. */
  free(concurrency: number, avoid: string | undefined): Slot | undefined {
    return this.#policy(this.#slots, concurrency, avoid, performance.now());
  }

  /** The slot that would start a short call soonest behind those it has, where that is allowed (DESIGN decision 13). */
  ahead(shortMs: number, avoid: string | undefined): Slot | undefined {
    let best: Slot | undefined;
    let bestMs = Infinity;
    for (const slot of this.#slots) {
      if (slot.workerId === avoid) continue;
      const ms = slot.aheadMs(shortMs);
      if (ms < bestMs) {
        best = slot;
        bestMs = ms;
      }
    }
    return best;
  }

  /**
   * For a call that finds every slot taken by calls of another concurrency: holds the slot that is nearest to empty
   * back for it, unless one is held back already or runs its kind; not on the worker `avoid`.
   */
  reserve(concurrency: number, avoid: string | undefined): void {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      if (!slot.usable || slot.workerId === avoid) continue;
      if (slot.reservedFor === concurrency || slot.mode === concurrency) return;
      if (slot.reservedFor !== 0 || slot.mode === 0) continue;
      if (best === undefined || slot.running < best.running) best = slot;
    }
    if (best !== undefined) best.reservedFor = concurrency;
  }

  /** Nobody waits for a slot of this concurrency any more. */
  unreserve(concurrency: number): void {
    for (const slot of this.#slots) if (slot.reservedFor === concurrency) slot.reservedFor = 0;
  }

  /** Whether some worker but this one has a slot that takes calls. */
  hasOther(workerId: string): boolean {
    return this.#slots.some((slot) => slot.workerId !== workerId && slot.usable);
  }

  /** Takes a worker out of the pool: it lied, or sent garbage. */
  eject(workerId: string, reason: string): void {
    this.#workers.get(workerId)?.lose(reason);
  }

  control(connection: Connection, hello: Hello): void {
    const worker = this.#workers.get(hello.worker);
    if (worker === undefined) connection.destroy('no worker of this id is expected');
    else worker.attachControl(connection, hello);
  }

  data(connection: Connection, hello: DataHello): void {
    const worker = this.#workers.get(hello.worker);
    if (worker === undefined) connection.destroy('no worker of this id is expected');
    else worker.attachData(connection, hello);
  }
}
