/**
 * One client's connection in the fast lane: requests of the strict subset in, answers in their order out. At the first
 * request outside the subset it leaves, with what was read, for Node's HTTP server.
 */
import type { Socket } from 'node:net';
import { Assembly, Pieces } from '../pool/chunks.ts';
import { own } from '../pool/holders.ts';
import type { ExchangeContext } from './exchange.ts';
import { PROBE } from './lean-answer.ts';
import { LeanAnswers } from './lean-answers.ts';
import { LeanVerdict, type LeanRequest } from './lean-request.ts';
import { PROBE_MS, PROBES } from './limits.ts';

/** Requests of one connection that may wait for their answers at once; more aren't read yet. As many as the queue holds. */
const MAX_DUE = 1000;
/** What is read and kept of a client whose next request has to wait, in bytes; then nothing is read. One chunk's worth. */
const MAX_HELD_BYTES = 64 * 1024;

/** What all connections of the lane share. */
export interface Lane {
  readonly context: ExchangeContext;
  /** Read into by whoever reads. */
  readonly request: LeanRequest;
  /** How many sweeps there have been: the lane's clock, since a look at a real one with each request would cost more. */
  readonly sweeps: number;
  /** Calls `connection.flush()` at the end of this turn of the event loop. */
  flushLater(connection: LeanConnection): void;
  /** The connection goes on in Node's server, which hears of `bytes` first, and then that the client has ended its side. */
  handOver(connection: LeanConnection, bytes: Buffer, ended: boolean): void;
  /** A request took too long to arrive: says so, and closes the connection. */
  tooLate(connection: LeanConnection): void;
  /** The connection is gone, and its calls were given up. */
  closed(connection: LeanConnection): void;
}

/** Why no further request is taken for now. */
type Hold =
  /** It isn't for this lane: goes to Node's server once all answers before it are written. */
  | 'foreign'
  /** It took too long to arrive, which is said once all answers before it are written. */
  | 'late'
  /** The client is to take its answers first. */
  | 'crowded';

/** One connection. Its owner calls sweep() every `checkMs`. */
export class LeanConnection {
  readonly socket: Socket;
  readonly #lane: Lane;
  readonly #answers = new LeanAnswers();
  /** Bytes that were read and not taken yet, `#have` in all: of a request whose header has been read, and others. */
  #coming: Assembly | undefined;
  #parts: Pieces | undefined;
  #have = 0;
  #hold: Hold | undefined;
  /** Some request was taken. */
  #used = false;
  /** The client has ended its side. */
  #ended = false;
  /** No further answer; what still comes in isn't looked at. */
  #over = false;
  #flushing = false;
  /** The lane's clock when the client was last waited for. */
  #since: number;
  #bytesSeen = -1;
  #probe: NodeJS.Timeout | undefined;

  constructor(socket: Socket, lane: Lane) {
    this.socket = socket;
    this.#lane = lane;
    this.#since = lane.sweeps;
  }

  /** Takes what the client sent. */
  receive(chunk: Buffer): void {
    if (this.#over) return;
    if (this.#have === 0) {
      this.#since = this.#lane.sweeps;
      if (this.#hold === undefined) return this.#take(chunk);
    }
    this.#have += chunk.length;
    if (this.#hold === undefined && this.#coming !== undefined) return this.#receiveBody(this.#coming, chunk);
    (this.#parts ??= new Pieces()).add(chunk);
    if (this.#hold === undefined) this.#take(this.#joined());
    else if (this.#have >= MAX_HELD_BYTES) this.socket.pause();
  }

  /** The client sends nothing more, but may still be reading. */
  end(): void {
    this.#ended = true;
    if (this.#over) return;
    // What to say to half a request is Node's.
    if (this.#have > 0) this.#hold ??= 'foreign';
    if (this.#answers.due === 0) this.#flushLater();
    else this.#probeLater(PROBES);
  }

  /** The connection is gone. */
  close(): void {
    this.#stop();
    this.#parts = this.#coming = undefined;
    this.#answers.giveUp();
    this.#lane.closed(this);
  }

  /** The system has taken all that was written. */
  drained(): void {
    this.socket.setTimeout(0);
    if (!this.#over) this.#goOn();
  }

  /** Looks at the time limits. */
  sweep(): void {
    if (this.#over || this.#hold !== undefined) return;
    const { checkMs, requestMs, headersMs, keepAliveMs } = this.#lane.context.limits;
    const waitedMs = (this.#lane.sweeps - this.#since - 1) * checkMs;
    if (this.#have > 0 || !this.#used) {
      if (waitedMs < (this.#coming === undefined ? headersMs : requestMs)) return;
      this.#hold = 'late';
      this.#flushLater();
    } else if (this.#answers.due === 0 && waitedMs >= keepAliveMs) this.socket.destroy();
  }

  /** Whether the client has all its answers and has sent nothing since this was asked last. */
  isIdle(): boolean {
    const { bytesRead, writableLength } = this.socket;
    const silent = this.#bytesSeen === bytesRead;
    this.#bytesSeen = bytesRead;
    return silent && this.#answers.due === 0 && writableLength === 0;
  }

  /** Whether no answer is due to it: if it has asked for anything, that hasn't come in full. */
  isLate(): boolean {
    return this.#answers.due === 0;
  }

  /** Writes the answers of this turn, and sees what is next. */
  flush(): void {
    this.#flushing = false;
    const { socket } = this;
    this.#answers.write(socket);
    // The limit counts only while the client has something to take; see drained(). Also of its last answer.
    const last = this.#over && socket.writableLength > 0;
    if (socket.writableNeedDrain || last) socket.setTimeout(this.#lane.context.limits.stalledMs);
    if (this.#over) {
      if (!socket.destroyed) socket.destroySoon();
      return;
    }
    if (this.#answers.due === 0) this.#since = this.#lane.sweeps;
    this.#goOn();
  }

  #flushLater(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#lane.flushLater(this);
  }

  #receiveBody(coming: Assembly, chunk: Buffer): void {
    const rest = coming.add(chunk);
    const request = coming.whole();
    if (request === undefined) return;
    this.#coming = undefined;
    this.#have = 0;
    this.#take(request);
    if (rest !== undefined) this.receive(rest);
  }

  /** Takes the requests that are whole; the bytes hold no others before them. */
  #take(bytes: Buffer): void {
    const { context, request } = this.#lane;
    // A call that is refused at once has given them back when it returns.
    const { length } = bytes;
    let at = 0;
    while (at < length) {
      if (this.#answers.due >= MAX_DUE || this.socket.writableNeedDrain) {
        this.#hold = 'crowded';
        break;
      }
      const verdict = request.read(bytes, at, context.maxBodyBytes);
      if (verdict === LeanVerdict.MORE) break;
      const { bodyStart, bodyBytes, authorization, apiKey } = request;
      // What a stranger is told is Node's to say.
      if (verdict === LeanVerdict.OTHER || !context.mayCall({ authorization, 'x-api-key': apiKey })) {
        this.#hold = 'foreign';
        break;
      }
      const end = bodyStart + bodyBytes;
      if (end > length) {
        this.#coming = new Assembly(end - at);
        break;
      }
      // A large request that came alone has memory of its own, which its call gives back.
      if (at === 0 && end === length) own(bytes);
      // An answer that comes at once may only close if nothing follows.
      this.#have = length - end;
      this.#call(bytes.subarray(bodyStart, end), request);
      at = end;
    }
    if (at === length) return;
    const rest = at === 0 ? bytes : bytes.subarray(at);
    this.#have = rest.length;
    if (this.#coming === undefined) (this.#parts = new Pieces()).add(rest);
    else this.#coming.add(rest);
    if (this.#ended) this.#hold ??= 'foreign';
    if (this.#hold !== undefined && this.#answers.due === 0) this.#flushLater();
  }

  #call(body: Buffer, { timeoutMs, backend, traceparent, tracestate }: LeanRequest): void {
    this.#used = true;
    const asked = this.#answers.ask();
    const asking = { timeoutMs, backend, traceparent, tracestate };
    const pending = this.#lane.context.protocol.handle(body, asking, (reply) => {
      // Draining, only the answer to the latest request may close: an earlier one would take the others with it.
      const closes = this.#have === 0 && (this.#ended || this.#lane.context.lastAnswers());
      if (this.#answers.settle(asked, reply, closes)) this.#stop();
      this.#flushLater();
    });
    if (!asked.answered) asked.pending = pending;
  }

  /** Goes on with what was held, once nothing stands in its way. */
  #goOn(): void {
    const { due } = this.#answers;
    if (this.#hold === 'crowded') {
      if (due > MAX_DUE / 2 || this.socket.writableNeedDrain) return;
      this.#hold = undefined;
      this.#since = this.#lane.sweeps;
      if (this.#have > 0) this.#take(this.#joined());
      if (this.#hold === undefined) this.socket.resume();
    }
    if (this.#answers.due > 0 || this.#flushing) return;
    if (this.#hold === 'foreign') this.#leave();
    else if (this.#hold === 'late') {
      this.#stop();
      this.#lane.tooLate(this);
    } else if (this.#ended && this.#have === 0) {
      this.#stop();
      this.socket.destroySoon();
    }
  }

  #leave(): void {
    this.#stop();
    this.#lane.handOver(this, this.#joined(), this.#ended);
  }

  #stop(): void {
    this.#over = true;
    clearTimeout(this.#probe);
  }

  #joined(): Buffer {
    const parts = this.#parts?.all() ?? [];
    if (this.#coming !== undefined) parts.unshift(this.#coming.joined());
    const [first] = parts;
    const bytes = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts, this.#have);
    this.#coming = this.#parts = undefined;
    this.#have = 0;
    return bytes;
  }

  #probeLater(times: number): void {
    if (times === 0 || this.#answers.due === 0) return;
    this.#probe = setTimeout(() => {
      if (this.#answers.due > 0 && this.socket.writable) this.socket.write(PROBE, 'latin1');
      this.#probeLater(times - 1);
    }, PROBE_MS);
  }
}
