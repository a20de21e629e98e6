/** What an answer says of a call that the cloud ran: what the comparison of the two places needs. */
import type { CloudReport } from '../cloud/backend.ts';

/** Names and values, in turn. */
export function costHeaders({ costUsd, billedMs, coldStart }: CloudReport): string[] {
  const head = ['spillway-cost-usd', costUsd.toFixed(9)];
  if (billedMs !== undefined) head.push('spillway-billed-ms', String(billedMs));
  if (coldStart === true) head.push('spillway-cold-start', 'true');
  return head;
}
