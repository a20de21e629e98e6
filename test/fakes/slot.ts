/** A slot process as the balancer meets it. Which of its calls end, and how, is the test's to say. */
import { decodeCall, type CallFrame } from '../../src/pool/call-frame.ts';
import { CPU_UNKNOWN, FrameDecoder, FrameType, encodeAnswer, encodeMark } from '../../src/pool/frames.ts';
import type { WireEnd } from './wire.ts';

/** The worker a slot belongs to, as far as the slot needs it. */
interface SlotOwner {
  readonly id: string;
  readonly options: { concurrencyOf(functionIndex: number): number };
  /** A new data connection for this slot. */
  connect(slot: FakeSlot): WireEnd;
}

/** One slot process and its data connection. */
export class FakeSlot {
  readonly key: string;
  /** performance.now() when it last dialled in. */
  connectedAt = 0;
  /** The calls it has, in their order; the first `concurrency` of them have been started. */
  calls: CallFrame[] = [];
  /** Calls whose signal was aborted. */
  readonly aborted = new Set<number>();
  /** Its event loop doesn't turn: it hears nothing until the running call ends. */
  stuck = false;
  /** Calls of an earlier connection that still run in it. */
  old: CallFrame[] = [];
  /** Called with each call as it is sent, which is before a stuck slot reads it. */
  onCall: (call: CallFrame) => void = () => undefined;
  /** Called with each call that it had when its connection broke. */
  onLost: (call: CallFrame) => void = () => undefined;
  /** Called with each call that it gives back unstarted. */
  onDropped: (call: CallFrame) => void = () => undefined;
  readonly #worker: SlotOwner;
  /** Calls that it was sent and hasn't answered. */
  readonly #sent = new Map<number, CallFrame>();
  #wire: WireEnd | undefined;

  constructor(worker: SlotOwner, key: string) {
    this.#worker = worker;
    this.key = key;
  }

  get workerId(): string {
    return this.#worker.id;
  }

  /** Dials in. */
  connect(): void {
    const wire = this.#worker.connect(this);
    this.#wire = wire;
    this.connectedAt = performance.now();
    const sent = new FrameDecoder(Number.MAX_SAFE_INTEGER);
    wire.on('sent', (chunk: Buffer) => {
      sent.push(chunk, (type, callId, payload) => {
        if (type !== FrameType.CALL) return;
        const call = decodeCall(callId, payload);
        this.#sent.set(callId, call);
        this.onCall(call);
      });
    });
    const read = new FrameDecoder(Number.MAX_SAFE_INTEGER);
    wire.on('data', (chunk: Buffer) => {
      read.push(chunk, (type, callId, payload) => {
        this.#obey(type, callId, payload);
      });
    });
    wire.on('close', () => {
      if (this.#wire !== wire) return;
      for (const call of this.#sent.values()) this.onLost(call);
      this.#sent.clear();
      this.old.push(...this.started);
      this.calls = [];
    });
  }

  /** Whether the balancer has it connected. */
  get connected(): boolean {
    return this.#wire?.writable === true;
  }

  /** The calls that were started. */
  get started(): CallFrame[] {
    const [first] = this.calls;
    return first === undefined
      ? []
      : this.calls.slice(0, this.#worker.options.concurrencyOf(first.functionIndex));
  }

  /** Ends a started call with a result; without an argument the first one. */
  answer(call = this.calls[0], json = 'null', runMs = 0.1): void {
    this.#finish(call, FrameType.RESULT, json, runMs);
  }

  /** Ends a started call with an error. */
  fail(
    call = this.calls[0],
    failure: object = { kind: 'FunctionError', message: 'boom', name: 'Error' },
  ): void {
    this.#finish(call, FrameType.FAILURE, JSON.stringify(failure), 0.1);
  }

  /** Keeps the event loop from turning, until the running call ends or unstick(). */
  stick(): void {
    this.stuck = true;
    this.#wire?.hold();
  }

  unstick(): void {
    this.stuck = false;
    this.#wire?.release();
  }

  /** Sends bytes as they are. */
  send(bytes: Buffer): void {
    this.#wire?.write(bytes);
  }

  /** Its connection breaks, but not the process: the calls that were started go on, the others are forgotten. */
  hangUp(): void {
    this.unstick();
    this.#wire?.destroy();
  }

  /** The calls of an earlier connection end. */
  endOld(): void {
    if (this.old.length === 0) return;
    this.old = [];
    this.send(encodeMark(FrameType.IDLE, 0));
  }

  /** The process ends; its worker hasn't noticed yet. */
  die(): void {
    this.stuck = false;
    this.#wire?.destroy();
  }

  #obey(type: number, callId: number, payload: Buffer): void {
    if (type === FrameType.CALL) {
      const call = decodeCall(callId, payload);
      this.calls.push(call);
      return;
    }
    const call = this.calls.find((other) => other.callId === callId);
    if (call === undefined) return;
    if (!this.started.includes(call)) {
      this.calls = this.calls.filter((other) => other !== call);
      this.#sent.delete(callId);
      this.onDropped(call);
      this.send(encodeMark(FrameType.DROPPED, callId));
    } else if (type === FrameType.CANCEL) this.aborted.add(callId);
  }

  #finish(call: CallFrame | undefined, type: number, json: string, runMs: number): void {
    if (call === undefined) throw new Error(`slot ${this.key} has no such call`);
    this.calls = this.calls.filter((other) => other !== call);
    this.#sent.delete(call.callId);
    this.send(encodeAnswer(type, call.callId, Math.round(runMs * 1000), CPU_UNKNOWN, json));
    if (this.stuck) this.unstick();
  }
}
