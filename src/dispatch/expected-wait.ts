/** What a call that finds no free slot would wait. Pure. */

/**
 * The wait of the next call, first come first served: the waiting calls take the slots in the order in which they become
 * free, each for `eachMs`, and the next call takes the one that is free then (list scheduling). A slot that is about to
 * be ready counts like one whose call will be over by then.
 *
 * The plainer formula, all work over the slots, is a bound from above: with nothing queued and eight calls half done it
 * says "half a call", where the first of eight ends in a fraction of that. Replayed, it offloaded half as many calls
 * again for the same p99 (docs/elasticity.md).
 *
 * @param freeInMs when each slot is expected to be free, in milliseconds from now, in any order
 * @param waiting how many calls are ahead of it
 * @param eachMs their mean expected run time, in milliseconds
 * @returns milliseconds; Infinity where there is no slot and none is coming
 */
export function waitBehind(freeInMs: readonly number[], waiting: number, eachMs: number): number {
  const free = [...freeInMs].sort((one, other) => one - other);
  const [first, last] = [free[0], free.at(-1)];
  if (first === undefined || last === undefined) return Infinity;
  if (!(eachMs > 0)) return first;
  let left = waiting;
  // The slots that are free soon work off calls until all slots are level to within one call.
  for (let soonest = first; left > 0 && soonest + eachMs < last; soonest = free[0] ?? last) {
    const next = Math.min(free[1] ?? last, last);
    const calls = Math.min(left, Math.floor((next - soonest) / eachMs) + 1);
    insert(free, soonest + calls * eachMs);
    left -= calls;
  }
  // From there on, each round of calls moves every slot by one call.
  return (free[left % free.length] ?? last) + Math.floor(left / free.length) * eachMs;
}

/** Puts the first slot of an ascending list where it belongs after it has become free at `atMs`. */
function insert(free: number[], atMs: number): void {
  free.shift();
  const place = free.findIndex((other) => other > atMs);
  free.splice(place === -1 ? free.length : place, 0, atMs);
}
