/** A worker as the balancer meets it: it speaks frames to the real pool, and a test says what its slots do. */
import { Connection } from '../../src/pool/connection.ts';
import { FrameDecoder, FrameType, PROTOCOL_VERSION, encodeFrame } from '../../src/pool/frames.ts';
import type { Newcomers } from '../../src/pool/listener.ts';
import { HELLO_MAX_BYTES, type Hello } from '../../src/pool/protocol.ts';
import { FakeSlot } from './slot.ts';
import { WireEnd } from './wire.ts';

/** How long a slot process takes to be replaced, in milliseconds. */
const RESPAWN_MS = 50;
/** As the worker program's. */
const STUCK_MS = 250;
const HEARTBEAT_MS = 500;

/** What a fake worker is. */
export interface FakeWorkerOptions {
  readonly id: string;
  readonly slots: number;
  /** What it says its bundle holds. */
  readonly manifest: string;
  /** How many calls of the function with this index a slot runs at once. */
  readonly concurrencyOf: (functionIndex: number) => number;
  /** Called with each slot process, before it dials in. */
  readonly onSlot?: (slot: FakeSlot) => void;
  /** The bundle it has loaded from an earlier balancer. */
  readonly bundle?: string;
  /** Whether it beats, as the worker program does. */
  readonly beats?: boolean;
}

let serial = 0;

/** One worker: a control process and its slots. */
export class FakeWorker {
  readonly id: string;
  readonly options: FakeWorkerOptions;
  /** Its living slots. */
  slots: FakeSlot[] = [];
  /** The balancer has cut it off, or it has died. */
  gone = false;
  /** Types of the frames that the balancer sent to the control process. */
  readonly heard: number[] = [];
  /** Its control process is stopped, or busy for ever: it hears nothing and says nothing. */
  #stopped = false;
  #heartbeat: NodeJS.Timeout | undefined;
  readonly #pool: Newcomers;
  #control: WireEnd | undefined;

  constructor(pool: Newcomers, options: FakeWorkerOptions) {
    this.id = options.id;
    this.options = options;
    this.#pool = pool;
  }

  /** A new key, as no two slot processes share one. */
  newKey(): string {
    serial += 1;
    return `${this.id}-${serial}`;
  }

  /** Opens the control connection. */
  dial(changes: Partial<Hello> = {}): void {
    const [mine, balancers] = WireEnd.pair();
    this.#control = mine;
    const decoder = new FrameDecoder(Number.MAX_SAFE_INTEGER);
    mine.on('data', (chunk: Buffer) => {
      decoder.push(chunk, (type, _id, payload) => {
        this.#obey(type, payload);
      });
    });
    mine.on('close', () => {
      this.die();
    });
    if (this.options.beats === true) this.#heartbeat = setInterval(() => this.beat(), HEARTBEAT_MS);
    this.#pool.control(new Connection(balancers.socket, HELLO_MAX_BYTES), {
      protocol: PROTOCOL_VERSION,
      worker: this.id,
      token: 'checked by the listener',
      slots: this.options.slots,
      bundle: this.options.bundle ?? null,
      slotKeys: this.slots.map((slot) => slot.key),
      ...changes,
    });
  }

  /** Says that it lives. */
  beat(): void {
    if (!this.#stopped) this.say(FrameType.HEARTBEAT);
  }

  /** Stops all of its processes, as SIGSTOP or a pause of its container does. */
  stop(): void {
    this.#stopped = true;
    this.#control?.hold();
    for (const slot of this.slots) slot.stick();
  }

  /** They go on. */
  cont(): void {
    this.#stopped = false;
    this.#control?.release();
    for (const slot of this.slots) slot.unstick();
  }

  /** Hands a data connection to the pool, as the listener does after a slot's hello. */
  connect(slot: FakeSlot): WireEnd {
    const [mine, balancers] = WireEnd.pair();
    const connection = new Connection(balancers.socket, HELLO_MAX_BYTES);
    this.#pool.data(connection, {
      worker: this.id,
      key: slot.key,
      running: slot.old.length,
      remainingMs: Math.max(0, ...slot.old.map((call) => call.remainingMs)),
    });
    return mine;
  }

  /** Says something on the control connection. */
  say(type: number, payload?: string | Buffer): void {
    this.#control?.write(encodeFrame(type, payload));
  }

  /** Sends bytes as they are on the control connection. */
  sendControl(bytes: Buffer): void {
    this.#control?.write(bytes);
  }

  /** A slot process of which nobody has spoken yet. */
  newSlot(): FakeSlot {
    const slot = new FakeSlot(this, this.newKey());
    this.slots.push(slot);
    return slot;
  }

  /** Starts one more slot process, which dials in and is announced. */
  startSlot(): FakeSlot {
    const slot = this.newSlot();
    this.options.onSlot?.(slot);
    slot.connect();
    this.say(FrameType.SLOT_UP, JSON.stringify({ key: slot.key }));
    return slot;
  }

  /** A slot process ends, and the next takes its place after a while. */
  endSlot(slot: FakeSlot, reason = 'killed by SIGKILL'): void {
    if (!this.slots.includes(slot)) return;
    this.slots = this.slots.filter((other) => other !== slot);
    slot.die();
    this.say(FrameType.SLOT_DOWN, JSON.stringify({ key: slot.key, reason }));
    setTimeout(() => {
      if (!this.gone) this.startSlot();
    }, RESPAWN_MS);
  }

  /** Its control process ends, and with it all of its slots. */
  die(): void {
    if (this.gone) return;
    this.gone = true;
    clearInterval(this.#heartbeat);
    this.#control?.destroy();
    for (const slot of this.slots) slot.die();
    this.slots = [];
  }

  #obey(type: number, payload: Buffer): void {
    this.heard.push(type);
    if (type === FrameType.LOAD) {
      for (let i = 0; i < this.options.slots; i += 1) this.startSlot();
      this.say(FrameType.MANIFEST, this.options.manifest);
    } else if (type === FrameType.KEEP) this.say(FrameType.MANIFEST, this.options.manifest);
    const slot = this.slots.find(({ key }) => key === payload.toString());
    if (slot === undefined) return;
    if (type === FrameType.END_SLOT) this.endSlot(slot);
    else if (type === FrameType.END_IF_STUCK && slot.stuck) {
      setTimeout(() => {
        if (slot.stuck) this.endSlot(slot);
      }, STUCK_MS);
    }
  }
}
