/** Mixes of functions, for traces in which calls differ: all short, all long, and a heavy-tailed one. */
import { boundedPareto, exponential, type Random } from './random.ts';
import type { TraceCall } from './trace.ts';

export interface Mix {
  /** Mean run time, in milliseconds: the load is arrivals × this. */
  readonly meanMs: number;
  draw(random: Random): Omit<TraceCall, 'arrivalMs'>;
}

/** Times vary by themselves: the mean of four exponentials scatters by half, so a quarter of that. */
function scatter(random: Random): number {
  let sum = 0;
  for (let at = 0; at < 4; at++) sum += exponential(random, 0.25);
  return 1 + (sum - 1) / 2.5;
}

/** Functions of about equal popularity with run times of their own. */
function plain(runsMs: readonly number[]): Mix {
  return {
    meanMs: runsMs.reduce((sum, ms) => sum + ms, 0) / runsMs.length,
    draw(random) {
      const at = Math.floor(random() * runsMs.length);
      return { method: `f${at}`, durationMs: runsMs[at]! * scatter(random), bytes: 50 + 100 * random() };
    },
  };
}

/** Pareto's α of many job traces; the longest is two hundred times the shortest. */
const ALPHA = 1.5;
const MOST = 200;
const SMALL_MS = 10;
/** By its input's size: 20 ms and a millisecond a kilobyte. */
const SIZED_BASE_MS = 20;
const SIZED_MEAN_KB = 130;
const UNKNOWN_MS = 300;

/** Six in ten are small; three follow their input's size; of one in ten nobody knows how long it will run. */
const HEAVY: Mix = {
  meanMs: 0.6 * SMALL_MS + 0.3 * (SIZED_BASE_MS + SIZED_MEAN_KB) + 0.1 * UNKNOWN_MS,
  draw(random) {
    const kind = random();
    if (kind < 0.6) return { method: 'small', durationMs: SMALL_MS * scatter(random), bytes: 100 };
    if (kind < 0.9) {
      const kb = boundedPareto(random, SIZED_MEAN_KB, ALPHA, MOST);
      return { method: 'sized', durationMs: (SIZED_BASE_MS + kb) * scatter(random), bytes: kb * 1000 };
    }
    return { method: 'unknown', durationMs: boundedPareto(random, UNKNOWN_MS, ALPHA, MOST), bytes: 100 };
  },
};

export const MIXES = {
  short: plain([10, 20, 60]),
  long: plain([800, 1500, 3000]),
  heavy: HEAVY,
} satisfies Record<string, Mix>;

export type MixName = keyof typeof MIXES;
