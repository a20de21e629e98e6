/**
 * How many slots the cores can feed. CPU-bound calls past that only slow each other down: two workers to four on two
 * cores gave 6% more calls and three times the p99.
 */
import { grown } from './demand.ts';
import type { Observation } from './observation.ts';

/** Immutable, decaying sums, in milliseconds: of slots busy, of the workers' and the host's CPU time, of time itself. */
export interface CpuMemory {
  readonly workersMs: number;
  readonly hostMs: number;
  readonly sums: {
    readonly busy: number;
    readonly workers: number;
    readonly host: number;
    readonly time: number;
  };
}

/** The share of its time on the CPU below which a call mostly waits: cores don't limit such calls. */
const WAITING_SHARE = 0.05;
/** After this long a reading counts 1/e, in milliseconds: long calls report their CPU time only when they end. */
const MEMORY_MS = 15_000;
/** Busy slot time that must have been seen before the share is believed, in milliseconds. */
const ENOUGH_BUSY_MS = 500;
/** A slot is added if the cores can feed at least three quarters of it: readings are that noisy. */
const PART_OF_A_SLOT = 0.25;

/** The first look: counters only. */
export function startCpu(seen: Observation): CpuMemory {
  const { workersMs = 0, hostMs = 0 } = seen.cpu ?? {};
  return { workersMs, hostMs, sums: { busy: 0, workers: 0, host: 0, time: 0 } };
}

/** Takes in what was used since the last look, in which calls kept slots busy for `busyMs` slot-milliseconds. */
export function stepCpu(memory: CpuMemory, seen: Observation, elapsedMs: number, busyMs: number): CpuMemory {
  if (seen.cpu === undefined) return memory;
  const { workersMs, hostMs } = seen.cpu;
  const kept = Math.exp(-elapsedMs / MEMORY_MS);
  const { busy, workers, host, time } = memory.sums;
  const sums = {
    busy: busy * kept + busyMs,
    workers: workers * kept + grown(memory.workersMs, workersMs),
    host: host * kept + grown(memory.hostMs, hostMs),
    time: time * kept + elapsedMs,
  };
  return { workersMs, hostMs, sums };
}

/**
 * The most slots worth having: (cores left to the workers) / (cores that a busy slot uses). What others use is taken from the
 * host's cores: where the workers may use only some of them, others may well be on the rest.
 * Where calls already share saturated cores, a busy slot uses less than its calls could, and the result is the slots
 * there are: so a saturated host never looks as if it had room. Until enough was seen, calls are taken for CPU-bound.
 * Infinity where they wait, or CPU time can't be measured.
 */
export function slotsForCores(memory: CpuMemory, seen: Observation): number {
  const { busy, workers, host, time } = memory.sums;
  if (seen.cpu === undefined || seen.cpu.cores === 0) return Infinity;
  const share = busy < ENOUGH_BUSY_MS ? 1 : workers / busy;
  if (share < WAITING_SHARE) return Infinity;
  const others = time === 0 ? 0 : Math.max(0, host - workers) / time;
  const left = Math.min(seen.cpu.cores, Math.max(0, seen.cpu.hostCores - others));
  return Math.floor(left / share + PART_OF_A_SLOT);
}
