/** The front: what clients connect to. HTTP stays in here; calls go on as bodies of bytes to the protocol. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer } from '../node-http.ts';
import { whyNotListening } from '../listen-fault.ts';
import { createKeyCheck } from './api-keys.ts';
import type { ProtocolDeps, ProtocolOptions } from './body.ts';
import { ClientConnection } from './client-connection.ts';
import { Exchange, type ExchangeContext, type Readiness } from './exchange.ts';
import type { LeanConnection } from './lean-connection.ts';
import { LeanLane } from './lean-lane.ts';
import { TIME_LIMITS, type TimeLimits } from './limits.ts';
import { answerMalformed, endTooLate } from './malformed.ts';
import { createProtocol } from './protocol.ts';

/** What the front needs of the balancer. */
export interface FrontDeps extends ProtocolDeps {
  /** Whether a call could be placed now. */
  readiness(): Readiness;
}

/** The front's settings. */
export interface FrontOptions extends ProtocolOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Who may call; with none, everyone. */
  readonly apiKeys: readonly string[];
  /** Whether connections start in the fast lane, or all in Node's own server, which is the reference. */
  readonly fastLane: boolean;
  /** Absent: those of every balancer. */
  readonly limits?: TimeLimits;
}

/** The front: opened once, then closed in two steps. */
export interface Front {
  /**
   * Opens the port, or takes the listening socket with this file descriptor; resolves with where it really is.
   * @throws Error of one line that names the setting to change
   */
  listen(inherited?: number): Promise<{ host: string; port: number }>;
  /** What accepts connections, while it is open: a restart passes its socket on. */
  readonly server: net.Server;
  /**
   * In place of drain(), for a restart: serves every call that still comes in, but says close with each answer. At first
   * new connections are taken on; once all that were open are closed, or after `acceptMs` milliseconds, no more. Resolves
   * when all are closed. Connections whose request doesn't come in full are then cut off after a moment.
   */
  retire(acceptMs: number): Promise<void>;
  /**
   * The first step of a stop: takes no new connection, answers new calls with ShuttingDown, lets those under way end,
   * and closes each connection with its answer. Resolves when all are closed, which no time limit bounds: call close().
   */
  drain(): Promise<void>;
  /** The second step: gives up all calls and ends all connections, after a moment for answers still being sent. */
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 16 * 1024;
/** Connections that the system holds while none is accepted; a burst of clients must not be turned away. */
const BACKLOG = 4096;
/**
 * Draining, an idle connection stays open this long, in milliseconds: a request that is on its way already then gets
 * an answer that says close, where closing at once would lose it.
 */
const IDLE_GRACE_MS = 1000;
/** Retiring, an idle connection has as long; it is short, since new clients wait meanwhile. In milliseconds. */
const RETIRE_CHECK_MS = 500;
/** How long close() waits for answers that are still being sent, in milliseconds. */
const FLUSH_MS = 1000;

/** Makes the front; nothing is opened before listen(). */
export function createFront(deps: FrontDeps, options: FrontOptions): Front {
  const connections = new Map<Duplex, ClientConnection>();
  const protocol = createProtocol(deps, options);
  let draining = false;
  let retiring = false;
  const allClosed = Promise.withResolvers<undefined>();
  let idleCheck: NodeJS.Timeout | undefined;
  const limits = options.limits ?? TIME_LIMITS;
  const context: ExchangeContext = {
    protocol,
    limits,
    maxBodyBytes: options.maxBodyBytes,
    mayCall: createKeyCheck(options.apiKeys),
    readiness: () => deps.readiness(),
    draining: () => draining,
    lastAnswers: () => draining || retiring,
  };
  const server = createServer({
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Node's own refusal has no body, and goes on to read the rest: a second answer to one request.
    requireHostHeader: false,
  });
  // Without this a client that ends its sending side after the request gets no answer. Absent from Node's types.
  Object.assign(server, { httpAllowHalfOpen: true });

  const take = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    const connection = connections.get(request.socket);
    if (connection === undefined || connection.closing) return;
    new Exchange(context, connection, request, response).start(expectsContinue);
  };
  server.on('request', (request, response) => take(request, response, false));
  server.on('checkContinue', (request, response) => take(request, response, true));
  // An expectation that nobody knows is nothing to refuse a call for.
  server.on('checkExpectation', (request, response) => take(request, response, false));
  server.on('connection', (socket) => {
    const connection = new ClientConnection(socket, () => {
      connections.delete(socket);
      settleClosed();
    });
    connections.set(socket, connection);
  });
  const nodes = server.listeners('connection');
  const lane = new LeanLane(context, {
    toNode: (socket) => {
      for (const listener of nodes) listener.call(server, socket);
    },
    tooLate: endTooLate,
    closed: () => {
      if (draining || retiring) settleClosed();
    },
  });
  if (options.fastLane) {
    // Node's own listener among them: its server goes on listening, but sees only what the lane hands over.
    server.removeAllListeners('connection');
    server.on('connection', (socket) => lane.take(socket));
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    answerMalformed(error, socket, connections.get(socket));
  });
  server.on('close', settleClosed);

  function all(): (ClientConnection | LeanConnection)[] {
    return [...connections.values(), ...lane.connections];
  }

  function closeIdle(): void {
    for (const connection of all()) if (connection.isIdle()) connection.socket.destroy();
  }

  function anyOpen(among: ReadonlySet<net.Socket>): boolean {
    return all().some(({ socket }) => among.has(socket));
  }

  function cutAll(): void {
    for (const { socket } of all()) socket.destroy();
  }

  // The server says so before its last connections have, and these still have calls to give up.
  function settleClosed(): void {
    if (!server.listening && connections.size + lane.connections.size === 0) allClosed.resolve(undefined);
  }

  function stopListening(): void {
    draining = true;
    protocol.stop();
    stopAccepting();
  }

  function stopAccepting(): void {
    if (!server.listening) return settleClosed();
    // http's own close() would cut off idle connections at once, and answers that are still being sent; net's doesn't.
    net.Server.prototype.close.call(server);
  }

  return {
    server,
    listen(inherited) {
      return new Promise((resolve, reject) => {
        const refused = (error: NodeJS.ErrnoException): void =>
          reject(new Error(whyNotListening(error, 'SPILLWAY', options)));
        server.once('error', refused);
        const { host, port } = options;
        const where = inherited === undefined ? { host, port } : { fd: inherited };
        server.listen({ ...where, backlog: BACKLOG }, () => {
          server.removeListener('error', refused);
          server.on('error', (error) => deps.log.error({ err: error }, 'the HTTP server failed'));
          const address = server.address() as net.AddressInfo;
          resolve({ host: address.address, port: address.port });
        });
      });
    },
    async drain() {
      if (!draining) {
        stopListening();
        for (const connection of all()) connection.isIdle();
        // After what has come in was read: on a busy machine the timer may come round first.
        idleCheck = setInterval(() => setImmediate(closeIdle), IDLE_GRACE_MS);
      }
      await allClosed.promise;
      clearInterval(idleCheck);
    },
    async retire(acceptMs) {
      retiring = true;
      // Of these a lane may hand one to the other.
      const old = new Set(all().map(({ socket }) => socket));
      const acceptUntil = performance.now() + acceptMs;
      let cutAt = Infinity;
      for (const connection of all()) connection.isIdle();
      const check = (): void => {
        const now = performance.now();
        for (const connection of all()) {
          const late = now > cutAt && connection.isLate();
          if (late || connection.isIdle()) connection.socket.destroy();
        }
        if (cutAt === Infinity && (now > acceptUntil || !anyOpen(old))) {
          cutAt = now + IDLE_GRACE_MS;
          stopAccepting();
        }
      };
      idleCheck = setInterval(() => setImmediate(check), RETIRE_CHECK_MS);
      await allClosed.promise;
      clearInterval(idleCheck);
    },
    async close() {
      stopListening();
      for (const { socket } of all()) {
        if (socket.writableLength === 0) socket.destroy();
        else socket.destroySoon();
      }
      const flush = setTimeout(cutAll, FLUSH_MS);
      await allClosed.promise;
      clearTimeout(flush);
      clearInterval(idleCheck);
      // Ends the checks of time limits, too.
      lane.close();
      server.close();
    },
  };
}
