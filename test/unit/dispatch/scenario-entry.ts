/** One call of a scenario, and what must hold of it at any time. */
import assert from 'node:assert/strict';
import type { MadeCall } from '../../fakes/balancer.ts';
import type { FakeSlot } from '../../fakes/slot.ts';
import type { Backend } from '../../../src/dispatch/call.ts';
import { FUNCTIONS, type Name } from './events.ts';
import { MAX_AHEAD_MS } from '../../../src/pool/ahead-limits.ts';
import type { Worker } from '../../../src/pool/worker.ts';

/** What slots say that they take for a call, warm ones, in milliseconds. */
const SHORTEST_MS = 0.03;
/** A deadline is noticed this much late at the most, in milliseconds. */
const DEADLINE_STEP_MS = 11;

/** One call and all that happened to it. */
export interface Entry extends MadeCall {
  readonly name: Name;
  readonly deadlineAt: number;
  cancelled: boolean;
  /** Answers when it was cancelled. */
  answersThen: number;
  /** Whether a slot ever had it. */
  handed: boolean;
  /** Slots that were handed it and didn't give it back unstarted; 'cloud' for the cloud, unless it never ran it. */
  hands: (FakeSlot | 'cloud')[];
  readonly backend: Backend | undefined;
  /** How often it was sent to the cloud. */
  offloads: number;
  /** The worker on which it was last lost. */
  lostOn: string | undefined;
}

export function checkEntry(entry: Entry): void {
  const { name, outcomes } = entry;
  assert.ok(outcomes.length <= 1, `${name} was answered ${outcomes.length} times`);
  if (entry.cancelled) assert.equal(outcomes.length, entry.answersThen, `${name} was answered after cancel`);
  const late = performance.now() - entry.deadlineAt;
  assert.ok(!open(entry) || late < DEADLINE_STEP_MS, `${name} is unanswered ${late} ms after its deadline`);
}

export function concurrencyOf(name: Name): number {
  return FUNCTIONS[name].concurrency;
}

export function open(entry: Entry): boolean {
  return entry.outcomes.length === 0 && !entry.cancelled;
}

export function pick<T>(all: readonly T[], number: number): T | undefined {
  return all[number % Math.max(1, all.length)];
}

/** Before it is handed to a slot or the cloud. */
export function checkRun(entry: Entry): void {
  const { name, hands } = entry;
  // One that is answered in this very moment may have been on its way already.
  const answered = entry.outcomes.length > 0 && entry.answeredAt < performance.now();
  assert.ok(!answered, `${name} was handed over after its answer`);
  assert.ok(!entry.cancelled || hands.length > 0, `${name} was started after it was cancelled`);
  assert.ok(hands.length < (FUNCTIONS[name].idempotent ? 2 : 1), `${name} may run once too often`);
}

/** What a living slot holds: calls of one concurrency, behind the first only short ones, and as many as are leased to it. */
export function checkSlot(slot: FakeSlot, names: readonly Name[], workers: readonly Worker[]): void {
  if (slot.stuck || !slot.connected) return;
  assert.ok(names.length === 0 || slot.old.length === 0, 'a slot busy with an earlier call got another');
  const kinds = new Set(names.map(concurrencyOf));
  assert.ok(kinds.size <= 1, `a slot is shared by ${names.join()}`);
  const [concurrency = 1] = kinds;
  if (names.length > concurrency) {
    assert.equal(concurrency, 1, `${names.length} calls in a slot of ${concurrency}`);
    // Any that may be repeated, `home` as well: slots answer in 0.1 ms here, so after twenty calls it is known to be short.
    const ahead = names.slice(1).filter((name) => !FUNCTIONS[name].idempotent);
    assert.deepEqual(ahead, [], 'a call that may not be repeated was handed ahead');
    assert.ok(names.length <= MAX_AHEAD_MS / SHORTEST_MS, `${names.length} calls in a slot`);
  }
  const worker = workers.find(({ id }) => id === slot.workerId);
  assert.ok(worker?.state !== 'standby' || names.length === 0, 'a standby runs a call');
  const seen = worker?.slots.find(({ key }) => key === slot.key);
  if (seen !== undefined) assert.equal(seen.running, names.length, 'leases are the calls in the slot');
}
