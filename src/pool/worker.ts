/** One worker as the balancer sees it: its control connection, its slots, and whether it may take calls. */
import { performance } from 'node:perf_hooks';
import type { Connection } from './connection.ts';
import {
  ANSWER_PREFIX_BYTES,
  CPU_UNKNOWN,
  FrameType,
  encodeCall,
  encodeFrame,
  encodeMark,
} from './frames.ts';
import {
  CONTROL_MAX_BYTES,
  readFailure,
  readSlotNotice,
  type DataHello,
  type Failure,
  type Hello,
  type LoadOrder,
} from './protocol.ts';
import { Slot, type SlotConnection } from './slot.ts';

/** A worker's states (DESIGN.md, States). */
export type WorkerState = 'starting' | 'ready' | 'ejected' | 'draining' | 'standby' | 'gone';

/** How long a data connection may be ahead of the control process's word for it, in milliseconds. */
const EARLY_DATA_MS = 2000;
/** The longest delay a Node timer can hold, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** How much of a bundle's fault is kept. */
const FAULT_CHARACTERS = 2000;
/** Room in a data frame for what goes round a result, in bytes. */
const ANSWER_SLACK_BYTES = 64 * 1024;

/** The bundle as workers receive it. */
export interface PoolBundle extends LoadOrder {
  readonly code: Buffer;
}

/** What a worker tells the pool. */
export interface WorkerEvents {
  bundle(): PoolBundle;
  /** Says why a manifest is refused, or undefined. */
  refuseManifest(json: string): string | undefined;
  ready(worker: Worker): void;
  /** It has left the pool for good; its calls have been told. */
  lost(worker: Worker, reason: string): void;
  slotOpened(slot: Slot): void;
  slotClosed(slot: Slot): void;
  /** A slot process ended; the control process starts another. */
  slotEnded(worker: Worker, reason: string): void;
  room(slot: Slot): void;
}

/** A data connection that came before the control process announced its key. */
interface EarlyData {
  readonly connection: Connection;
  readonly hello: DataHello;
  readonly timer: NodeJS.Timeout;
}

/** A slot with its data connection. */
interface ConnectedSlot {
  readonly slot: Slot;
  readonly connection: Connection;
  /** Set while a dead client's call still runs in it: ends the slot when that call's time is over. */
  busy: NodeJS.Timeout | undefined;
}

/** One worker of the pool. */
export class Worker {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly startedAt = Date.now();
  calls = 0;
  failures = 0;
  containerId: string | undefined;
  pid: number | undefined;
  /** Why it can't serve the bundle, if that is why it left: the functions are at fault, not the worker. */
  bundleFault: string | undefined;
  #state: WorkerState = 'starting';
  #control: Connection | undefined;
  #expectedSlots = 1;
  #manifestKnown = false;
  readonly #events: WorkerEvents;
  readonly #keys = new Set<string>();
  readonly #slots = new Map<string, ConnectedSlot>();
  readonly #early = new Map<string, EarlyData>();

  constructor(id: string, events: WorkerEvents) {
    this.id = id;
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
    let running = 0;
    for (const { slot } of this.#slots.values()) running += slot.running;
    return running;
  }

  /** Takes its control connection. A second one while the first lives is refused. */
  attachControl(connection: Connection, hello: Hello): void {
    if (this.#control !== undefined || this.#state === 'gone') {
      connection.destroy('this worker has a control connection already');
      return;
    }
    this.#control = connection;
    this.#expectedSlots = hello.slots;
    for (const key of hello.slotKeys) this.#keys.add(key);
    connection.attach(
      CONTROL_MAX_BYTES,
      (type, _id, payload) => {
        this.#hear(type, payload);
      },
      (reason) => {
        this.lose(reason);
      },
    );
    const bundle = this.#events.bundle();
    if (hello.bundle === bundle.hash) connection.send(encodeFrame(FrameType.KEEP));
    else connection.send(encodeLoad(bundle));
    for (const key of hello.slotKeys) this.#admitEarly(key);
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
    if (this.#early.size >= this.#expectedSlots + 1) {
      connection.destroy('too many unannounced slots');
      return;
    }
    const timer = setTimeout(() => {
      this.#early.delete(hello.key);
      connection.destroy('its slot was never announced');
    }, EARLY_DATA_MS);
    this.#early.set(hello.key, { connection, hello, timer });
  }

  /** It takes no new calls from now on; those it has go on. */
  drain(): void {
    if (this.#state === 'gone') return;
    this.#state = 'draining';
    for (const { slot } of this.#slots.values()) slot.shut();
  }

  /** It leaves the pool for good: every call it has is lost, every connection is cut. */
  lose(reason: string): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    // All of them first: a lost call that is placed again must not land on a slot that is about to be cut.
    for (const { slot } of this.#slots.values()) slot.shut();
    this.#control?.destroy(reason);
    for (const { connection, timer } of this.#early.values()) {
      clearTimeout(timer);
      connection.destroy(reason);
    }
    this.#early.clear();
    for (const { connection } of [...this.#slots.values()]) connection.destroy(reason);
    this.#events.lost(this, reason);
  }

  #hear(type: number, payload: Buffer): void {
    switch (type) {
      case FrameType.MANIFEST: {
        const refusal = this.#events.refuseManifest(payload.toString('utf8'));
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
        this.#keys.add(notice.key);
        this.#admitEarly(notice.key);
        break;
      }
      case FrameType.SLOT_DOWN: {
        const notice = readSlotNotice(payload);
        if (notice === undefined) return;
        const reason = notice.reason ?? 'it ended';
        this.#keys.delete(notice.key);
        this.#slots.get(notice.key)?.connection.destroy(`the slot's process ended: ${reason}`);
        this.#events.slotEnded(this, reason);
        break;
      }
      case FrameType.HEARTBEAT:
        break;
      default:
        this.lose(`it says something unknown (${type}) on its control connection`);
    }
  }

  #admitEarly(key: string): void {
    const early = this.#early.get(key);
    if (early === undefined) return;
    this.#early.delete(key);
    clearTimeout(early.timer);
    this.#admit(early.connection, early.hello);
  }

  #admit(connection: Connection, hello: DataHello): void {
    const slot = new Slot(hello.key, this.id, dataSide(connection), {
      room: this.#events.room,
      end: (ended, how) => {
        this.#endSlot(ended.key, how);
      },
    });
    const connected: ConnectedSlot = { slot, connection, busy: undefined };
    this.#slots.set(hello.key, connected);
    if (hello.running > 0) {
      const remainingMs = Math.min(hello.remainingMs, MAX_TIMER_MS);
      connected.busy = setTimeout(() => {
        this.#endSlot(hello.key, 'now');
      }, remainingMs);
    }
    connection.attach(
      this.#events.bundle().maxResultBytes + ANSWER_SLACK_BYTES,
      (type, callId, payload) => {
        if (type === FrameType.IDLE && connected.busy !== undefined) {
          clearTimeout(connected.busy);
          connected.busy = undefined;
          if (this.#state === 'ready') this.#open(slot);
        } else if (!this.#takeAnswer(slot, type, callId, payload)) {
          this.lose('it answers calls it was not given');
        }
      },
      (reason) => {
        clearTimeout(connected.busy);
        this.#slots.delete(hello.key);
        this.#events.slotClosed(slot);
        slot.lose(reason);
      },
    );
    if (this.#state === 'ready' && connected.busy === undefined) this.#open(slot);
    else this.#settle();
  }

  /** Ready means: bundle loaded and every data connection up. */
  #settle(): void {
    if (this.#state !== 'starting' || !this.#manifestKnown || this.#slots.size < this.#expectedSlots) return;
    this.#state = 'ready';
    this.#events.ready(this);
    for (const { slot, busy } of this.#slots.values()) if (busy === undefined) this.#open(slot);
  }

  #open(slot: Slot): void {
    this.#events.slotOpened(slot);
    slot.open();
  }

  #endSlot(key: string, how: 'now' | 'if-stuck'): void {
    const type = how === 'now' ? FrameType.END_SLOT : FrameType.END_IF_STUCK;
    this.#control?.send(encodeFrame(type, key));
  }

  #takeAnswer(slot: Slot, type: number, callId: number, payload: Buffer): boolean {
    if (type === FrameType.DROPPED) return slot.drop(callId);
    if (payload.length < ANSWER_PREFIX_BYTES) return false;
    let failure: Failure | undefined;
    const json = payload.subarray(ANSWER_PREFIX_BYTES);
    if (type === FrameType.FAILURE) {
      failure = readFailure(json);
      if (failure === undefined) return false;
      this.failures += 1;
    } else if (type !== FrameType.RESULT) return false;
    this.calls += 1;
    const cpuUs = payload.readUInt32BE(4);
    return slot.answer(
      callId,
      json,
      failure,
      payload.readUInt32BE(0) / 1000,
      cpuUs === CPU_UNKNOWN ? undefined : cpuUs / 1000,
    );
  }
}

function encodeLoad({ code, ...order }: PoolBundle): Buffer {
  const text = Buffer.from(JSON.stringify(order));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return encodeFrame(FrameType.LOAD, Buffer.concat([length, text, code]));
}

function dataSide(connection: Connection): SlotConnection {
  return {
    run(callId, call) {
      connection.send(
        encodeCall({
          callId,
          remainingMs: call.deadlineAt - performance.now(),
          functionIndex: call.functionIndex,
          params: call.params,
          short: call.shortMs !== Infinity,
        }),
      );
    },
    cancel(callId) {
      connection.send(encodeMark(FrameType.CANCEL, callId));
    },
  };
}
