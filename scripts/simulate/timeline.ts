/** A run over time, in equal parts. */
import { percentile } from './result.ts';
import type { Run } from './simulation-settings.ts';
import type { Trace } from './trace.ts';

/** One part of a run. Calls belong to the part in which they arrived. */
export interface Stretch {
  readonly fromMs: number;
  /** Slots that the calls arriving in it would keep busy, were each run at once on a core of its own. */
  readonly load: number;
  /** Mean number of containers: starting, ready or draining. */
  readonly containers: number;
  readonly standbys: number;
  readonly calls: number;
  readonly p99Ms: number;
  readonly offloaded: number;
}

/** Cuts a run into `parts` from its beginning to the last arrival. */
export function timeline(trace: Trace, { outcomes, fleet }: Run, parts: number): Stretch[] {
  const { arrivalMs, durationMs } = trace;
  const lengthMs = Math.max(arrivalMs.at(-1) ?? 0, 1) / parts;
  const stretches: Stretch[] = [];
  let first = 0;
  for (let part = 0; part < parts; part++) {
    const fromMs = part * lengthMs;
    const toMs = fromMs + lengthMs;
    let end = first;
    let workMs = 0;
    let offloaded = 0;
    while (end < arrivalMs.length && (arrivalMs[end]! < toMs || part === parts - 1)) {
      workMs += durationMs[end]!;
      offloaded += outcomes.offloaded[end]!;
      end++;
    }
    const before = fleet.seconds(fromMs);
    const after = fleet.seconds(toMs);
    stretches.push({
      fromMs,
      load: workMs / lengthMs,
      containers: ((after.container - before.container) * 1000) / lengthMs,
      standbys: ((after.standby - before.standby) * 1000) / lengthMs,
      calls: end - first,
      p99Ms: percentile(outcomes.latencyMs.slice(first, end).sort(), 0.99),
      offloaded,
    });
    first = end;
  }
  return stretches;
}
