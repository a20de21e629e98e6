import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Ledger, utcDay } from '../../../src/cloud/ledger.ts';
import { LedgerFault, openLedgerStore } from '../../../src/cloud/ledger-store.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const DAY_MS = 86_400_000;

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-ledger-'));
  file = join(folder, 'ledger.sqlite');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function open(now = NOON): Promise<{ ledger: Ledger; unsettled: number }> {
  const { past, store } = await openLedgerStore(file, now);
  return { ledger: new Ledger(1e9, past, store), unsettled: past.unsettled };
}

function kept(
  ledger: Ledger,
  worstNano: number,
  now = NOON,
): Promise<NonNullable<ReturnType<Ledger['enter']>>> {
  return new Promise((resolve, reject) => {
    const entry = ledger.enter('add', worstNano, now, (error) =>
      error === undefined ? resolve(entry!) : reject(error),
    );
  });
}

describe('the ledger across processes', () => {
  it('remembers what was spent, by day', async () => {
    const first = await open();
    first.ledger.settle(await kept(first.ledger, 500), 40, NOON);
    first.ledger.settle(await kept(first.ledger, 500), undefined, NOON);
    await first.ledger.close();
    const second = await open();
    expect(second.unsettled).toBe(0);
    expect(second.ledger.usedNano(NOON)).toBe(540);
    expect(second.ledger.usedNano(NOON + DAY_MS)).toBe(0);
    expect((await kept(second.ledger, 1)).id).toBe(3);
    await second.ledger.close();
  });

  it('takes what it finds open at its worst case, once', async () => {
    const first = await open();
    await kept(first.ledger, 500);
    await first.ledger.close();
    const second = await open(NOON + 1000);
    expect(second.unsettled).toBe(1);
    expect(second.ledger.usedNano(NOON)).toBe(500);
    await second.ledger.close();
    const third = await open(NOON + 2000);
    expect(third.unsettled).toBe(0);
    expect(third.ledger.usedNano(NOON)).toBe(500);
    await third.ledger.close();
  });

  it('keeps every entry of a call that was sent, when the process is killed at any moment', async () => {
    let spentNano = 0;
    for (const afterMs of [0, 7, 31]) {
      const child = fork(join(import.meta.dirname, 'spender.ts'), [file], { execArgv: [] });
      const sent = new Set<number>();
      await new Promise<void>((resolve) => {
        child.on('message', ({ sent: id }: { sent: number }) => {
          if (sent.size === 0) setTimeout(() => child.kill('SIGKILL'), afterMs);
          sent.add(id);
        });
        child.once('close', () => resolve());
      });
      expect(child.signalCode).toBe('SIGKILL');
      const { ledger } = await open(Date.now());
      await ledger.close();
      const database = new DatabaseSync(file, { readOnly: true });
      const rows = database.prepare('SELECT id, cost_nano AS cost, known FROM entries').all();
      const total = database.prepare('SELECT sum(spent_nano) AS nano FROM days').get();
      database.close();
      const costs = new Map(rows.map((row) => [Number(row['id']), row]));
      expect(sent.size).toBeGreaterThan(0);
      for (const id of sent) expect(costs.has(id), `entry ${id}`).toBe(true);
      // Settled ones at their cost, all others at their worst case.
      for (const row of rows) expect(row['cost']).toBe(row['known'] === 1 ? 10 : 1000);
      spentNano = rows.reduce((sum, row) => sum + Number(row['cost']), 0);
      expect(Number(total?.['nano'])).toBe(spentNano);
    }
    expect(spentNano).toBeGreaterThan(0);
  });

  it('forgets old entries, and keeps the sums', async () => {
    const first = await open();
    first.ledger.settle(await kept(first.ledger, 500), 40, NOON);
    await first.ledger.close();
    const later = await open(NOON + 31 * DAY_MS);
    await later.ledger.close();
    const database = new DatabaseSync(file, { readOnly: true });
    expect(database.prepare('SELECT count(*) AS entries FROM entries').get()).toEqual({ entries: 0 });
    expect(database.prepare('SELECT * FROM days').all()).toEqual([
      { day: utcDay(NOON), spent_nano: 40, entries: 1 },
    ]);
    database.close();
  });

  it('goes on from the highest number', async () => {
    const first = await open();
    const { id } = await kept(first.ledger, 500);
    await first.ledger.close();
    const second = await open(NOON + 1000);
    expect((await kept(second.ledger, 500)).id).toBe(id + 1);
    await second.ledger.close();
  });
});

describe('a file that can’t be used', () => {
  it('is told in one line, and ends no process', async () => {
    writeFileSync(file, 'this is not a database, and long enough to be looked at as one'.repeat(50));
    const opening = openLedgerStore(file, NOON);
    await expect(opening).rejects.toThrow(LedgerFault);
    await expect(opening).rejects.toThrow(
      /ledger\.sqlite can't be used: file is not a database; no call goes to the cloud without it/,
    );
  });

  it('of a folder that is gone', async () => {
    await expect(openLedgerStore(join(folder, 'gone', 'ledger.sqlite'), NOON)).rejects.toThrow(
      /unable to open database file/,
    );
  });
});

// prlimit is Linux's.
it.skipIf(process.platform !== 'linux')(
  'goes on once there is room on the disk again, though the file could not be brought up to date meanwhile',
  async () => {
    const child = fork(join(import.meta.dirname, 'asked-spender.ts'), [file], { execArgv: [] });
    const ended = new Promise((resolve) => child.once('close', resolve));
    const spend = async (times: number): Promise<unknown> => {
      const said = once(child, 'message');
      child.send(times);
      return (await said)[0];
    };
    const limitFiles = (bytes: string): unknown =>
      execFileSync('prlimit', [`--pid=${child.pid}`, `--fsize=${bytes}:`]);
    try {
      expect(await spend(5000)).toBe('kept');
      limitFiles('1024');
      expect(await spend(1)).toBe('disk I/O error');
      // The file is written a second after a change; its size doesn't tell whether that was tried.
      await pause(1500);
      limitFiles('unlimited');
      expect(await spend(1)).toBe('kept');
      await vi.waitFor(() => expect(statSync(file).size).toBeGreaterThan(100_000), 10_000);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  },
);

it('never stops the event loop, however long the disk takes', async () => {
  const { ledger } = await open();
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  let done = false;
  const keeping = kept(ledger, 10).then(() => (done = true));
  for (let turn = 0; turn < 1000; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(done).toBe(false);
  other.exec('ROLLBACK');
  other.close();
  await keeping;
  await ledger.close();
});
