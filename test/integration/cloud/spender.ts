/** A process that enters calls and says so, until it is killed: `node spender.ts FILE`. Started by ledger.test.ts. */
import { Ledger } from '../../../src/cloud/ledger.ts';
import { openLedgerStore } from '../../../src/cloud/ledger-store.ts';

const { past, store } = await openLedgerStore(process.argv[2] ?? '', Date.now());
const ledger = new Ledger(1e15, past, store);

function spend(): void {
  const entry = ledger.enter('add', 1000, Date.now(), () => {
    // Here a call would be sent: from now on the entry must never be lost.
    process.send?.({ sent: entry?.id });
    if (entry !== undefined && entry.id % 3 === 0) ledger.settle(entry, 10, Date.now());
    setImmediate(spend);
  });
}

for (let at = 0; at < 20; at++) spend();
