/** The balancer's unix socket: workers dial in, say who they are, and are handed to the pool. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Connection } from './connection.ts';
import { FrameType, PROTOCOL_VERSION } from './frames.ts';
import { HELLO_MAX_BYTES, readDataHello, readHello, type DataHello, type Hello } from './protocol.ts';

/** The socket's name in its folder; workers find it under the same name. */
const SOCKET_NAME = 'balancer.sock';
/** A connection that hasn't said who it is after this long is cut, in milliseconds. */
const HELLO_MS = 2000;
/** At most this many connections may be unidentified at once. */
const MAX_STRANGERS = 1024;
/** Longest path a unix socket can have on Linux, in bytes, without its closing zero. */
const MAX_PATH_BYTES = 107;

/** Who takes the connections that showed who they are. */
export interface Newcomers {
  control(connection: Connection, hello: Hello): void;
  data(connection: Connection, hello: DataHello): void;
}

/** The token with which a worker proves its id: HMAC-SHA256 of the id under the pool's secret, in hex. */
export function workerToken(secret: Buffer, workerId: string): string {
  return createHmac('sha256', secret).update(workerId).digest('hex');
}

/** The listening socket. */
export class Listener {
  readonly #server: Server;
  readonly #path: string;
  readonly #secret: Buffer;
  #newcomers: Newcomers | undefined;
  /** Those that dialled in before anyone could take them. */
  readonly #early = new Set<Socket>();
  readonly #strangers = new Set<Socket>();
  readonly #sockets = new Set<Socket>();

  private constructor(folder: string, secret: Buffer) {
    this.#path = join(folder, SOCKET_NAME);
    this.#secret = secret;
    this.#server = createServer((socket) => {
      this.#take(socket);
    });
  }

  /**
   * Listens in `folder`. The caller holds the state folder's lock, so a socket that is there is a dead balancer's. Who
   * dials in is kept waiting until there are `newcomers`: given here, or later to admit().
   * @throws Error if the path is too long or can't be made.
   */
  static async open(folder: string, secret: Buffer, newcomers?: Newcomers): Promise<Listener> {
    const listener = new Listener(folder, secret);
    listener.#newcomers = newcomers;
    // A name of our own first, then renamed over the public one: there is no moment without a socket to dial.
    const privatePath = join(folder, `${process.pid}.sock`);
    if (
      Buffer.byteLength(privatePath) > MAX_PATH_BYTES ||
      Buffer.byteLength(listener.#path) > MAX_PATH_BYTES
    ) {
      throw new Error(
        `The socket's path ${listener.#path} is longer than ${MAX_PATH_BYTES} bytes: set SPILLWAY_STATE to a shorter folder`,
      );
    }
    await rm(privatePath, { force: true });
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject);
      // Workers run as another user, so the socket is open to all; the folder above it is not.
      listener.#server.listen({ path: privatePath, readableAll: true, writableAll: true }, resolve);
    });
    listener.#server.removeAllListeners('error');
    // An accept that fails, for want of file descriptors say, concerns only who dialled; it dials again.
    listener.#server.on('error', () => undefined);
    try {
      await rename(privatePath, listener.#path);
    } catch (error) {
      await listener.close();
      throw error;
    }
    return listener;
  }

  /** From now on those who dial in are asked who they are, and so are those who wait already. */
  admit(newcomers: Newcomers): void {
    this.#newcomers = newcomers;
    const early = [...this.#early];
    this.#early.clear();
    for (const socket of early) this.#greet(socket, newcomers);
  }

  /** Stops listening and cuts every connection, so that a worker which couldn't be ended doesn't hold up the stop. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const socket of this.#sockets) socket.destroy();
    await rm(this.#path, { force: true });
    await closed;
  }

  #take(socket: Socket): void {
    // Whoever is cut or goes says so with 'close'.
    socket.on('error', () => undefined);
    if (this.#strangers.size + this.#early.size >= MAX_STRANGERS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#early.delete(socket);
    });
    if (this.#newcomers === undefined) this.#early.add(socket);
    else this.#greet(socket, this.#newcomers);
  }

  #greet(socket: Socket, newcomers: Newcomers): void {
    const connection = new Connection(socket, HELLO_MAX_BYTES);
    this.#strangers.add(socket);
    const timer = setTimeout(() => {
      connection.destroy('it did not say who it is');
    }, HELLO_MS);
    const known = (): void => {
      clearTimeout(timer);
      this.#strangers.delete(socket);
    };
    connection.attach(
      HELLO_MAX_BYTES,
      (type, _id, payload) => {
        known();
        if (type === FrameType.HELLO) this.#control(connection, readHello(payload), newcomers);
        else if (type === FrameType.DATA_HELLO) this.#data(connection, readDataHello(payload), newcomers);
        else connection.destroy('its first words are no hello');
      },
      known,
    );
  }

  #control(connection: Connection, hello: Hello | undefined, newcomers: Newcomers): void {
    if (hello === undefined) connection.destroy('its hello is malformed');
    else if (hello.protocol !== PROTOCOL_VERSION) {
      connection.destroy(`it speaks protocol ${hello.protocol}, this balancer ${PROTOCOL_VERSION}`);
    } else if (!sameText(hello.token, workerToken(this.#secret, hello.worker)))
      connection.destroy('its token is wrong');
    else newcomers.control(connection, hello);
  }

  #data(connection: Connection, hello: DataHello | undefined, newcomers: Newcomers): void {
    if (hello === undefined) connection.destroy('its hello is malformed');
    else newcomers.data(connection, hello);
  }
}

function sameText(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
