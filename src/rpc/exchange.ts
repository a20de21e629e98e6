/** One HTTP request and its answer: reads the body, hands it to the protocol, writes the reply. */
import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { CallReport, PendingCall } from '../dispatch/call.ts';
import { Pieces } from '../pool/chunks.ts';
import type { KeyHeaders } from './api-keys.ts';
import type { ClientConnection, Unanswered } from './client-connection.ts';
import { costHeaders } from './cost-headers.ts';
import { serverTiming } from './lean-answer.ts';
import type { TimeLimits } from './limits.ts';
import { placementHeader } from './placement-header.ts';
import type { Protocol } from './protocol.ts';
import { refusalOf, requestTooLarge, routeOf, type Refusal } from './refusal.ts';
import { byteString, errorReply, type Reply } from './reply.ts';

/** Whether a call could be placed now; if not, the reason in the operator's words. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** What every exchange of a front shares. */
export interface ExchangeContext {
  readonly protocol: Protocol;
  readonly limits: TimeLimits;
  readonly maxBodyBytes: number;
  readonly mayCall: (headers: KeyHeaders) => boolean;
  readonly readiness: () => Readiness;
  /** Whether new calls are refused, since this is the end. */
  readonly draining: () => boolean;
  /** Whether connections are to be closed once they have their answers. */
  readonly lastAnswers: () => boolean;
}

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

/** One request on its way to its answer. */
export class Exchange implements Unanswered {
  readonly #context: ExchangeContext;
  readonly #connection: ClientConnection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #body = new Pieces();
  #pending: PendingCall | undefined;
  #over = false;

  constructor(
    context: ExchangeContext,
    connection: ClientConnection,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    connection.asked(this);
  }

  get incomplete(): boolean {
    return !this.#over && !this.#request.complete;
  }

  whenSent(callback: () => void): void {
    if (this.#response.writableFinished) callback();
    else this.#response.once('finish', callback);
  }

  /** Takes the request on. `expectsContinue`: the client waits for a word before it sends its body. */
  start(expectsContinue: boolean): void {
    const { mayCall, maxBodyBytes } = this.#context;
    const route = routeOf(this.#request.url ?? '');
    const refusal = refusalOf(this.#request, route, mayCall, maxBodyBytes);
    if (refusal !== undefined) return this.#refuse(refusal);
    if (route !== 'rpc') return this.#tellHealth(route === 'readyz');
    if (expectsContinue) this.#response.writeContinue();
    this.#request.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#request.on('end', () => this.#call());
  }

  abandon(): void {
    this.#over = true;
    this.#pending?.cancel();
  }

  probe(): void {
    const { httpVersionMajor, httpVersionMinor } = this.#request;
    if (httpVersionMajor === 1 && httpVersionMinor >= 1 && !this.#response.headersSent) {
      this.#response.writeProcessing();
    }
  }

  #read(chunk: Buffer): void {
    if (this.#over) return;
    this.#body.add(chunk);
    if (this.#body.have <= this.#context.maxBodyBytes) return;
    this.#body = new Pieces();
    this.#refuse(requestTooLarge(this.#context.maxBodyBytes));
  }

  #call(): void {
    if (this.#over) return;
    const body = this.#body.whole();
    // The connection may keep this exchange for long.
    this.#body = new Pieces();
    const { headers } = this.#request;
    const asked = {
      timeoutMs: headers['spillway-timeout-ms'] as string | undefined,
      backend: headers['spillway-backend'] as string | undefined,
      traceparent: headers['traceparent'] as string | undefined,
      tracestate: headers['tracestate'] as string | undefined,
    };
    const pending = this.#context.protocol.handle(body, asked, (reply) => this.#reply(reply));
    if (!this.#over) this.#pending = pending;
  }

  #reply(reply: Reply | undefined): void {
    if (this.#over) return;
    this.#over = true;
    // The connection may keep this exchange for long; the call's params must not stay with it.
    this.#pending = undefined;
    const response = this.#response;
    this.#limitSending();
    if (reply === undefined) {
      response.writeHead(204, this.#head([]));
      response.end();
    } else {
      const head = this.#head(['Content-Type', JSON_TYPE, 'Content-Length', reply.byteLength]);
      if (reply.report !== undefined) pushReport(head, reply.report);
      response.writeHead(200, head);
      if (typeof reply.pieces === 'string') response.end(reply.pieces, 'latin1');
      else {
        for (const piece of reply.pieces) response.write(piece, 'latin1');
        response.end();
      }
    }
    this.#connection.answered(this);
  }

  /** A client must take its answer. This counts only while the answer is being sent: those around it may take long. */
  #limitSending(): void {
    const { socket } = this.#connection;
    const { stalledMs } = this.#context.limits;
    this.#onTurn(() => socket.setTimeout(stalledMs));
    this.#response.once('finish', () => {
      // Where nothing follows, Node has put its keep-alive limit there already.
      if (socket.timeout === stalledMs) socket.setTimeout(0);
    });
  }

  /** Calls back once all answers before this one have been sent. */
  #onTurn(callback: () => void): void {
    if (this.#response.socket === null) this.#response.once('socket', callback);
    else callback();
  }

  #tellHealth(wantsReadiness: boolean): void {
    const { draining, readiness } = this.#context;
    const state = !wantsReadiness ? ALIVE : draining() ? DRAINING : readiness();
    const text = byteString(`${state.ready ? 'ok' : state.reason}\n`);
    this.#answerEarly(state.ready ? 200 : 503, TEXT_TYPE, text, []);
  }

  #refuse({ status, error, headers = [] }: Refusal): void {
    this.#answerEarly(status, JSON_TYPE, errorReply(error, 'null').pieces as string, headers);
  }

  /** Answers without the body having been read. What is still coming of it is thrown away before the answer ends. */
  #answerEarly(status: number, type: string, text: string, headers: readonly string[]): void {
    this.#over = true;
    const request = this.#request;
    const response = this.#response;
    const length = Number(request.headers['content-length'] ?? 0);
    const chunked = request.headers['transfer-encoding'] !== undefined;
    const tooMuch = chunked || length > this.#context.maxBodyBytes;
    // What isn't proper HTTP may have been understood otherwise by a proxy before us: nothing after it is believed.
    const mustClose = tooMuch || status === 400;
    const head = this.#head(['Content-Type', type, 'Content-Length', text.length, ...headers], mustClose);
    response.writeHead(status, head);
    this.#limitSending();
    if (!chunked && length === 0) response.end(text, 'latin1');
    else {
      response.write(text, 'latin1');
      this.#onTurn(() => {
        const { limits } = this.#context;
        const linger = setTimeout(() => this.#connection.socket.destroy(), limits.lingerMs);
        response.once('close', () => clearTimeout(linger));
      });
      request.once('end', () => response.end());
      request.resume();
    }
    this.#connection.answered(this);
  }

  /** The answer's header, saying so if it is the connection's last. */
  #head(head: OutgoingHttpHeader[], mustClose = false): OutgoingHttpHeader[] {
    const connection = this.#connection;
    // Draining, only the answer to the latest request may close: an earlier one would take the others with it.
    if (mustClose || (this.#context.lastAnswers() && connection.latest === this)) {
      connection.closing = true;
      head.push('Connection', 'close');
    }
    return head;
  }
}

const ALIVE: Readiness = { ready: true };
const DRAINING: Readiness = { ready: false, reason: 'shutting down' };

function pushReport(head: OutgoingHttpHeader[], report: CallReport): void {
  if (report.callId !== undefined) head.push('spillway-call', String(report.callId));
  if (report.backend !== undefined) head.push('spillway-backend', report.backend);
  if (report.worker !== undefined) head.push('spillway-worker', report.worker);
  if (report.cloud !== undefined) head.push(...costHeaders(report.cloud));
  if (report.placement !== undefined) head.push('spillway-placement', placementHeader(report.placement));
  head.push('server-timing', serverTiming(report));
}
