/**
 * The ledger: no call is sent before its worst case is entered, and what isn't known to have cost less stays entered
 * at its worst case. Sums are whole nano-dollars (1e-9 USD), kept by UTC day: an entry belongs to the day on which it
 * was made.
 *
 *     left of today = budget − settled today − reserved today
 */

/** One line that the store must keep. */
export type LedgerRecord =
  | {
      readonly kind: 'enter';
      readonly id: number;
      readonly day: string;
      /** What is paid for: a method, or for example `metrics`. */
      readonly what: string;
      /** Milliseconds since the epoch. */
      readonly at: number;
      readonly worstNano: number;
    }
  | {
      readonly kind: 'settle';
      readonly id: number;
      readonly at: number;
      readonly costNano: number;
      /** False: the outcome is unknown, and this is the worst case. */
      readonly known: boolean;
    };

/** What an earlier process left: what it hadn't settled counts at its worst case. */
export interface LedgerPast {
  readonly nextId: number;
  /** Nano-dollars by day. */
  readonly days: ReadonlyMap<string, number>;
  /** Entries of an earlier process that were found open, and are settled now. */
  readonly unsettled: number;
}

/** Where records are kept. Implementations: ledger-store.ts, and an array in tests. */
export interface LedgerStore {
  /** Settles once the records can't be lost any more; rejects if they can't be kept. Called again only after that. */
  append(records: readonly LedgerRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** A reservation. */
export interface LedgerEntry {
  readonly id: number;
  readonly day: string;
  readonly worstNano: number;
}

interface Day {
  readonly name: string;
  settledNano: number;
  reservedNano: number;
}

interface Waiting {
  readonly record: LedgerRecord;
  readonly kept: ((error?: Error) => void) | undefined;
}

const DAY_MS = 86_400_000;
/** How long after a failure nothing is entered, in milliseconds: a full disk is not worked at without a pause. */
const FAULT_MS = 5000;

/** The day of a time, in UTC: 2026-11-30. */
export function utcDay(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

/** Decides whether there is money for a call, and remembers it. */
export class Ledger {
  readonly budgetNano: number;
  readonly #store: LedgerStore;
  readonly #days = new Map<string, Day>();
  #latest: { readonly number: number; readonly day: Day } | undefined;
  #nextId: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #fault: { readonly error: Error; readonly until: number } | undefined;

  constructor(budgetNano: number, past: LedgerPast, store: LedgerStore) {
    this.budgetNano = budgetNano;
    this.#nextId = past.nextId;
    this.#store = store;
    for (const [name, settledNano] of past.days) this.#days.set(name, { name, settledNano, reservedNano: 0 });
  }

  /** Why records can't be kept at `now` (epoch ms): meanwhile nothing is entered. Tried again after a while. */
  faultAt(now: number): Error | undefined {
    if (this.#fault === undefined) return undefined;
    const { error, until } = this.#fault;
    // A clock that was set back must not make the wait longer.
    return now < until && now >= until - 2 * FAULT_MS ? error : undefined;
  }

  /** Settled and reserved on the day of `now` (epoch ms), in nano-dollars. */
  usedNano(now: number): number {
    const day = this.#today(now);
    return day.settledNano + day.reservedNano;
  }

  /** Whether `nano` more may be spent on the day of `now`. */
  affords(nano: number, now: number): boolean {
    return this.faultAt(now) === undefined && this.usedNano(now) + nano <= this.budgetNano;
  }

  /**
   * Reserves the worst case of something about to be paid for. `kept` is called once the entry can't be lost: only
   * then may the call be sent; or with the reason why it can't be kept, and then the entry is void.
   * @returns undefined if there is no money for it; then `kept` is never called.
   */
  enter(
    what: string,
    worstNano: number,
    now: number,
    kept: (error?: Error) => void,
  ): LedgerEntry | undefined {
    if (!this.affords(worstNano, now)) return undefined;
    const day = this.#today(now);
    const entry: LedgerEntry = { id: this.#nextId++, day: day.name, worstNano };
    day.reservedNano += worstNano;
    this.#write({ kind: 'enter', id: entry.id, day: entry.day, what, at: now, worstNano }, (error) => {
      // It wasn't sent and isn't in the store: it would only block the budget.
      if (error !== undefined) day.reservedNano -= worstNano;
      kept(error);
    });
    return entry;
  }

  /**
   * Ends a reservation. Once for each entry that was kept.
   * @param costNano undefined: nobody knows, so the worst case.
   */
  settle(entry: LedgerEntry, costNano: number | undefined, now: number): number {
    const cost = costNano ?? entry.worstNano;
    const day = this.#day(entry.day);
    day.reservedNano -= entry.worstNano;
    day.settledNano += cost;
    this.#write(
      { kind: 'settle', id: entry.id, at: now, costNano: cost, known: costNano !== undefined },
      undefined,
    );
    return cost;
  }

  /**
   * Enters and settles something of known price, which is bought whether or not the entry can be kept. False if there is no money for
   * it; then nothing is entered.
   */
  charge(what: string, nano: number, now: number): boolean {
    const entry = this.enter(what, nano, now, (error) => {
      if (entry === undefined) return;
      if (error === undefined) this.settle(entry, nano, now);
      else this.#day(entry.day).settledNano += nano;
    });
    return entry !== undefined;
  }

  /** Waits until everything is kept, then closes the store. Entries still open are settled by the next process. */
  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    await this.#store.close();
  }

  /** Every placement asks, so the day's name isn't made anew each time. */
  #today(now: number): Day {
    const number = Math.floor(now / DAY_MS);
    if (this.#latest?.number !== number) this.#latest = { number, day: this.#day(utcDay(now)) };
    return this.#latest.day;
  }

  #day(name: string): Day {
    const known = this.#days.get(name);
    if (known !== undefined) return known;
    const day = { name, settledNano: 0, reservedNano: 0 };
    this.#days.set(name, day);
    return day;
  }

  #write(record: LedgerRecord, kept: Waiting['kept']): void {
    this.#waiting.push({ record, kept });
    // Not before this turn of the event loop ends: what comes together is kept together, at one commit's price.
    this.#writing ??= Promise.resolve().then(() => this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const error = await this.#append(batch.map(({ record }) => record));
      for (const { kept } of batch) kept?.(error);
    }
    this.#writing = undefined;
  }

  async #append(records: readonly LedgerRecord[]): Promise<Error | undefined> {
    try {
      await this.#store.append(records);
      this.#fault = undefined;
      return undefined;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      const latest = records.reduce((at, record) => Math.max(at, record.at), 0);
      this.#fault = { error, until: latest + FAULT_MS };
      return error;
    }
  }
}
