/**
 * Keeps the balancer's heap small. It holds nothing for long but calls in flight (16 MB live), yet on a machine with much
 * memory V8 lets the young generation grow to 128 MB under load, and the old one to a multiple of what lives in it:
 * 311 MB resident after a million calls, against about 145 MB with these limits.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * The old generation is collected when it, and the buffers outside of it, have grown by this much over what was alive, in
 * percent. With 150 the process had 19 MB more after a million calls, and no call took less.
 */
const OLD_GROWTH_PERCENT = 75;
/** Size of the young generation, both halves together, at which it stops growing, in bytes. */
const YOUNG_ENOUGH_BYTES = 16 * 1024 * 1024;
/** While it may grow, it doubles with a collection now and then, so it is looked at often, in milliseconds. */
const GROWING_CHECK_MS = 100;
/** V8 shrinks it when nothing happens for a while; then it may grow again. Looked for this often, in milliseconds. */
const GROWN_CHECK_MS = 2000;

/** Sets the limits for the life of the process; keeps no process alive. */
export function limitHeap(): void {
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWTH_PERCENT}`);
  limitYoungGeneration();
}

function limitYoungGeneration(): void {
  const grown = youngBytes() >= YOUNG_ENOUGH_BYTES;
  // V8 has no call to set the limit of a running heap, but it reads this factor whenever it wants to grow.
  setFlagsFromString(`--semi-space-growth-factor=${grown ? 1 : 2}`);
  setTimeout(limitYoungGeneration, grown ? GROWN_CHECK_MS : GROWING_CHECK_MS).unref();
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;
}
