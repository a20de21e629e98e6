/** A real balancer with a number of clients that each always have one call under way. */
import { LogLines } from '../../src/admin/call-log.ts';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { pino } from 'pino';
import { build, type App } from '../../src/app.ts';
import { parseConfig } from '../../src/config.ts';
import type { PoolControl } from '../../src/pool-control.ts';

/** How long a call runs, in milliseconds: it waits, so that cores don't limit the pool. */
const NAP_MS = 100;
/** Longer than any change may take, in milliseconds. */
const PATIENCE_MS = 180_000;

/** See the file's comment. */
export class PoolUnderLoad {
  /** How many clients there are to be; those too many end with their call. */
  #lanes = 0;
  #running = 0;
  sent = 0;
  answered = 0;
  /** What went wrong, a line each. */
  readonly faults: string[] = [];
  readonly #name: string;
  readonly #app: App;
  #port = 0;
  readonly #agent = new Agent({ keepAlive: true });
  #onAnswer: (worker: string) => void = () => undefined;

  private constructor(dir: string, env: Record<string, string>) {
    this.#name = `elasticity-${process.pid}-${Date.now()}`;
    const config = parseConfig({
      SPILLWAY_STATE: dir,
      SPILLWAY_POOL: this.#name,
      SPILLWAY_PORT: '0',
      SPILLWAY_FUNCTIONS: join(import.meta.dirname, '../../handler/functions'),
      ...env,
    });
    this.#app = build(config, pino({ level: 'warn' }, pino.destination(2)), new LogLines(), '0.0.0');
  }

  /** Starts it. */
  static async open(dir: string, env: Record<string, string>): Promise<PoolUnderLoad> {
    const pool = new PoolUnderLoad(dir, env);
    ({ port: pool.#port } = await pool.#app.start());
    return pool;
  }

  set lanes(lanes: number) {
    this.#lanes = lanes;
    while (this.#running < lanes) {
      this.#running += 1;
      void this.#lane();
    }
  }

  get #poolControl(): PoolControl {
    if (this.#app.poolControl === undefined) throw new Error('there is no pool');
    return this.#app.poolControl;
  }

  count(state: string): number {
    return this.#poolControl.workers.filter((worker) => worker.state === state).length;
  }

  /** Waits; returns how long it took, in milliseconds. */
  async until(what: string, condition: () => boolean): Promise<number> {
    const startedAt = performance.now();
    while (!condition()) {
      if (performance.now() - startedAt > PATIENCE_MS) throw new Error(`it took too long until ${what}`);
      await sleep(1);
    }
    return performance.now() - startedAt;
  }

  /** Lets the balancer learn how long a call takes, one at a time. */
  async learn(): Promise<void> {
    for (let call = 0; call < 10; call += 1) await this.#call();
  }

  /** Puts so many calls on one ready worker; tells when another was ready, and when it had answered, in milliseconds. */
  async step(calls: number): Promise<{ readyMs: number; answerMs: number }> {
    const before = new Set(
      this.#poolControl.workers.filter(({ state }) => state === 'ready').map(({ id }) => id),
    );
    const startedAt = performance.now();
    let answerMs: number | undefined;
    this.#onAnswer = (worker) => {
      if (!before.has(worker)) answerMs ??= performance.now() - startedAt;
    };
    this.lanes = calls;
    const readyMs = await this.until('another worker is ready', () => this.count('ready') > before.size);
    await this.until('it has answered', () => answerMs !== undefined);
    return { readyMs, answerMs: answerMs ?? NaN };
  }

  /** Ends the load, then the balancer. */
  async close(): Promise<void> {
    this.#lanes = 0;
    await this.until('the last call is answered', () => this.#running === 0);
    this.#agent.destroy();
    await this.#app.drain();
    await this.#app.stop();
  }

  async containersLeft(): Promise<number> {
    const label = [`spillway.pool=${this.#name}`];
    return (await new Docker().listContainers({ all: true, filters: { label } })).length;
  }

  async #lane(): Promise<void> {
    while (this.#running <= this.#lanes) await this.#call();
    this.#running -= 1;
  }

  async #call(): Promise<void> {
    this.sent += 1;
    try {
      const { worker, text } = await this.#post(
        JSON.stringify({ jsonrpc: '2.0', id: this.sent, method: 'sleep', params: [NAP_MS] }),
      );
      this.answered += 1;
      const answer = JSON.parse(text) as { error?: { message: string } };
      if (answer.error !== undefined) this.faults.push(answer.error.message);
      else this.#onAnswer(worker);
    } catch (error) {
      this.faults.push(String(error));
    }
  }

  #post(body: string): Promise<{ worker: string; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const sent = request(
        { host: '127.0.0.1', port: this.#port, method: 'POST', agent: this.#agent, headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('error', reject);
          response.on('end', () => {
            resolve({ worker: String(response.headers['spillway-worker']), text });
          });
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
