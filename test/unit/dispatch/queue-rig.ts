/** Calls for a queue. */
import type { Waiting } from '../../../src/dispatch/queue.ts';

/** One that waits, by its name. */
export interface Call extends Waiting {
  readonly name: string;
}

/** Some slots, where their number makes no difference. */
export const SLOTS = 2;

export function call(name: string, arrivedAt: number, concurrency = 1, changes: Partial<Call> = {}): Call {
  const unknown = {
    deadlineAt: 30_000,
    expectedMs: undefined,
    leastMs: 0,
    characters: 0,
    waitingSince: arrivedAt,
  };
  return { name, arrivedAt, concurrency, ...unknown, ...changes };
}

export const names = (calls: readonly Call[]): string[] => calls.map(({ name }) => name);
