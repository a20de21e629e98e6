/** Event streams of the admin port: who listens, and what each is sent. */
import type { ServerResponse } from 'node:http';

/** A listener that takes nothing for this long is cut off, in milliseconds. */
const STALLED_MS = 30_000;
/** How much may wait for a slow listener before it misses events, in bytes. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** How often a silent stream says something, so that both sides notice when the other is gone, in milliseconds. */
const KEEPALIVE_MS = 15_000;

/** One listener. */
export interface EventStream {
  /** Sends one event; drops it where the listener is too slow. Returns whether it went out. */
  send(json: string): boolean;
  /** Sends what there has been, before anything else: all of it, however slow the listener is. */
  begin(jsons: readonly string[]): void;
  /** Calls back once when the listener is gone. */
  onClose(callback: () => void): void;
}

/** All streams of one kind, at most `limit`. */
export class EventStreams {
  readonly #limit: number;
  readonly #open = new Set<ServerResponse>();
  #keepalive: NodeJS.Timeout | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#open.size >= this.#limit;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Turns an answer into a stream. The caller has seen that there is room. */
  open(response: ServerResponse): EventStream {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    response.flushHeaders();
    response.socket?.setTimeout(0);
    this.#open.add(response);
    this.#keepalive ??= setInterval(() => this.#sayAll(':\n\n'), KEEPALIVE_MS);
    response.once('close', () => {
      this.#open.delete(response);
      if (this.#open.size > 0) return;
      clearInterval(this.#keepalive);
      this.#keepalive = undefined;
    });
    return {
      send: (json) => say(response, event(json)),
      begin(jsons) {
        if (jsons.length === 0) return;
        response.write(jsons.map(event).join(''));
        if (response.writableLength > MAX_WAITING_BYTES) response.socket?.setTimeout(STALLED_MS);
      },
      onClose: (callback) => void response.once('close', callback),
    };
  }

  /** Ends every stream. */
  close(): void {
    for (const response of this.#open) response.end();
  }

  #sayAll(text: string): void {
    for (const response of this.#open) say(response, text);
  }
}

function event(json: string): string {
  return `data: ${json}\n\n`;
}

function say(response: ServerResponse, text: string): boolean {
  const { socket } = response;
  if (response.writableEnded || socket === null) return false;
  if (response.writableLength > MAX_WAITING_BYTES) {
    // Counted from the last byte it took; Node ends the connection then.
    if (socket.timeout !== STALLED_MS) socket.setTimeout(STALLED_MS);
    return false;
  }
  if (socket.timeout === STALLED_MS) socket.setTimeout(0);
  response.write(text);
  return true;
}
