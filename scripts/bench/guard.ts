/** Whether a change made the balancer slower: the ratio to HAProxy now, against the one that the document records. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { median } from './compare.ts';

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

/**
 * The median of the rounds' ratios. A minute in which the machine does something else slows both of a round down, so their
 * ratio says more than that of two medians, which may come from different rounds. NaN if there is no round.
 */
export function pairedRatio(own: readonly number[], peer: readonly number[]): number {
  const rounds = Math.min(own.length, peer.length);
  return median(Array.from({ length: rounds }, (_, round) => (own[round] ?? NaN) / (peer[round] ?? NaN)));
}

/** One comparison: calls a second of both, round by round, and this balancer's wrong answers. */
export interface Attempt {
  readonly own: readonly number[];
  readonly peer: readonly number[];
  readonly errors: number;
}

/** So often is compared: a busy machine may spoil one comparison, but what has lost speed fails them all. */
const ATTEMPTS = 3;

/** Compares until one comparison is fast enough. Wrong answers aren't bad luck: they fail at once. */
export async function guard(
  attempt: () => Promise<Attempt>,
  recorded: number,
  say: (text: string) => void,
): Promise<boolean> {
  for (let turn = 1; turn <= ATTEMPTS; turn += 1) {
    const { own, peer, errors } = await attempt();
    const { slower, text } = judge(pairedRatio(own, peer), recorded);
    say(`${text} (attempt ${turn} of ${ATTEMPTS})`);
    if (errors > 0) {
      say(`${errors} wrong answers or failed connections`);
      return false;
    }
    if (!slower) return true;
  }
  return false;
}

/** What to say, and whether it is a slow-down. */
export function judge(measured: number, recorded: number): { slower: boolean; text: string } {
  const least = recorded * LEAST_SHARE;
  const slower = !(measured >= least);
  const text = `spillway / haproxy at 64 connections: ${measured.toFixed(2)}; recorded ${recorded.toFixed(2)}, at least ${least.toFixed(2)} wanted`;
  return { slower, text: slower ? `slower than recorded: ${text}` : text };
}
