/** How a function's run time depends on its memory. Pure. */

/** One vCPU (FACTS: 1769 MB); a function in less gets that part of a core, one in more can't use it. */
const ONE_CORE_MB = 1769;

/** A function's time at a size of memory. */
export interface TimeAt {
  readonly memoryMb: number;
  readonly ms: number;
}

/** The two parts of a function's time at a whole core, in milliseconds. */
export interface MemoryFit {
  /** Waiting, which no CPU makes shorter. */
  readonly waitMs: number;
  /** Computing. */
  readonly cpuMs: number;
}

/** By how much computing takes longer than on a whole core: max(1, 1769 MB / memory). */
export function slowdown(memoryMb: number): number {
  return Math.max(1, ONE_CORE_MB / memoryMb);
}

/**
 * Fits t(m) = a + b·x(m), x(m) = max(1, 1769 / m), with a, b ≥ 0 by least squares of the relative errors (weights 1/t²), so that
 * the slow sizes don't outweigh the rest. Where x is the same at all sizes the parts can't be told apart, and all of the
 * time counts as computing: that never makes a small size look better than it is.
 */
export function fitMemory(times: readonly TimeAt[]): MemoryFit {
  let [w, wx, wxx, wt, wxt] = [0, 0, 0, 0, 0];
  for (const { memoryMb, ms } of times) {
    const x = slowdown(memoryMb);
    const weight = 1 / Math.max(1e-6, ms) ** 2;
    w += weight;
    wx += weight * x;
    wxx += weight * x * x;
    wt += weight * ms;
    wxt += weight * x * ms;
  }
  if (w === 0) return { waitMs: 0, cpuMs: 0 };
  const spread = w * wxx - wx * wx;
  // All sizes alike, but for rounding.
  if (spread <= 1e-9 * w * wxx) return { waitMs: 0, cpuMs: wxt / wxx };
  const cpuMs = (w * wxt - wx * wt) / spread;
  const waitMs = (wt - cpuMs * wx) / w;
  if (cpuMs < 0) return { waitMs: wt / w, cpuMs: 0 };
  return waitMs < 0 ? { waitMs: 0, cpuMs: wxt / wxx } : { waitMs, cpuMs };
}

/** The part of the time on a whole core that is computing, 0 to 1. */
export function cpuShare({ waitMs, cpuMs }: MemoryFit): number {
  const ms = waitMs + cpuMs;
  return ms === 0 ? 1 : cpuMs / ms;
}

/** How much longer than on a whole core a function takes that computes for `share` of its time: (1 − share) + share·x(m). */
export function stretch(share: number, memoryMb: number): number {
  return 1 - share + share * slowdown(memoryMb);
}
