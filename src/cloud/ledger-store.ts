/** Keeps the ledger's records in an SQLite file, through a thread of its own. */
import { Worker } from 'node:worker_threads';
import type { LedgerPast, LedgerRecord, LedgerStore } from './ledger.ts';
import type { ThreadReply, ThreadRequest } from './ledger-thread.ts';
import { messageOf } from '../message-of.ts';

/** The ledger's file can't be used; the message is one line that says what to do. */
export class LedgerFault extends Error {
  override readonly name = 'LedgerFault';
}

/** An open store and what it found. */
export interface OpenedLedger {
  readonly past: LedgerPast;
  readonly store: LedgerStore;
}

/**
 * Opens the file, made if it is missing; entries that an earlier process left open are settled at their worst case.
 * @throws LedgerFault if it can't be used.
 */
export async function openLedgerStore(file: string, now: number): Promise<OpenedLedger> {
  const thread = new LedgerThread(file, now);
  try {
    const found = await thread.next();
    if (!('nextId' in found)) throw new Error('the ledger thread answered out of turn');
    return { past: found, store: thread };
  } catch (error) {
    await thread.close();
    const reason = messageOf(error);
    throw new LedgerFault(
      `the ledger ${file} can't be used: ${reason}; no call goes to the cloud without it. Repair it, or move it away: ` +
        'what was spent today is then forgotten, and only the usage plan still limits it',
      { cause: error },
    );
  }
}

interface Expected {
  readonly resolve: (reply: ThreadReply) => void;
  readonly reject: (error: Error) => void;
}

class LedgerThread implements LedgerStore {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #expected: Expected[] = [];
  #fault: Error | undefined;

  constructor(file: string, now: number) {
    this.#worker = new Worker(new URL('./ledger-thread.ts', import.meta.url), {
      workerData: { file, now },
      // It gets nothing of the environment, and needs little memory.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 32 },
    });
    this.#worker.on('message', (reply: ThreadReply) => {
      const expected = this.#expected.shift();
      if ('fault' in reply) expected?.reject(new Error(reply.fault));
      else expected?.resolve(reply);
    });
    this.#worker.on('error', (error: Error) => {
      this.#fail(error);
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(new Error('the ledger thread has ended'));
        resolve();
      });
    });
  }

  /** The thread's next answer; they come in the order of the requests. */
  next(): Promise<ThreadReply> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    return new Promise((resolve, reject) => this.#expected.push({ resolve, reject }));
  }

  async append(records: readonly LedgerRecord[]): Promise<void> {
    const answer = this.next();
    if (this.#fault === undefined) this.#say({ keep: records });
    await answer;
  }

  async close(): Promise<void> {
    this.#say('close');
    await this.#ended;
  }

  #say(request: ThreadRequest): void {
    this.#worker.postMessage(request);
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    const expected = this.#expected;
    this.#expected = [];
    for (const { reject } of expected) reject(this.#fault);
  }
}
