/** One client's TCP connection: which of its requests are still to be answered, and whether anyone waits for that. */
import type { Socket } from 'node:net';
import { PROBE_MS, PROBES } from './limits.ts';

/** A request that is still to be answered. */
export interface Unanswered {
  /** The client has gone: gives up the calls. Called at most once. */
  abandon(): void;
  /** Whether a part of its body is still to come. */
  readonly incomplete: boolean;
  /** Calls back once, when its answer has gone out, and with it all before it. */
  whenSent(callback: () => void): void;
  /** Sends something small that any HTTP/1.1 client skips. */
  probe(): void;
}

/** Tracks one connection from its start to its close. */
export class ClientConnection {
  readonly socket: Socket;
  /** In the order of their arrival, which is the order in which HTTP answers them. */
  readonly unanswered = new Set<Unanswered>();
  /** The last request that came in, and the one before it. */
  latest: Unanswered | undefined;
  previous: Unanswered | undefined;
  /** The connection ends after the answers that are due: requests that still come in are not looked at. */
  closing = false;
  #probe: NodeJS.Timeout | undefined;
  #bytesSeen = -1;

  /** `onClose` is called once, when the connection has closed and all its calls were given up. */
  constructor(socket: Socket, onClose: (connection: ClientConnection) => void) {
    this.socket = socket;
    socket.once('end', () => this.#probeLater(PROBES));
    socket.once('close', () => {
      clearTimeout(this.#probe);
      for (const request of this.unanswered) request.abandon();
      this.unanswered.clear();
      onClose(this);
    });
  }

  /** Puts a request on the list. */
  asked(request: Unanswered): void {
    this.unanswered.add(request);
    this.previous = this.latest;
    this.latest = request;
  }

  /** Takes a request off the list: its answer has been handed to Node, or there will be none. */
  answered(request: Unanswered): void {
    this.unanswered.delete(request);
    if (this.latest === request) this.previous = undefined;
  }

  /**
   * Whether the client has all its answers and has sent nothing since this was asked last. Node's own notion of idle
   * includes connections whose answer is still being sent.
   */
  isIdle(): boolean {
    const { bytesRead, writableLength } = this.socket;
    const silent = this.#bytesSeen === bytesRead;
    this.#bytesSeen = bytesRead;
    return silent && this.unanswered.size === 0 && writableLength === 0;
  }

  /** Whether all it has asked for, if anything, is a request that hasn't come in full. */
  isLate(): boolean {
    return Array.from(this.unanswered).every((request) => request.incomplete);
  }

  #probeLater(times: number): void {
    if (times === 0 || this.unanswered.size === 0) return;
    this.#probe = setTimeout(() => {
      // The first in line owns the connection's sending side.
      const [first] = this.unanswered;
      first?.probe();
      this.#probeLater(times - 1);
    }, PROBE_MS);
  }
}
