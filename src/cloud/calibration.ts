/** A calibration's figures: what calls took at each size of memory. Pure. */
import { mean, percentile } from './samples.ts';

/** One call at one size. Times in milliseconds. */
export interface CalibrationSample {
  /** The function's own time. */
  readonly runMs: number;
  /** How long its process took to start; absent if it ran already. */
  readonly initMs?: number | undefined;
  readonly billedMs: number;
  /** What the process occupied, in megabytes; absent where the handler didn't say. */
  readonly usedMb?: number | undefined;
  /** What a million such calls through the gateway cost, in US dollars. */
  readonly millionUsd: number;
}

/** The figures of one size; those of calls are absent where it is skipped. Times in milliseconds. */
export interface CalibrationSize {
  readonly memoryMb: number;
  /** Calls made, cold ones included. */
  readonly runs: number;
  /** Start of the process and run together, of the first call. */
  readonly coldMs?: number;
  /** Of warm calls, as all that follow. */
  readonly meanMs?: number | undefined;
  readonly p50Ms?: number | undefined;
  readonly p95Ms?: number | undefined;
  readonly billedMs?: number | undefined;
  readonly costUsdPerMillion?: number | undefined;
  /** The most that the process occupied, in megabytes. */
  readonly usedMb?: number;
  /** Why there are no figures. */
  readonly skipped?: string;
}

/** The answer of a calibration. */
export interface CalibrationReport {
  readonly method: string;
  /** What the function that calls go to has. */
  readonly presentMb: number;
  /** The smallest first. */
  readonly sizes: readonly CalibrationSize[];
  /** The part of the function's time that is computing, 0 to 1, as far as its times tell. */
  readonly cpuShare: number;
  readonly recommended: { readonly memoryMb: number; readonly why: string };
  /** How often the function was called. */
  readonly calls: number;
  /** What all of it cost, in US dollars. */
  readonly costUsd: number;
  /** What else there is to say, one line each. */
  readonly notes: readonly string[];
}

/** The sizes measured where none are named, in megabytes: two below a whole core, that one, and what every account may have. */
export const DEFAULT_SIZES_MB = [512, 1024, 1769, 3008] as const;

/** Warm calls before a mean may be known, and at the most. */
const MIN_WARM = 4;
const MAX_WARM = 9;
/** The standard error at which a mean is known well enough, as a part of it. */
const WELL_KNOWN = 0.03;

/** Whether more calls of this size would tell something. */
export function wantsMore(samples: readonly CalibrationSample[]): boolean {
  const times = warm(samples).map(({ runMs }) => runMs);
  if (times.length < MIN_WARM) return samples.length < 2 * MIN_WARM;
  if (times.length >= MAX_WARM) return false;
  const middle = mean(times) ?? 0;
  const variance = times.reduce((sum, ms) => sum + (ms - middle) ** 2, 0) / (times.length - 1);
  return Math.sqrt(variance / times.length) > WELL_KNOWN * middle;
}

/** The most calls that are made of one size: one cold, the others warm. */
export const MAX_RUNS = MAX_WARM + 1;

/** The figures of one size; one without a warm call is skipped. */
export function sizeFigures(
  memoryMb: number,
  samples: readonly CalibrationSample[],
  skipped: string | undefined,
): CalibrationSize {
  const runs = samples.length;
  const good = warm(samples);
  if (skipped !== undefined || good.length === 0) {
    return { memoryMb, runs, skipped: skipped ?? 'no warm call was made' };
  }
  const times = good.map(({ runMs }) => runMs).toSorted((a, b) => a - b);
  const cold = samples.find(({ initMs }) => initMs !== undefined);
  const used = samples.flatMap(({ usedMb }) => usedMb ?? []);
  return {
    memoryMb,
    runs,
    ...(cold !== undefined && { coldMs: (cold.initMs ?? 0) + cold.runMs }),
    meanMs: mean(times),
    p50Ms: percentile(times, 0.5),
    p95Ms: percentile(times, 0.95),
    billedMs: mean(good.map(({ billedMs }) => billedMs)),
    costUsdPerMillion: mean(good.map(({ millionUsd }) => millionUsd)),
    ...(used.length > 0 && { usedMb: Math.max(...used) }),
  };
}

/** What Lambda says it bills, in the last line of a call's log, in milliseconds; undefined where there is no such line. */
export function billedByLambda(log: string | undefined): number | undefined {
  const found = /^REPORT .*\bBilled Duration: (\d+) ms/m.exec(log ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
}

function warm(samples: readonly CalibrationSample[]): CalibrationSample[] {
  return samples.filter(({ initMs }) => initMs === undefined);
}
