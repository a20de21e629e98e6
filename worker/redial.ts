/** A connection to the balancer that is dialled again whenever it is lost. */
import { connect, type Socket } from 'node:net';

/**
 * Before dialling again a balancer that isn't there: this share of the time it has been gone, within these bounds in
 * milliseconds. One that restarts has its workers at once, and one that doesn't costs little.
 */
const GONE_SHARE = 1 / 40;
const SHORTEST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 200;

/** As many bytes as are read at once. */
const READ_BYTES = 64 * 1024;

/** What the owner of the connection wants to hear. */
export interface RedialEvents {
  connected(socket: Socket): void;
  /** `bytes` are written over once this returns. */
  data(bytes: Buffer, socket: Socket): void;
  lost(): void;
}

/** Dials `path`, for ever, until close(). */
export class Redial {
  /** The socket that is dialling or connected. */
  #dialled: Socket | undefined;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #goneAt = performance.now();
  #refusals = 0;
  #closed = false;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #path: string;
  readonly #events: RedialEvents;

  constructor(path: string, events: RedialEvents) {
    this.#path = path;
    this.#events = events;
    this.#dial();
  }

  /** The live connection, if there is one. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Drops the connection; it is dialled again unless closed. */
  drop(): void {
    this.#socket?.destroy();
  }

  /** Ends it for good; nothing is told any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#dialled?.destroy();
  }

  #dial(): void {
    // Read into one buffer, past the stream's queue: a fifth of a slot's CPU for a call that comes alone, 5 to 10% for one of eight.
    const socket: Socket = connect({
      path: this.#path,
      onread: {
        buffer: this.#buffer,
        callback: (bytes) => {
          this.#events.data(this.#buffer.subarray(0, bytes), socket);
          return true;
        },
      },
    });
    this.#dialled = socket;
    let upAt: number | undefined;
    socket.on('connect', () => {
      upAt = performance.now();
      this.#socket = socket;
      this.#events.connected(socket);
    });
    socket.on('error', () => {
      // 'close' follows and says the same.
    });
    socket.on('close', () => {
      this.#socket = undefined;
      if (this.#closed) return;
      const now = performance.now();
      if (upAt !== undefined) {
        this.#goneAt = now;
        // One that is cut at once is refused, and a balancer that refuses isn't asked ever faster.
        this.#refusals = now - upAt > LONGEST_WAIT_MS ? 0 : this.#refusals + 1;
        this.#events.lost();
      }
      const shortest = SHORTEST_WAIT_MS * 2 ** this.#refusals;
      const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(shortest, (now - this.#goneAt) * GONE_SHARE));
      // Jitter keeps many slots from dialling a balancer that has just come back all at once.
      this.#timer = setTimeout(
        () => {
          this.#dial();
        },
        waitMs * (0.5 + Math.random()),
      );
    });
  }
}
