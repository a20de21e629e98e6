/**
 * A client that waits for nothing: each call takes an idle connection or opens one. Written on node:net, since every
 * microsecond it takes is taken from the workers on the same cores.
 */
import { connect, type Socket } from 'node:net';

/** What to call. */
export interface OpenCall {
  readonly method: string;
  readonly params: readonly unknown[];
  /** The whole time allowed, in milliseconds. */
  readonly timeoutMs: number;
}

/** What was told, and when. */
export interface Told {
  /** `ok`, an error's name, or what happened to the connection. */
  readonly outcome: string;
  /** From the call to its answer, in milliseconds. */
  readonly ms: number;
  /** performance.now() of the answer. */
  readonly at: number;
}

const NAMES: Readonly<Record<number, string>> = { [-32001]: 'Overloaded', [-32002]: 'Timeout' };
const HEAD_END = '\r\n\r\n';

/** A connection, and who waits for its answer. */
interface Link {
  readonly socket: Socket;
  received: string;
  told: ((outcome: string) => void) | undefined;
}

/** Connections to one balancer. */
export class OpenClient {
  readonly #port: number;
  readonly #host: string;
  readonly #idle: Link[] = [];
  readonly #links = new Set<Link>();

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Makes a call; resolves whatever becomes of it. */
  async call({ method, params, timeoutMs }: OpenCall): Promise<Told> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const head = `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nspillway-timeout-ms: ${timeoutMs}\r\n`;
    const startedAt = performance.now();
    const link = this.#idle.pop() ?? this.#open();
    const outcome = await new Promise<string>((resolve) => {
      link.told = resolve;
      link.socket.write(`${head}content-length: ${body.length}${HEAD_END}${body}`);
    });
    const at = performance.now();
    return { outcome, ms: at - startedAt, at };
  }

  /** Cuts every connection. */
  close(): void {
    for (const { socket } of this.#links) socket.destroy();
  }

  #open(): Link {
    const socket = connect(this.#port, this.#host).setNoDelay(true).setEncoding('latin1');
    const link: Link = { socket, received: '', told: undefined };
    this.#links.add(link);
    socket.on('data', (text: string) => {
      this.#read(link, text);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#links.delete(link);
      const at = this.#idle.indexOf(link);
      if (at >= 0) this.#idle.splice(at, 1);
      this.#tell(link, 'cut off');
    });
    return link;
  }

  #read(link: Link, text: string): void {
    link.received += text;
    const headEnd = link.received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(link.received)?.[1]);
    const body = link.received.slice(headEnd + HEAD_END.length);
    if (body.length < length) return;
    link.received = '';
    const { error } = JSON.parse(body) as { error?: { code: number } };
    if (link.socket.writable) this.#idle.push(link);
    this.#tell(link, error === undefined ? 'ok' : (NAMES[error.code] ?? String(error.code)));
  }

  #tell(link: Link, outcome: string): void {
    link.told?.(outcome);
    link.told = undefined;
  }
}
