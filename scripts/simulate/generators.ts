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

/** A load over time, in multiples of N. */
interface Shape {
  /** What it never exceeds; said, not sampled: a spike is short beside a trace of days. */
  readonly highest: number;
  /** At a moment: `part` of the trace (0 … 1), `atMs` since it began. */
  readonly load: (part: number, atMs: number) => number;
}

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

/** A daily wave: its middle, and how far it goes from there. */
const WAVE_MIDDLE = 0.9;
const WAVE_HEIGHT = 0.8;
const STEADY = 0.7;
const NEARLY_N = 0.9;

const SHAPES = {
  /** Evenly spaced arrivals that N workers can hold. */
  steady: { highest: STEADY, load: () => STEADY },
  /** At rest, then from one moment to the next more than N can do. */
  step: { highest: BUSY, load: (part) => (part < 1 / 3 ? REST : BUSY) },
  /** At rest, and once a minute for three seconds what 2N can just do. */
  spike: { highest: FULL, load: (_part, atMs) => (isSpike(atMs) ? FULL : REST) },
  /** The same with more than 2N can do. */
  flood: { highest: TOO_MUCH, load: (_part, atMs) => (isSpike(atMs) ? TOO_MUCH : REST) },
  /** Four ramps from nothing to what 2N can just do, each with a sudden end. */
  sawtooth: { highest: FULL, load: (part) => FULL * ((part * TEETH) % 1) },
  /** One day, squeezed: a smooth wave from next to nothing up and back. */
  daily: {
    highest: WAVE_MIDDLE + WAVE_HEIGHT,
    load: (part) => WAVE_MIDDLE - WAVE_HEIGHT * Math.cos(2 * Math.PI * part),
  },
  /** Random arrivals at N's limit: short queues come and go. */
  poisson: { highest: NEARLY_N, load: () => NEARLY_N },
  /** Random arrivals that change at random between quiet and busy (a Markov-modulated Poisson process): burstyLoad. */
  bursty: { highest: BUSY, load: () => QUIET },
} satisfies Record<string, Shape>;

export type GeneratorName = keyof typeof SHAPES;
export const GENERATORS = Object.keys(SHAPES) as GeneratorName[];

/** Makes a trace. The same settings make the same trace. */
export function generate(name: GeneratorName, settings: GeneratorSettings): Trace {
  const random = seededRandom(settings.seed);
  const builder = new TraceBuilder();
  const shape: Shape = SHAPES[name];
  const { highest } = shape;
  const load = name === 'bursty' ? burstyLoad(random, settings.lengthMs) : shape.load;
  const { mix, meanMs } = settings;
  const gapMs = (mix?.meanMs ?? meanMs) / (highest * settings.workers);
  let atMs = 0;
  for (;;) {
    atMs += name === 'steady' ? gapMs : exponential(random, gapMs);
    if (atMs >= settings.lengthMs) return builder.build(name);
    // Thinning (Lewis and Shedler 1979): arrivals at the highest rate, of which the shape's share is kept.
    const kept = name === 'steady' || random() * highest < load(atMs / settings.lengthMs, atMs);
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
function burstyLoad(random: Random, lengthMs: number): Shape['load'] {
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
