/** Figures as a Markdown table; ratios are spillway's figure over the row's. */
import type { Figures } from './compare.ts';

const COLUMNS = [
  ['work', ':--'],
  ['conn.', '--:'],
  ['front', ':--'],
  ['calls/s', '--:'],
  ['spread', '--:'],
  ['p50 ms', '--:'],
  ['p99 ms', '--:'],
  ['p99.9 ms', '--:'],
  ['front CPU µs', '--:'],
  ['all CPU µs', '--:'],
  ['peak MB', '--:'],
  ['errors', '--:'],
  ['rate ratio', '--:'],
  ['p50 ratio', '--:'],
  ['p99 ratio', '--:'],
  ['CPU ratio', '--:'],
] as const;

/** The head of the table. */
export function tableHead(): string {
  const line = (pick: (column: (typeof COLUMNS)[number]) => string): string =>
    `| ${COLUMNS.map(pick).join(' | ')} |`;
  return `${line(([name]) => name)}\n${line(([, align]) => align)}`;
}

/** Rows of one comparison; `own` is what the ratios are of. */
export function tableRows(figures: readonly Figures[], own: Figures): string {
  return figures
    .map((row) =>
      [
        row.work,
        row.connections,
        row.contender,
        row.callsPerSecond.toFixed(0),
        `±${(row.spread * 100).toFixed(0)}%`,
        row.p50Ms.toFixed(2),
        row.p99Ms.toFixed(2),
        row.p999Ms.toFixed(2),
        row.frontCpuUs.toFixed(1),
        row.cpuUs.toFixed(1),
        (row.peakBytes / 1e6).toFixed(0),
        row.errors,
        (own.callsPerSecond / row.callsPerSecond).toFixed(2),
        (own.p50Ms / row.p50Ms).toFixed(2),
        (own.p99Ms / row.p99Ms).toFixed(2),
        (own.cpuUs / row.cpuUs).toFixed(2),
      ].join(' | '),
    )
    .map((cells) => `| ${cells} |`)
    .join('\n');
}
