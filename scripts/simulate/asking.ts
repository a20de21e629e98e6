/** What a policy is asked about a simulated call. */
import { waitBehind } from '../../src/dispatch/expected-wait.ts';
import type { Seen } from './foreseen.ts';
import type { PlacementQuestion } from './placement.ts';
import type { SimulationSettings } from './simulation-settings.ts';

type Settings = Pick<SimulationSettings, 'cloud' | 'mostWorkers' | 'waitFormula'>;

/** The question about a call that has just arrived, or has waited for `waitedMs`. */
export function ask(
  seen: Seen & { readonly connections: number },
  { cloud, mostWorkers, waitFormula }: Settings,
  call: number,
  waitedMs: number,
): PlacementQuestion {
  const { nowMs, queue, fleet, slots } = seen;
  const waits = queue.has(call);
  const freeSlot = seen.freeSlots > 0;
  const readyInMs = freeSlot ? [] : fleet.readyInMs(nowMs);
  const ahead = readyInMs.length === 0 ? 0 : queue.ahead(call, readyInMs.length);
  // A call that has waited is judged by how long it has.
  const known = waitedMs === 0 && slots.runTimes(call).known;
  return {
    expectedWaitMs: freeSlot ? 0 : known ? waitOf(seen, waitFormula, call, readyInMs) : undefined,
    waitedMs,
    slotReadyInMs: readyInMs[ahead] ?? Infinity,
    freeSlot,
    queueFull: !freeSlot && !waits,
    connections: seen.connections - (waits ? 1 : 0),
    mostWorkers,
    cloudDelayMs: cloud?.delayMs(nowMs),
    ...seen.barriers.of(call),
  };
}

/** The expected wait of a call that has just queued, or can't. */
function waitOf(
  { queue, slots, fleet }: Seen,
  formula: Settings['waitFormula'],
  call: number,
  readyInMs: readonly number[],
): number {
  const waits = queue.has(call);
  const ahead = queue.size - (waits ? 1 : 0);
  const aheadMs = queue.workMs - (waits ? slots.expectedMs(call) : 0);
  const remainingMs = slots.remainingMs();
  if (formula === 'list') {
    return waitBehind([...remainingMs, ...readyInMs], ahead, ahead === 0 ? 0 : aheadMs / ahead);
  }
  const runningMs = remainingMs.reduce((sum, ms) => sum + ms, 0);
  // The plain formula, kept to be compared with: all work over the slots.
  const { ready } = fleet.counts();
  return ready === 0 ? Infinity : (runningMs + aheadMs) / ready;
}
