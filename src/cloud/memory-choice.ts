/** Which size of memory a calibration recommends. Pure. */
import type { CalibrationReport, CalibrationSize } from './calibration.ts';
import { cpuShare, fitMemory, stretch } from './memory-fit.ts';
import { callNanoUsd, type Rate } from './prices.ts';

/** What is on record of one function: how often it was called, and how long it ran. */
export interface MixEntry {
  readonly method: string;
  readonly calls: number;
  /** Its mean run time, in milliseconds. */
  readonly runMs: number;
  /** The part of its time that is computing, 0 to 1; undefined where it wasn't measured. */
  readonly cpuShare?: number | undefined;
}

/** The recorded mix of functions. */
export interface Mix {
  /** Where these calls ran: in the cloud with the present memory, or here on a whole core. */
  readonly place: 'pool' | 'cloud';
  readonly entries: readonly MixEntry[];
}

/** What a choice is made from. */
export interface ChoiceGrounds {
  readonly method: string;
  readonly sizes: readonly CalibrationSize[];
  readonly mix: Mix;
  /** What calls are paid by; its memory is the present one. */
  readonly rate: Rate;
}

/** What the mix would take at one size. */
interface Offer {
  readonly memoryMb: number;
  /** A call's mean time, in milliseconds. */
  readonly ms: number;
  /** A call's mean price, in any unit. */
  readonly price: number;
}

/** A mix of fewer calls says nothing. */
const ENOUGH_CALLS = 20;
/** Another size may be so much faster than the one recommended. */
const SLOWER_BY = 0.1;
/** A size must exceed what the function occupied by this factor. */
const HEADROOM = 1.25;
/** From the end of a run to the end of what is billed, in milliseconds. */
const HANDING_OVER_MS = 5;
/** So many functions are named; the rest is `others`. */
const NAMED = 3;

/**
 * The cheapest of the sizes measured at which the recorded mix takes at most 10% longer than at the fastest, and which leaves a
 * quarter more memory than the function occupied. Each function's time at memory m is
 *     t(m) = F·((1 − s) + s·max(1, 1769 / m)),
 * F its time on a whole core and s the part of it that is computing: of the calibrated function from its own times here, of
 * the others from the CPU time that their calls took in the pool; where that isn't known, as the calibrated one's. The
 * mix's time is the mean over all calls on record, so that long calls count for more. With fewer than 20 calls on record the
 * calibrated function's own times and prices decide. Sizes without figures don't count.
 * @throws Error if no size has figures.
 */
export function choose(grounds: ChoiceGrounds): Pick<CalibrationReport, 'cpuShare' | 'recommended'> {
  const measured = grounds.sizes.filter(({ p50Ms }) => p50Ms !== undefined);
  const fit = fitMemory(measured.map(({ memoryMb, p50Ms = 0 }) => ({ memoryMb, ms: p50Ms })));
  const share = cpuShare(fit);
  const entries = recorded(grounds.mix);
  const offers = measured.map((size): Offer =>
    entries.length === 0
      ? { memoryMb: size.memoryMb, ms: size.p50Ms ?? 0, price: size.costUsdPerMillion ?? 0 }
      : mixOffer(grounds, entries, share, size.memoryMb),
  );
  const usedMb = Math.max(0, ...measured.map((size) => size.usedMb ?? 0));
  const roomy = offers.filter(({ memoryMb }) => memoryMb >= usedMb * HEADROOM);
  const largest = offers.toSorted((a, b) => b.memoryMb - a.memoryMb).slice(0, 1);
  const open = roomy.length > 0 ? roomy : largest;
  const fastest = least(open, ({ ms }) => ms);
  const fast = open.filter(({ ms }) => ms <= fastest.ms * (1 + SLOWER_BY));
  const best = least(fast, ({ price }) => price);
  const why = [
    best.memoryMb === fastest.memoryMb
      ? `the fastest for ${whose(grounds, entries)}, and nothing cheaper comes within 10% of it`
      : `the cheapest at which ${whose(grounds, entries)} takes at most 10% longer than at the fastest (${fastest.memoryMb} MB)`,
    ...(roomy.length < offers.length
      ? [`${grounds.method} itself occupied ${Math.round(usedMb)} MB, and a quarter more has to be there`]
      : []),
  ];
  return { cpuShare: share, recommended: { memoryMb: best.memoryMb, why: why.join('; ') } };
}

/** What is on record, if that is enough to go by. */
function recorded({ entries }: Mix): MixEntry[] {
  const known = entries.filter(({ calls, runMs }) => calls > 0 && runMs > 0);
  return known.reduce((sum, { calls }) => sum + calls, 0) < ENOUGH_CALLS ? [] : known;
}

function mixOffer(
  { method, mix, rate }: ChoiceGrounds,
  entries: readonly MixEntry[],
  measuredShare: number,
  memoryMb: number,
): Offer {
  let [calls, ms, price] = [0, 0, 0];
  for (const entry of entries) {
    const share = entry.method === method ? measuredShare : (entry.cpuShare ?? measuredShare);
    const wholeCoreMs = mix.place === 'pool' ? entry.runMs : entry.runMs / stretch(share, rate.memoryMb);
    const runMs = wholeCoreMs * stretch(share, memoryMb);
    const usage = { billedMs: runMs + HANDING_OVER_MS, resultBytes: 0, logBytes: 0 };
    calls += entry.calls;
    ms += entry.calls * runMs;
    price += entry.calls * callNanoUsd({ ...rate, memoryMb }, usage);
  }
  return { memoryMb, ms: ms / calls, price: price / calls };
}

/** Whose times decide, in words: `the recorded mix (1,200 calls in the cloud; of their time: resize 90%, hash 10%)`. */
function whose({ method, mix }: ChoiceGrounds, entries: readonly MixEntry[]): string {
  if (entries.length === 0) return `${method} alone (fewer than ${ENOUGH_CALLS} calls are on record)`;
  const timeMs = (entry: MixEntry): number => entry.calls * entry.runMs;
  const allMs = entries.reduce((sum, entry) => sum + timeMs(entry), 0);
  const calls = entries.reduce((sum, entry) => sum + entry.calls, 0);
  const percent = (part: number): string => `${Math.round((part / allMs) * 100)}%`;
  const sorted = entries.toSorted((a, b) => timeMs(b) - timeMs(a));
  const named = sorted.slice(0, NAMED);
  const restMs = sorted.slice(NAMED).reduce((sum, entry) => sum + timeMs(entry), 0);
  const parts = named.map((entry) => `${entry.method} ${percent(timeMs(entry))}`);
  if (restMs > 0) parts.push(`others ${percent(restMs)}`);
  const place = mix.place === 'cloud' ? 'in the cloud' : 'in the pool';
  const foreign = entries.some((entry) => entry.method === method) ? '' : `; ${method} isn't among them`;
  return `the recorded mix (${calls.toLocaleString('en')} calls ${place}; of their time: ${parts.join(', ')}${foreign})`;
}

/** The least of a list by a figure; of equals the one with the least memory. @throws Error of an empty list */
function least(offers: readonly Offer[], figure: (offer: Offer) => number): Offer {
  const [first] = offers.toSorted((a, b) => figure(a) - figure(b) || a.memoryMb - b.memoryMb);
  if (first === undefined) throw new Error('no size was measured');
  return first;
}
