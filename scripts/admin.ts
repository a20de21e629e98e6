/** A daemon that a script has started, as its operator steers it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Status } from '../src/admin/operations.ts';

/** An order may take so long, in milliseconds: a reload swaps one worker after the other. */
const ORDER_MS = 60_000;

/** The admin API of one daemon. */
export class Admin {
  readonly #stateDir: string;
  readonly #port: number;

  constructor(stateDir: string, port: number) {
    this.#stateDir = stateDir;
    this.#port = port;
  }

  /** One method. @throws Error with the daemon's own words */
  async order(method: string, params: object = {}): Promise<unknown> {
    const token = readFileSync(join(this.#stateDir, 'admin-token'), 'utf8').trim();
    const response = await fetch(`http://127.0.0.1:${this.#port}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      signal: AbortSignal.timeout(ORDER_MS),
    });
    const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } };
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async status(): Promise<Status> {
    return (await this.order('status')) as Status;
  }
}
