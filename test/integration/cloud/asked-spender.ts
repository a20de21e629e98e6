/** A process that keeps as many entries as it is asked to: `node asked-spender.ts FILE`. Started by ledger.test.ts. */
import { openLedgerStore } from '../../../src/cloud/ledger-store.ts';
import { messageOf } from '../../../src/message-of.ts';

const { store } = await openLedgerStore(process.argv[2] ?? '', Date.now());
let id = 0;

process.on('message', (times: number) => {
  const records = Array.from({ length: times }, () => {
    id += 1;
    return { kind: 'enter', id, day: '2026-11-21', what: 'add', at: Date.now(), worstNano: 1000 } as const;
  });
  store.append(records).then(
    () => process.send?.('kept'),
    (error: unknown) => process.send?.(messageOf(error)),
  );
});
