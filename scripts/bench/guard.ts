/** Whether a change made the balancer slower: the ratio to HAProxy now, against the one that the document records. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DOCUMENT = join(import.meta.dirname, '../../docs/benchmarks.md');
/** Of the recorded ratio: less has lost speed rather than luck. */
const LEAST_SHARE = 0.8;

/** The line that holds it: `Guard: add, 64 connections, spillway / haproxy = 1.23`. */
const RECORDED = /^Guard: add, 64 connections, spillway \/ haproxy = (\d+\.\d+)$/m;

/** The ratio that docs/benchmarks.md records. */
export function recordedRatio(text = readFileSync(DOCUMENT, 'utf8')): number {
  const found = RECORDED.exec(text)?.[1];
  if (found === undefined) throw new Error('docs/benchmarks.md has no line "Guard: add, 64 connections, …"');
  return Number(found);
}

/** What to say, and whether it is a slow-down. */
export function judge(measured: number, recorded: number): { slower: boolean; text: string } {
  const least = recorded * LEAST_SHARE;
  const slower = !(measured >= least);
  const text = `spillway / haproxy at 64 connections: ${measured.toFixed(2)}; recorded ${recorded.toFixed(2)}, at least ${least.toFixed(2)} wanted`;
  return { slower, text: slower ? `slower than recorded: ${text}` : text };
}
