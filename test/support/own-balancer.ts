/** The real balancer inside this process, so that a test may operate it as the admin API does. */
import { LogLines } from '../../src/admin/call-log.ts';
import { join } from 'node:path';
import { pino } from 'pino';
import { build, type App } from '../../src/app.ts';
import { parseConfig } from '../../src/config.ts';
import type { PoolControl } from '../../src/pool-control.ts';
import type { Home } from './balancer.ts';

/** An answer to a call. */
interface CallAnswer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** See the file's comment. */
export class OwnBalancer {
  /** Lines of the log. */
  readonly logged: Record<string, unknown>[] = [];
  /** Answers that were errors, as text. */
  readonly failed: string[] = [];
  answered = 0;
  readonly #app: App;
  #url = '';

  constructor(home: Home, env: Record<string, string>) {
    const config = parseConfig({
      SPILLWAY_STATE: join(home.dir, 'state'),
      SPILLWAY_POOL: home.pool,
      SPILLWAY_PORT: '0',
      SPILLWAY_ADMIN_PORT: '0',
      SPILLWAY_FUNCTIONS: join(import.meta.dirname, '../fixtures/functions'),
      ...env,
    });
    const write = (line: string): void => void this.logged.push(JSON.parse(line) as Record<string, unknown>);
    this.#app = build(config, pino({ level: 'debug' }, { write }), new LogLines(), '0.0.0');
  }

  async start(): Promise<this> {
    const { port } = await this.#app.start();
    this.#url = `http://127.0.0.1:${port}`;
    return this;
  }

  async stop(): Promise<void> {
    await this.#app.drain();
    await this.#app.stop();
  }

  get poolControl(): PoolControl {
    if (this.#app.poolControl === undefined) throw new Error('the balancer has no pool yet');
    return this.#app.poolControl;
  }

  /** States of the workers, sorted. */
  get states(): string[] {
    return this.poolControl.workers.map(({ state }) => state).sort();
  }

  /** Ids of the workers, sorted. */
  get ids(): string[] {
    return this.poolControl.workers.map(({ id }) => id).sort();
  }

  /** One call; its result, or undefined with an entry in `failed`. */
  async call(method: string, params: unknown = []): Promise<unknown> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const answer = (await response.json()) as CallAnswer;
    this.answered += 1;
    if (answer.error !== undefined) this.failed.push(`${answer.error.code} ${answer.error.message}`);
    return answer.result;
  }

  /** Keeps so many calls under way until the promise settles. */
  async underLoad<T>(lanes: number, call: () => Promise<unknown>, until: Promise<T>): Promise<T> {
    let over = false;
    const work = until.finally(() => (over = true));
    const lane = async (): Promise<void> => {
      while (!over) await call();
    };
    await Promise.all([...Array.from({ length: lanes }, lane), work.catch(() => undefined)]);
    return await work;
  }
}
