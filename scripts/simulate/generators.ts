/**
 * Traces made up: the shapes of load that a pool of N meets. Loads are in slots (arrivals a millisecond × mean
 * duration), as multiples of N: most shapes ask for more than N at times, and only one for more than 2N.
 */
import type { Mix } from './mixes.ts';
import { boundedPareto, exponential, seededRandom, type Random } from './random.ts';
import { TraceBuilder, type Trace } from './trace.ts';

/** How durations are spread round their mean. */
export const SPREADS = ['constant', 'exponential', 'heavy'] as const;
export type Spread = (typeof SPREADS)[number];

export interface GeneratorSettings {
  readonly seed: number;
  /** N: the load is a multiple of it. */
  readonly workers: number;
  /** Mean run time, in milliseconds. */
  readonly meanMs: number;
  readonly spread: Spread;
  /** Draws the calls in place of meanMs and spread. */
  readonly mix?: Mix;
  /** How long calls arrive, in milliseconds. */
  readonly lengthMs: number;
}

/** The load at a moment: `part` of the trace (0 … 1), `atMs` since it began; in multiples of N. */
type Shape = (part: number, atMs: number) => number;

/** So little that the pool is at N: what comes then finds none of the rest ready. */
const REST = 0.1;
/** A quiet pool, and one that needs more than N but fewer than 2N workers. */
const QUIET = 0.5;
const BUSY = 1.6;
/** As much as 2N can just do, and more than that: it can't be served, only survived. */
const FULL = 1.8;
const TOO_MUCH = 2.5;
const SPIKE_EVERY_MS = 60_000;
const SPIKE_MS = 3_000;
const TEETH = 4;
/** Mean time that bursty arrivals stay quiet and busy, in milliseconds. */
const BURST_QUIET_MS = 12_000;
const BURST_BUSY_MS = 4_000;

function isSpike(atMs: number): boolean {
  const sinceMs = (atMs % SPIKE_EVERY_MS) - SPIKE_EVERY_MS / 2;
  return sinceMs >= 0 && sinceMs < SPIKE_MS;
}

const SHAPES = {
  /** Evenly spaced arrivals that N workers can hold. */
  steady: () => 0.7,
  /** At rest, then from one moment to the next more than N can do. */
  step: (part) => (part < 1 / 3 ? REST : BUSY),
  /** At rest, and once a minute for three seconds what 2N can just do. */
  spike: (_part, atMs) => (isSpike(atMs) ? FULL : REST),
  /** The same with more than 2N can do. */
  flood: (_part, atMs) => (isSpike(atMs) ? TOO_MUCH : REST),
  /** Four ramps from nothing to what 2N can just do, each with a sudden end. */
  sawtooth: (part) => FULL * ((part * TEETH) % 1),
  /** One day, squeezed: a smooth wave from next to nothing up and back. */
  daily: (part) => 0.9 - 0.8 * Math.cos(2 * Math.PI * part),
  /** Random arrivals at N's limit: short queues come and go. */
  poisson: () => 0.9,
  /** Random arrivals that change at random between quiet and busy (a Markov-modulated Poisson process). */
  bursty: () => QUIET,
} satisfies Record<string, Shape>;

export type GeneratorName = keyof typeof SHAPES;
export const GENERATORS = Object.keys(SHAPES) as GeneratorName[];

/** Makes a trace. The same settings make the same trace. */
export function generate(name: GeneratorName, settings: GeneratorSettings): Trace {
  const random = seededRandom(settings.seed);
  const builder = new TraceBuilder();
  const shape: Shape = name === 'bursty' ? burstyShape(random, settings.lengthMs) : SHAPES[name];
  const highest = name === 'bursty' ? BUSY : highestLoad(shape, settings.lengthMs);
  const { mix, meanMs } = settings;
  const gapMs = (mix?.meanMs ?? meanMs) / (highest * settings.workers);
  let atMs = 0;
  for (;;) {
    atMs += name === 'steady' ? gapMs : exponential(random, gapMs);
    if (atMs >= settings.lengthMs) return builder.build(name);
    // Thinning (Lewis and Shedler 1979): arrivals at the highest rate, of which the shape's share is kept.
    const kept = name === 'steady' || random() * highest < shape(atMs / settings.lengthMs, atMs);
    if (!kept) continue;
    if (mix === undefined) builder.add({ arrivalMs: atMs, durationMs: drawDuration(random, settings) });
    else builder.add({ arrivalMs: atMs, ...mix.draw(random) });
  }
}

/** A mean of many: Pareto's α of 1.5 with the largest a thousand times the smallest, as measured in many job traces. */
const HEAVY_SHAPE = 1.5;
const HEAVY_MOST = 1_000;

function drawDuration(random: Random, { meanMs, spread }: GeneratorSettings): number {
  if (spread === 'constant') return meanMs;
  return spread === 'exponential'
    ? exponential(random, meanMs)
    : boundedPareto(random, meanMs, HEAVY_SHAPE, HEAVY_MOST);
}

/** Changes between quiet and busy after exponentially distributed times. Asked for moments in order. */
function burstyShape(random: Random, lengthMs: number): Shape {
  let busy = false;
  let untilMs = exponential(random, Math.min(BURST_QUIET_MS, lengthMs / 2));
  return (_part, atMs) => {
    while (atMs >= untilMs) {
      busy = !busy;
      untilMs += exponential(random, busy ? BURST_BUSY_MS : BURST_QUIET_MS);
    }
    return busy ? BUSY : QUIET;
  };
}

function highestLoad(shape: Shape, lengthMs: number): number {
  let highest = 0;
  const steps = 10_000;
  for (let at = 0; at < steps; at++) highest = Math.max(highest, shape(at / steps, (at / steps) * lengthMs));
  return highest;
}
