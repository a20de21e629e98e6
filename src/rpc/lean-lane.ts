/**
 * The fast lane: takes every new connection first, and hands those that want more of HTTP than the strict subset to
 * Node's server. One sweep looks at the time limits of all connections, in place of a timer each.
 */
import type { Socket } from 'node:net';
import type { ExchangeContext } from './exchange.ts';
import { LeanConnection, type Lane } from './lean-connection.ts';
import { LeanRequest } from './lean-request.ts';

/** What the lane needs of the front. */
export interface LaneEvents {
  /** Node's server is to take the connection on, as if it were new. */
  toNode(socket: Socket): void;
  /** A request took too long to arrive: answers that and closes the connection. */
  tooLate(socket: Socket): void;
  /** A connection has closed and its calls were given up. */
  closed(): void;
}

const OWNER = Symbol('lean connection');

/** A connection's socket knows it, so that the listeners can be the same functions for all of them. */
interface LeanSocket extends Socket {
  [OWNER]?: LeanConnection | undefined;
}

/** All connections in the lane. */
export class LeanLane implements Lane {
  readonly context: ExchangeContext;
  readonly request = new LeanRequest();
  sweeps = 0;
  readonly #events: LaneEvents;
  readonly #connections = new Set<LeanConnection>();
  #toFlush: LeanConnection[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(context: ExchangeContext, events: LaneEvents) {
    this.context = context;
    this.#events = events;
  }

  /** The connections that are open, in this lane. */
  get connections(): ReadonlySet<LeanConnection> {
    return this.#connections;
  }

  /** Takes a new connection. */
  take(socket: LeanSocket): void {
    const connection = new LeanConnection(socket, this);
    this.#connections.add(connection);
    socket[OWNER] = connection;
    for (const [event, listener] of LISTENERS) socket.on(event, listener);
    this.#timer ??= setInterval(() => {
      this.#sweep();
    }, this.context.limits.checkMs).unref();
  }

  /** Ends the sweep. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  flushLater(connection: LeanConnection): void {
    if (this.#toFlush.push(connection) === 1) process.nextTick(this.#flush);
  }

  handOver(connection: LeanConnection, bytes: Buffer, ended: boolean): void {
    this.#forget(connection);
    const { socket } = connection;
    this.#events.toNode(socket);
    socket.resume();
    // Both have been emitted once before, to this lane; Node's server has just begun to listen.
    if (bytes.length > 0) socket.emit('data', bytes);
    if (ended) socket.emit('end');
  }

  tooLate(connection: LeanConnection): void {
    this.#events.tooLate(connection.socket);
  }

  closed(connection: LeanConnection): void {
    this.#connections.delete(connection);
    this.#events.closed();
  }

  readonly #flush = (): void => {
    const connections = this.#toFlush;
    this.#toFlush = [];
    for (const connection of connections) connection.flush();
  };

  #sweep(): void {
    this.sweeps++;
    for (const connection of this.#connections) connection.sweep();
    if (this.#connections.size === 0) this.close();
  }

  #forget(connection: LeanConnection): void {
    this.#connections.delete(connection);
    const socket: LeanSocket = connection.socket;
    socket[OWNER] = undefined;
    socket.setTimeout(0);
    for (const [event, listener] of LISTENERS) socket.removeListener(event, listener);
  }
}

function onData(this: LeanSocket, chunk: Buffer): void {
  this[OWNER]?.receive(chunk);
}

function onEnd(this: LeanSocket): void {
  this[OWNER]?.end();
}

function onClose(this: LeanSocket): void {
  this[OWNER]?.close();
}

function onDrain(this: LeanSocket): void {
  this[OWNER]?.drained();
}

/** Takes nothing of a large answer. */
function onTimeout(this: LeanSocket): void {
  this.destroy();
}

/** 'close' follows, and says all there is to say. */
function onError(): void {}

const LISTENERS = [
  ['data', onData],
  ['end', onEnd],
  ['close', onClose],
  ['drain', onDrain],
  ['timeout', onTimeout],
  ['error', onError],
] as const;
