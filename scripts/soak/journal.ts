/** What a client asked for and what it got: every call has one right answer, within its deadline. */
import { Agent, request, type IncomingMessage } from 'node:http';

/** One kind of call. */
export interface Errand {
  readonly method: string;
  readonly params: unknown;
  /** Says what is wrong with a result, or undefined. */
  readonly fault: (result: unknown) => string | undefined;
  /** Codes of errors that are right answers too, for example Overloaded. */
  readonly mayFailWith: readonly number[];
}

/** What came of all calls. */
export interface Tally {
  asked: number;
  right: number;
  /** Errors that were allowed, by code. */
  readonly refused: Map<number, number>;
  /** The longest time to an answer, in milliseconds. */
  slowestMs: number;
  /** One line each. */
  readonly breaches: string[];
}

/** What is allowed over the deadline for the way there and back and a busy machine, in milliseconds. */
const LATE_MS = 2000;
/** So many breaches are kept as lines. */
const KEPT_BREACHES = 50;

/** A client with connections of its own that are kept alive, and a journal. */
export class Journal {
  readonly tally: Tally = { asked: 0, right: 0, refused: new Map(), slowestMs: 0, breaches: [] };
  breached = 0;
  readonly #port: number;
  readonly #timeoutMs: number;
  readonly #agent: Agent;
  readonly #open = new Set<string>();
  readonly #name: string;
  readonly #headers: Record<string, string>;

  /** `timeoutMs` is the deadline that every call asks for. */
  constructor(name: string, port: number, timeoutMs: number, keepAlive: boolean, apiKey?: string) {
    this.#name = name;
    this.#port = port;
    this.#timeoutMs = timeoutMs;
    this.#agent = new Agent({ keepAlive, maxSockets: Infinity });
    this.#headers = apiKey === undefined ? {} : { 'x-api-key': apiKey };
  }

  /** Calls that have no answer yet. */
  get open(): number {
    return this.#open.size;
  }

  /** Makes one call, and enters what comes of it. Never rejects. */
  async call(errand: Errand): Promise<void> {
    const { tally } = this;
    const id = `${this.#name}-${++tally.asked}`;
    this.#open.add(id);
    const startedAt = performance.now();
    try {
      const answer = await this.#post(id, errand);
      const tookMs = performance.now() - startedAt;
      tally.slowestMs = Math.max(tally.slowestMs, tookMs);
      this.#judge(id, errand, answer, tookMs);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const tookMs = Math.round(performance.now() - startedAt);
      this.#breach(id, errand, `no answer after ${tookMs} ms: ${why}`);
    } finally {
      this.#open.delete(id);
    }
  }

  /** Ends its connections. */
  close(): void {
    this.#agent.destroy();
  }

  #judge(id: string, errand: Errand, text: string, tookMs: number): void {
    const answer = parse(text);
    if (answer === undefined || Array.isArray(answer)) {
      this.#breach(id, errand, `not one JSON-RPC answer: ${text.slice(0, 200)}`);
    } else if (answer.id !== id) {
      this.#breach(id, errand, `the answer of another call: ${JSON.stringify(answer.id)}`);
    } else if (tookMs > this.#timeoutMs + LATE_MS) {
      this.#breach(id, errand, `answered after ${Math.round(tookMs)} ms`);
    } else if (answer.error !== undefined) {
      const { code, message } = answer.error;
      if (!errand.mayFailWith.includes(code)) this.#breach(id, errand, `error ${code}: ${message}`);
      else this.tally.refused.set(code, (this.tally.refused.get(code) ?? 0) + 1);
    } else {
      const fault = errand.fault(answer.result);
      if (fault === undefined) this.tally.right++;
      else this.#breach(id, errand, fault);
    }
  }

  #breach(id: string, { method }: Errand, what: string): void {
    this.breached++;
    if (this.tally.breaches.length < KEPT_BREACHES)
      this.tally.breaches.push(`${method} ${id}: ${what} (at ${Date.now()})`);
  }

  #post(id: string, { method, params }: Errand): Promise<string> {
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: this.#port,
          method: 'POST',
          agent: this.#agent,
          timeout: this.#timeoutMs + LATE_MS * 5,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'spillway-timeout-ms': this.#timeoutMs,
            ...this.#headers,
          },
        },
        (response) => {
          read(response).then(resolve, reject);
        },
      );
      sent.on('timeout', () => sent.destroy(new Error('it is never answered')));
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

function parse(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return undefined;
  }
}
