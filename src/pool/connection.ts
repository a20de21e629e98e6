/** A worker's connection: frames in, frames out, writes gathered per turn of the event loop. */
import type { Socket } from 'node:net';
import type { CallFrame } from './call-frame.ts';
import { FrameDecoder, FrameError, type OnFrame, type OnSmallResult } from './frames.ts';
import { Outgoing } from './outgoing.ts';

/** Hears that a connection has ended, and why; `garbage`: the peer didn't speak frames. */
export type OnClose = (reason: string, garbage: boolean) => void;

/** One accepted connection. */
export class Connection {
  readonly #socket: Socket;
  readonly #decoder: FrameDecoder;
  readonly #outgoing = new Outgoing();
  #flushing = false;
  #onFrame: OnFrame = () => undefined;
  #onSmallResult: OnSmallResult | undefined;
  #onClose: OnClose = () => undefined;
  #closed: string | undefined;
  #garbage = false;

  constructor(socket: Socket, maxPayloadBytes: number) {
    this.#socket = socket;
    this.#decoder = new FrameDecoder(maxPayloadBytes);
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on('error', (error) => {
      this.destroy(`the connection failed: ${error.message}`);
    });
    // A peer that only stops talking leaves as well: nobody who speaks frames does that and goes on listening.
    for (const end of ['end', 'close']) {
      socket.on(end, () => {
        this.destroy('the connection was closed');
      });
    }
  }

  /** While a frame is told: whether another one follows it at once. */
  get more(): boolean {
    return this.#decoder.more;
  }

  /**
   * Says who listens from now on, and how long a payload may be, in bytes. Whoever takes small results by themselves may be told of
   * some as frames all the same. A connection already closed says so at once.
   */
  attach(maxPayloadBytes: number, onFrame: OnFrame, onClose: OnClose, onSmallResult?: OnSmallResult): void {
    this.#decoder.maxPayloadBytes = maxPayloadBytes;
    this.#onFrame = onFrame;
    this.#onSmallResult = onSmallResult;
    this.#onClose = onClose;
    if (this.#closed !== undefined) onClose(this.#closed, this.#garbage);
  }

  /** Writes a frame at the end of this turn of the event loop, together with the others of the turn. */
  send(frame: Buffer): void {
    if (this.#closed !== undefined) return; // onClose has told, or is about to
    this.#outgoing.push(frame);
    this.#flushLater();
  }

  /** The same for a CALL. */
  sendCall(call: CallFrame): void {
    if (this.#closed !== undefined) return;
    this.#outgoing.call(call);
    this.#flushLater();
  }

  /** Cuts the connection; `reason` is what onClose hears. Once. */
  destroy(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#outgoing.clear();
    this.#socket.destroy();
    this.#onClose(reason, this.#garbage);
  }

  #flushLater(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    this.#outgoing.flushTo(this.#socket);
  };

  readonly #tellFrame: OnFrame = (type, callId, payload) => {
    if (this.#closed === undefined) this.#onFrame(type, callId, payload);
  };

  readonly #tellSmallResult: OnSmallResult = (callId, bytes, from, to) => {
    if (this.#closed === undefined) this.#onSmallResult?.(callId, bytes, from, to);
  };

  #read(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk, this.#tellFrame, this.#onSmallResult && this.#tellSmallResult);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#garbage = true;
      this.destroy(error.message);
    }
  }
}
