/** Which of the free slots a call gets. Pure but for the round-robin cursor. */

/** The policies by the names SPILLWAY_POLICY takes. */
export const POLICY_NAMES = ['round-robin', 'least-busy', 'peak-ewma'] as const;

/** A policy's name. */
export type PolicyName = (typeof POLICY_NAMES)[number];

/** What a policy sees of a slot. */
export interface Candidate {
  readonly workerId: string;
  readonly running: number;
  /** How long it takes to answer at `now`, in milliseconds; 0 while it has never answered. */
  readonly latency: { at(now: number): number };
  /** How many calls of that concurrency it could start now. */
  room(concurrency: number): number;
}

/**
 * Picks a slot with room for a call of that concurrency, not on the worker `avoid`; undefined if there is none. `now` is
 * in milliseconds of any steady clock.
 */
export type Policy = <S extends Candidate>(
  slots: readonly S[],
  concurrency: number,
  avoid: string | undefined,
  now: number,
) => S | undefined;

/** What a slot costs that has a call and has never answered one: more than any that has. */
const UNTRIED_MS = 1e12;

/** The policy of that name, with a state of its own. */
export function createPolicy(name: PolicyName): Policy {
  switch (name) {
    case 'round-robin':
      return roundRobin();
    case 'least-busy':
      return lowest((slot) => slot.running);
    case 'peak-ewma':
      return lowest(peakEwmaCost);
  }
}

/**
 * Finagle's cost: how long the calls it already has, and this one, would take there. A slot that has never answered is
 * tried with one call, and gets no more before it has: at a cost of nothing a fresh one would be flooded.
 */
function peakEwmaCost(slot: Candidate, now: number): number {
  const ms = slot.latency.at(now);
  return (ms === 0 && slot.running > 0 ? UNTRIED_MS : ms) * (slot.running + 1);
}

/** Each slot in its turn; one without room is passed over. */
function roundRobin(): Policy {
  let next = 0;
  return (slots, concurrency, avoid) => {
    for (let step = 0; step < slots.length; step += 1) {
      const at = (next + step) % slots.length;
      const slot = slots[at];
      if (slot === undefined || slot.workerId === avoid || slot.room(concurrency) === 0) continue;
      next = at + 1;
      return slot;
    }
    return undefined;
  };
}

/** The slot of the lowest cost; among equals each in its turn, else the first one would wear out alone. */
function lowest(cost: (slot: Candidate, now: number) => number): Policy {
  let turn = 0;
  return (slots, concurrency, avoid, now) => {
    let best: (typeof slots)[number] | undefined;
    let bestCost = Infinity;
    turn += 1;
    for (let step = 0; step < slots.length; step += 1) {
      const slot = slots[(turn + step) % slots.length];
      if (slot === undefined || slot.workerId === avoid || slot.room(concurrency) === 0) continue;
      const its = cost(slot, now);
      if (its < bestCost) {
        best = slot;
        bestCost = its;
      }
    }
    return best;
  };
}
