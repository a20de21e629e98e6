/**
 * The thread that keeps the ledger's records in SQLite. A commit waits for the disk, which may take milliseconds: the
 * balancer's event loop must not. Started by ledger-store.ts only.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { LedgerRecord } from './ledger.ts';
import { messageOf } from '../message-of.ts';

/** What the store says to the thread: records to keep. */
export type ThreadRequest = { readonly keep: readonly LedgerRecord[] } | 'close';

/** What the thread answers: first what it found, then once for each request whether it was kept. */
export type ThreadReply =
  | { readonly nextId: number; readonly days: ReadonlyMap<string, number>; readonly unsettled: number }
  | { readonly kept: true }
  | { readonly fault: string };

/** Settled entries are kept this long for the operator; the sums of days stay. */
const KEEP_DAYS = 30;
/** Days whose sums matter to a start: today, and a day to either side where clocks differ. */
const LOAD_DAYS = 40;
const DAY_MS = 86_400_000;
/** How soon after a commit the disk is waited for, in milliseconds: a power cut loses no more than this. */
const SYNC_MS = 1000;
/** How long to wait for another process that reads the file, in milliseconds. */
const BUSY_MS = 2000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, day TEXT NOT NULL, what TEXT NOT NULL, entered_ms INTEGER NOT NULL, worst_nano INTEGER NOT NULL,
    settled_ms INTEGER, cost_nano INTEGER, known INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS open_entries ON entries (id) WHERE cost_nano IS NULL;
  CREATE TABLE IF NOT EXISTS days (day TEXT PRIMARY KEY, spent_nano INTEGER NOT NULL, entries INTEGER NOT NULL) STRICT;
`;

const port = parentPort;
if (port === null) throw new Error('ledger-thread.ts is a thread of ledger-store.ts');

function reply(message: ThreadReply): void {
  port?.postMessage(message);
}

/** Runs what touches the file; a fault is answered, not thrown: it must not end the balancer. */
function attempt(work: () => ThreadReply): void {
  try {
    reply(work());
  } catch (error) {
    reply({ fault: messageOf(error) });
  }
}

function open(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_MS });
  // NORMAL: a commit outlives the process at once, and the machine from the next sync on. FULL would make every call
  // wait for the disk: 0.5 to 1.9 ms a call here, against 0.1.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  database.exec(SCHEMA);
  return database;
}

class Keeper {
  readonly #database: DatabaseSync;
  readonly #insertEntry: StatementSync;
  readonly #settleEntry: StatementSync;
  readonly #addToDay: StatementSync;

  constructor(file: string) {
    this.#database = open(file);
    this.#insertEntry = this.#database.prepare(
      'INSERT INTO entries (id, day, what, entered_ms, worst_nano) VALUES (?, ?, ?, ?, ?)',
    );
    this.#settleEntry = this.#database.prepare(
      'UPDATE entries SET cost_nano = ?, settled_ms = ?, known = ? WHERE id = ? AND cost_nano IS NULL RETURNING day',
    );
    this.#addToDay = this.#database.prepare(
      `INSERT INTO days (day, spent_nano, entries) VALUES (?, ?, 1)
       ON CONFLICT (day) DO UPDATE SET spent_nano = spent_nano + excluded.spent_nano, entries = entries + 1`,
    );
  }

  /** Settles what an earlier process left open, at the worst case, and forgets old entries. */
  recover(now: number): ThreadReply {
    return this.#transaction(() => {
      const open = this.#database.prepare('SELECT id, worst_nano FROM entries WHERE cost_nano IS NULL').all();
      for (const entry of open) {
        this.#settle({
          kind: 'settle',
          id: Number(entry['id']),
          at: now,
          costNano: Number(entry['worst_nano']),
          known: false,
        });
      }
      const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
      this.#database
        .prepare('DELETE FROM entries WHERE day < ? AND cost_nano IS NOT NULL')
        .run(day(now - KEEP_DAYS * DAY_MS));
      const sums = this.#database
        .prepare('SELECT day, spent_nano FROM days WHERE day >= ?')
        .all(day(now - LOAD_DAYS * DAY_MS));
      const last = this.#database.prepare('SELECT max(id) AS id FROM entries').get();
      return {
        nextId: Number(last?.['id'] ?? 0) + 1,
        days: new Map(sums.map((row) => [String(row['day']), Number(row['spent_nano'])])),
        unsettled: open.length,
      };
    });
  }

  keep(records: readonly LedgerRecord[]): ThreadReply {
    return this.#transaction(() => {
      for (const record of records) {
        if (record.kind === 'enter') this.#enter(record);
        else this.#settle(record);
      }
      return { kept: true };
    });
  }

  /** Waits until the disk has everything, which also folds the log of changes into the file. */
  sync(): void {
    this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }

  close(): void {
    this.#database.close();
  }

  #enter(record: Extract<LedgerRecord, { kind: 'enter' }>): void {
    this.#insertEntry.run(record.id, record.day, record.what, record.at, record.worstNano);
  }

  #settle(record: Extract<LedgerRecord, { kind: 'settle' }>): void {
    const row = this.#settleEntry.get(record.costNano, record.at, record.known ? 1 : 0, record.id);
    if (row !== undefined) this.#addToDay.run(String(row['day']), record.costNano);
  }

  #transaction(work: () => ThreadReply): ThreadReply {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

let keeper: Keeper | undefined;
const { file, now } = workerData as { file: string; now: number };
attempt(() => {
  keeper = new Keeper(file);
  return keeper.recover(now);
});
let syncTimer: NodeJS.Timeout | undefined;

function syncSoon(): void {
  syncTimer ??= setTimeout(() => {
    syncTimer = undefined;
    try {
      keeper?.sync();
    } catch {
      // A full disk, say. What was committed stands in the log of changes; whoever has more to keep hears of it.
      syncSoon();
    }
  }, SYNC_MS);
}

port.on('message', (request: ThreadRequest) => {
  if (request === 'close') {
    clearTimeout(syncTimer);
    keeper?.close();
    port.close();
  } else {
    attempt(() => keeper?.keep(request.keep) ?? { fault: 'the ledger is not open' });
    syncSoon();
  }
});
