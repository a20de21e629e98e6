/** The pool: its workers, its free slots, and which of them a call gets. */
import type { PoolBundle } from './bundle.ts';
import type { Connection } from './connection.ts';
import type { Newcomers } from './listener.ts';
import { Occupancy } from './occupancy.ts';
import { createPolicy, type Policy, type PolicyName } from './policies.ts';
import type { DataHello, Hello, Printed } from './protocol.ts';
import type { Slot } from './slot.ts';
import { Worker } from './worker.ts';
import type { WorkerState } from './worker-state.ts';

/** A slot that is held back until it is empty should be so by now, if it isn't expected to be within this, in milliseconds. */
const LONG_MS = 10;

/** Who listens to the pool. */
export interface PoolListener {
  /** Some slot may have room for a call. */
  room(): void;
  /** A worker takes calls from now on. */
  workerReady(worker: Worker): void;
  /** A draining worker has no call left. */
  workerDrained(worker: Worker): void;
  /** A worker has left for good; its calls have been told. */
  workerLost(worker: Worker, reason: string): void;
  /** A slot process ended and is being replaced inside its worker. */
  slotEnded(worker: Worker, reason: string): void;
  /** A function printed a line. */
  printed?(worker: Worker, line: Printed): void;
}

/** What a pool is made of. */
export interface PoolOptions {
  readonly policy: PolicyName;
  /** What new workers run; see useBundle. */
  readonly bundle: PoolBundle;
  /** Says why a manifest of that bundle is refused, or undefined. The first one accepted is the bundle's. */
  readonly refuseManifest: (json: string, bundle: string) => string | undefined;
}

/** The workers of one balancer, and the lease of their slots. */
export class Pool implements Newcomers {
  readonly #workers = new Map<string, Worker>();
  #slots: readonly Slot[] = [];
  readonly #policy: Policy;
  readonly #options: PoolOptions;
  readonly #occupancy = new Occupancy(performance.now());
  #bundle: PoolBundle;
  /** Workers may run different bundles, so a call's slot has to have its function. */
  #mixed = false;
  #listener: PoolListener | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#bundle = options.bundle;
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

  /** What new workers run. */
  get bundle(): PoolBundle {
    return this.#bundle;
  }

  /** New workers run this bundle from now on. */
  useBundle(bundle: PoolBundle): void {
    this.#mixed = true;
    this.#bundle = bundle;
  }

  /** Every worker runs the same bundle again. */
  settleBundles(): void {
    this.#mixed = false;
  }

  /** Whether workers of several bundles may be in it, as while functions are reloaded. */
  get mixed(): boolean {
    return this.#mixed;
  }

  /** Slots that calls occupy now, in fractions where several share one; those known to be short left out. */
  get busySlots(): number {
    return this.#occupancy.slots;
  }

  /** Slot-milliseconds that calls have occupied since the start, up to `now` (performance.now()), short ones included. */
  busyMs(now: number): number {
    return this.#occupancy.busyMs(now);
  }

  /** A worker of this id was started, or is adopted, and will dial in. It runs the pool's bundle, or one that is tried. */
  expect(id: string, bundle = this.#bundle): Worker {
    if (bundle !== this.#bundle) this.#mixed = true;
    const worker = new Worker(id, bundle, {
      refuseManifest: (asked, json) => this.#options.refuseManifest(json, asked.bundle.hash),
      occupied: (bySlots) => {
        this.#occupancy.change(bySlots, performance.now());
      },
      ranShort: (ms) => this.#occupancy.add(ms),
      ready: (ready) => this.#listener?.workerReady(ready),
      drained: (drained) => this.#listener?.workerDrained(drained),
      lost: (lost, reason) => {
        this.#workers.delete(lost.id);
        this.#listener?.workerLost(lost, reason);
      },
      slotOpened: (slot) => {
        // Those of a worker that was a standby are there already.
        if (!this.#slots.includes(slot)) this.#slots = [...this.#slots, slot];
      },
      slotClosed: (slot) => {
        this.#slots = this.#slots.filter((other) => other !== slot);
      },
      slotEnded: (owner, reason) => this.#listener?.slotEnded(owner, reason),
      room: () => this.#listener?.room(),
      printed: (owner, line) => this.#listener?.printed?.(owner, line),
    });
    this.#workers.set(id, worker);
    return worker;
  }

  /**
   * A slot that can start a call of this concurrency now, by the pool's policy; not on the worker `avoid`, and only of
   * the bundles that have its function.
   */
  free(
    concurrency: number,
    avoid: string | undefined,
    bundles: ReadonlyMap<string, unknown>,
  ): Slot | undefined {
    return this.#policy(this.#running(bundles), concurrency, avoid, performance.now());
  }

  /** The slot that would start a short call soonest behind those it has, where that is allowed (DESIGN decision 13). */
  ahead(shortMs: number, avoid: string | undefined, bundles: ReadonlyMap<string, unknown>): Slot | undefined {
    let best: Slot | undefined;
    let bestMs = Infinity;
    for (const slot of this.#running(bundles)) {
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

  /**
   * The same for a call of concurrency 1 that may share its slot with no other: at `now` (performance.now()) holds the slot back
   * that is likely to be empty first, even where calls of one slot each run. Else short calls would be handed ahead to each of
   * them for ever. One that is held back stays so, unless its calls take long after all: if it went from slot to slot, none
   * would ever be empty.
   */
  reserveEmpty(avoid: string | undefined, now: number): void {
    const slots = this.#slots.filter((slot) => slot.usable && slot.workerId !== avoid && slot.mode !== 0);
    const held = slots.find(({ reservedFor }) => reservedFor === 1);
    if (held !== undefined) {
      if (held.mode !== 1 || held.freeInMs(now) <= LONG_MS) return;
      held.reservedFor = 0;
    }
    let best: Slot | undefined;
    let bestMs = Infinity;
    for (const slot of slots) {
      const ms = slot.reservedFor === 0 ? slot.freeInMs(now) : Infinity;
      if (ms < bestMs) [best, bestMs] = [slot, ms];
    }
    if (best !== undefined) best.reservedFor = 1;
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

  /** The slots that run one of these bundles. */
  #running(bundles: ReadonlyMap<string, unknown>): readonly Slot[] {
    return this.#mixed ? this.#slots.filter(({ bundle }) => bundles.has(bundle)) : this.#slots;
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
