/** One worker as the balancer sees it: its control connection, its slots, and whether it may take calls. */
import { encodeLoad, type PoolBundle } from './bundle.ts';
import { ConnectedSlot } from './connected-slot.ts';
import type { Connection } from './connection.ts';
import { EarlyData } from './early-data.ts';
import { FrameType, encodeFrame } from './frames.ts';
import { Liveness } from './liveness.ts';
import { CONTROL_MAX_BYTES, readPrinted, readSlotNotice } from './protocol.ts';
import type { DataHello, Hello, Printed } from './protocol.ts';
import type { Slot } from './slot.ts';
import type { WorkerState } from './worker-state.ts';

/** So many data connections may be early while nobody has said how many slots there are: after a restart all come at once. */
const MAX_EARLY = 64;
/** How much of a bundle's fault is kept. */
const FAULT_CHARACTERS = 2000;

/** What a worker tells the pool. */
export interface WorkerEvents {
  /** Says why its manifest is refused, or undefined. */
  refuseManifest(worker: Worker, json: string): string | undefined;
  ready(worker: Worker): void;
  /** It drains, and has no call left; told again if that comes about again. */
  drained(worker: Worker): void;
  /** It has left the pool for good; its calls have been told. */
  lost(worker: Worker, reason: string): void;
  slotOpened(slot: Slot): void;
  slotClosed(slot: Slot): void;
  /** A slot process ended; the control process starts another. */
  slotEnded(worker: Worker, reason: string): void;
  /** A waiting call may find a slot now that it didn't find before. */
  room(): void;
  /** A function printed a line. */
  printed(worker: Worker, line: Printed): void;
  /** Its calls occupy so many slots more than before; negative: fewer. */
  occupied(bySlots: number): void;
  /** A call known to be short has kept a slot of it busy for so many milliseconds. */
  ranShort(ms: number): void;
}

/** One worker of the pool. */
export class Worker {
  readonly id: string;
  /** What it runs, from its start to its end. */
  readonly bundle: PoolBundle;
  /** Milliseconds since the epoch. */
  readonly startedAt = Date.now();
  calls = 0;
  failures = 0;
  containerId: string | undefined;
  pid: number | undefined;
  /** Why it can't serve the bundle, if that is why it left: the functions are at fault, not the worker. */
  bundleFault: string | undefined;
  /** Why it is in its state, where there is something to say. */
  reason: string | undefined;
  readonly liveness = new Liveness();
  #state: WorkerState = 'starting';
  #control: Connection | undefined;
  #expectedSlots = 1;
  #manifestKnown = false;
  readonly #events: WorkerEvents;
  readonly #keys = new Set<string>();
  readonly #slots = new Map<string, ConnectedSlot>();
  readonly #early = new EarlyData();

  constructor(id: string, bundle: PoolBundle, events: WorkerEvents) {
    this.id = id;
    this.bundle = bundle;
    this.#events = events;
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Its slots with a data connection. */
  get slots(): Slot[] {
    return Array.from(this.#slots.values(), ({ slot }) => slot);
  }

  /** Calls leased to its slots. */
  get running(): number {
    return this.slots.reduce((sum, slot) => sum + slot.running, 0);
  }

  /** Takes its control connection. A second one while the first lives is refused. */
  attachControl(connection: Connection, hello: Hello): void {
    if (this.#control !== undefined || this.#state === 'gone') {
      connection.destroy('this worker has a control connection already');
      return;
    }
    this.#control = connection;
    this.#expectedSlots = hello.slots;
    connection.attach(
      CONTROL_MAX_BYTES,
      (type, _id, payload) => {
        this.#hear(type, payload);
      },
      (reason) => {
        this.lose(reason);
      },
    );
    const { bundle } = this;
    if (hello.bundle !== bundle.hash) {
      // The slots it may have run another bundle, and end now.
      connection.send(encodeLoad(bundle));
      return;
    }
    connection.send(encodeFrame(FrameType.KEEP));
    for (const key of hello.slotKeys) this.#announce(key);
  }

  /** Takes a slot's data connection; one whose key isn't known yet waits a little for the control process's word. */
  attachData(connection: Connection, hello: DataHello): void {
    if (this.#state === 'gone' || this.#slots.has(hello.key) || this.#early.has(hello.key)) {
      connection.destroy('no such slot, or it is connected already');
      return;
    }
    if (this.#keys.has(hello.key)) {
      this.#admit(connection, hello);
      return;
    }
    if (this.#early.size >= (this.#control === undefined ? MAX_EARLY : this.#expectedSlots + 1)) {
      connection.destroy('too many unannounced slots');
      return;
    }
    this.#early.hold(connection, hello);
  }

  /** It takes no new calls from now on; those it has go on, and then `drained` is told, perhaps before this returns. */
  drain(): void {
    if (this.#state === 'gone') return;
    this.#become('draining');
    this.#checkDrained();
    // A call that kept away from another worker for this one's sake may go there now, and a slot held back here is no use.
    this.#events.room();
  }

  /** It has drained and is about to be paused: nothing is sent to it, and its silence means nothing. */
  rest(): void {
    if (this.#state !== 'draining' || this.running > 0) return;
    this.liveness.suspend();
    this.#become('standby');
  }

  /** It takes no new calls until readmit(); those it has may be placed elsewhere as well. */
  eject(reason: string): void {
    if (this.#state !== 'ready') return;
    this.#become('ejected', reason);
    for (const slot of this.slots) {
      this.#events.slotClosed(slot);
      slot.doubt();
    }
    this.#events.room(); // as when it drains
  }

  /** It takes calls again: it was ejected or draining, or it was a standby and runs again. */
  readmit(): void {
    if (this.#state === 'standby') this.liveness.resume();
    if (this.#state === 'draining' || this.#state === 'standby' || this.#state === 'ejected')
      this.#become('ready');
  }

  /** It leaves the pool for good: every call it has is lost, every connection is cut. */
  lose(reason: string): void {
    if (this.#state === 'gone') return;
    // Its slots are shut first: a lost call that is placed again must not land on a slot that is about to be cut.
    this.#become('gone', reason);
    this.#control?.destroy(reason);
    this.#early.cutAll(reason);
    for (const connected of [...this.#slots.values()]) connected.destroy(reason);
    this.#events.lost(this, reason);
  }

  /** The only place where the state changes. Its slots take calls while it is ready, and at no other time. */
  #become(state: WorkerState, reason?: string): void {
    this.#state = state;
    this.reason = reason;
    if (state !== 'ready') {
      for (const { slot } of this.#slots.values()) slot.shut();
      return;
    }
    this.#events.ready(this);
    for (const { slot, busy } of this.#slots.values()) if (!busy) this.#open(slot);
  }

  #checkDrained(): void {
    if (this.#state === 'draining' && this.running === 0) this.#events.drained(this);
  }

  #hear(type: number, payload: Buffer): void {
    this.liveness.beat();
    switch (type) {
      case FrameType.MANIFEST: {
        const refusal = this.#events.refuseManifest(this, payload.toString('utf8'));
        if (refusal !== undefined) {
          this.bundleFault = refusal;
          this.lose(refusal);
          return;
        }
        this.#manifestKnown = true;
        this.#settle();
        break;
      }
      case FrameType.LOAD_FAILED:
        this.bundleFault = payload.toString('utf8').slice(0, FAULT_CHARACTERS);
        this.lose(`the functions can't be loaded: ${this.bundleFault}`);
        break;
      case FrameType.SLOT_UP: {
        const notice = readSlotNotice(payload);
        if (notice === undefined || this.#keys.size > this.#expectedSlots * 2) {
          this.lose('it announces slots it cannot have');
          return;
        }
        this.#announce(notice.key);
        break;
      }
      case FrameType.SLOT_DOWN: {
        const notice = readSlotNotice(payload);
        if (notice === undefined) return;
        const reason = notice.reason ?? 'it ended';
        if (this.#state === 'starting') this.reason = `a slot of it ended: ${reason}`;
        this.#keys.delete(notice.key);
        this.#early.cut(notice.key, reason);
        this.#slots.get(notice.key)?.destroy(`the slot's process ended: ${reason}`);
        this.#events.slotEnded(this, reason);
        break;
      }
      case FrameType.PRINTED: {
        const printed = readPrinted(payload);
        if (printed !== undefined) this.#events.printed(this, printed);
        break;
      }
      case FrameType.HEARTBEAT:
        break;
      default:
        this.lose(`it says something unknown (${type}) on its control connection`);
    }
  }

  #announce(key: string): void {
    this.#keys.add(key);
    const early = this.#early.take(key);
    if (early !== undefined) this.#admit(early.connection, early.hello);
  }

  #admit(connection: Connection, hello: DataHello): void {
    const owner = { workerId: this.id, bundle: this.bundle.hash };
    const connected = new ConnectedSlot(connection, hello, owner, {
      room: () => this.#events.room(),
      end: (ended, how) => {
        this.#endSlot(ended.key, how);
        this.#events.room(); // as when it drains
      },
      ended: (failed) => {
        this.calls += 1;
        if (failed) this.failures += 1;
      },
      released: () => this.#checkDrained(),
      idle: ({ slot }) => this.#open(slot),
      lied: () => this.lose('it answers calls it was not given'),
      occupied: (bySlots) => this.#events.occupied(bySlots),
      ranShort: (ms) => this.#events.ranShort(ms),
      closed: (closed, reason, garbage) => {
        const { slot } = closed;
        this.#slots.delete(hello.key);
        this.#events.slotClosed(slot);
        // Before its calls are told, or they might be placed on another slot of the worker that is about to leave.
        if (garbage) this.lose(`a slot of it sends garbage: ${reason}`);
        closed.lose(reason);
        // A call that kept away from another worker for this one's sake may go there now.
        if (this.#state !== 'gone') this.#events.room();
        this.#checkDrained();
      },
    });
    this.#slots.set(hello.key, connected);
    connected.attach(this.bundle.maxResultBytes);
    if (!this.#slots.has(hello.key)) return; // it was closed already
    if (this.#state === 'ready' && !connected.busy) this.#open(connected.slot);
    else this.#settle();
  }

  /** Ready means: bundle loaded and every data connection up. */
  #settle(): void {
    if (this.#state !== 'starting' || !this.#manifestKnown || this.#slots.size < this.#expectedSlots) return;
    this.#become('ready');
  }

  #open(slot: Slot): void {
    if (this.#state !== 'ready') return; // what opening another one led to has shut them again
    this.#events.slotOpened(slot);
    slot.open();
  }

  #endSlot(key: string, how: 'now' | 'if-stuck'): void {
    const type = how === 'now' ? FrameType.END_SLOT : FrameType.END_IF_STUCK;
    this.#control?.send(encodeFrame(type, key));
  }
}
