/** Data connections that are ahead of their control process: it hasn't announced their slots yet. */
import type { Connection } from './connection.ts';
import { FrameType } from './frames.ts';
import { HELLO_MAX_BYTES, type DataHello } from './protocol.ts';

/** How long a data connection may be ahead of the control process's word for it, in milliseconds. */
const EARLY_MS = 2000;

/** A data connection that waits. */
interface Early {
  readonly connection: Connection;
  hello: DataHello;
  readonly timer: NodeJS.Timeout;
}

/** The early data connections of one worker, by their keys. */
export class EarlyData {
  readonly #waiting = new Map<string, Early>();

  get size(): number {
    return this.#waiting.size;
  }

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  /** Holds a connection until it is taken, cut, or gone by itself. */
  hold(connection: Connection, hello: DataHello): void {
    const { key } = hello;
    const timer = setTimeout(() => {
      connection.destroy('its slot was never announced');
    }, EARLY_MS);
    const early: Early = { connection, hello, timer };
    this.#waiting.set(key, early);
    connection.attach(
      HELLO_MAX_BYTES,
      (type) => {
        // A dead client's call may end in it meanwhile. It wasn't asked for anything else.
        if (type === FrameType.IDLE) early.hello = { ...hello, running: 0 };
        else connection.destroy('it says more than hello before its slot was announced');
      },
      () => {
        clearTimeout(timer);
        this.#waiting.delete(key);
      },
    );
  }

  /** Gives the connection of a slot that is announced now; undefined if it hasn't dialled in. */
  take(key: string): { connection: Connection; hello: DataHello } | undefined {
    const early = this.#waiting.get(key);
    if (early === undefined) return undefined;
    clearTimeout(early.timer);
    this.#waiting.delete(key);
    return early;
  }

  /** Cuts the connection of a slot that has ended. */
  cut(key: string, reason: string): void {
    this.#waiting.get(key)?.connection.destroy(reason);
  }

  /** Cuts them all. */
  cutAll(reason: string): void {
    for (const { connection } of [...this.#waiting.values()]) connection.destroy(reason);
  }
}
