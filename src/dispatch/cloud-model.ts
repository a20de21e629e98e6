/** What the cloud adds to a run: the way there, a cold start, a refusal, a price. One for all functions. Pure. */
import { callNanoUsd, type Rate } from '../cloud/prices.ts';
import { CloudLimit } from './cloud-limit.ts';
import { SharedSpeed } from './cloud-speed.ts';
import { Decaying } from './estimates.ts';
import { WarmInstances } from './warm-instances.ts';

/**
 * What is taken before the first answer, in milliseconds: a gateway in a region some hundred kilometres away, and a Node
 * function of a few hundred kilobytes. The first measurement takes their place.
 */
export const PRIOR_ROUND_TRIP_MS = 80;
const PRIOR_COLD_START_MS = 500;

const NANO = 1e9;

/** How wrong these may be, in milliseconds: a region across an ocean, a large bundle. */
const UNMEASURED_ROUND_TRIP_SPREAD_MS = 200;
const UNMEASURED_COLD_START_SPREAD_MS = 2000;

/** Where the price of a call is looked up: it may only be known exactly once the cloud is there. */
export interface PriceList {
  readonly rate: Rate;
}

/** A call that is under way in the cloud. */
export interface SentCall {
  readonly inFlightBefore: number;
  readonly idleMs: number | undefined;
  /** When its answer was to be expected, but for a cold start. */
  readonly dueAt: number;
}

/** What an answer tells. Times in milliseconds; absent fields: the handler didn't say. */
export interface CloudAnswer {
  readonly elapsedMs: number;
  readonly runMs?: number | undefined;
  readonly coldStart?: boolean | undefined;
}

/** What a call sent now would meet. Times in milliseconds. */
export interface CloudOutlook {
  readonly roundTripMs: number;
  /** The mean deviation of the round trip. */
  readonly roundTripSpreadMs: number;
  /** What a cold start adds. */
  readonly coldStartMs: number;
  /** Its mean deviation; much while none was measured. */
  readonly coldStartSpreadMs: number;
  readonly coldChance: number;
  readonly throttleChance: number;
  /** Instances that are being started. */
  readonly starting: number;
}

/**
 * The round trip is the decaying mean of elapsed − run over warm calls, a cold start the decaying mean of elapsed − run −
 * round trip over cold ones; where the oldest cold start under way has lasted longer already, that. The chance of each is in warm-instances.ts and cloud-limit.ts.
 */
export class CloudModel {
  readonly speed: SharedSpeed;
  readonly #prices: PriceList;
  readonly #roundTripMs = new Decaying();
  readonly #coldStartMs = new Decaying();
  readonly #warm = new WarmInstances();
  readonly #limit = new CloudLimit();
  #inFlight = 0;
  /** The calls that start an instance, oldest first. */
  readonly #starting = new Set<SentCall>();

  /** @param prices what is paid for a call; the memory also tells the share of a core (cloud-speed.ts) */
  constructor(prices: PriceList) {
    this.#prices = prices;
    this.speed = new SharedSpeed(prices.rate.memoryMb);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls it takes at once; Infinity while no refusal was met. */
  get limit(): number {
    return this.#limit.calls;
  }

  /** What a call sent now would meet. */
  outlook(nowMs: number): CloudOutlook {
    const [oldest] = this.#starting;
    const overdueMs = oldest === undefined ? 0 : nowMs - oldest.dueAt;
    return {
      roundTripMs: this.#roundTrip(),
      roundTripSpreadMs:
        this.#roundTripMs.count === 0 ? UNMEASURED_ROUND_TRIP_SPREAD_MS : this.#roundTripMs.spread,
      coldStartMs: Math.max(
        this.#coldStartMs.count === 0 ? PRIOR_COLD_START_MS : this.#coldStartMs.mean,
        overdueMs,
      ),
      coldStartSpreadMs:
        this.#coldStartMs.count === 0 ? UNMEASURED_COLD_START_SPREAD_MS : this.#coldStartMs.spread,
      coldChance: this.#warm.coldChance(nowMs),
      throttleChance: this.#limit.throttleChance(this.#inFlight, nowMs),
      starting: this.#starting.size,
    };
  }

  /** What a call that runs for `runMs` there costs, in US dollars, with a small answer and log. */
  costUsd(runMs: number): number {
    return callNanoUsd(this.#prices.rate, { billedMs: runMs, resultBytes: 0, logBytes: 0 }) / NANO;
  }

  /** A call is sent, of which `warmMs` is expected if a warm instance takes it. */
  sent(warmMs: number, nowMs: number): SentCall {
    const dueAt = nowMs + warmMs;
    const sent = { inFlightBefore: this.#inFlight, idleMs: this.#warm.sent(nowMs), dueAt };
    this.#inFlight += 1;
    if (sent.idleMs === undefined) this.#starting.add(sent);
    return sent;
  }

  /** It was answered by the function. */
  answered(sent: SentCall, { elapsedMs, runMs, coldStart }: CloudAnswer, nowMs: number): void {
    this.#over(sent);
    this.#limit.taken(sent.inFlightBefore);
    this.#warm.answered(sent.idleMs, coldStart === true, nowMs);
    if (runMs === undefined || coldStart === undefined) return;
    const overheadMs = Math.max(0, elapsedMs - runMs);
    if (coldStart) this.#coldStartMs.observe(Math.max(0, overheadMs - this.#roundTrip()));
    else this.#roundTripMs.observe(overheadMs);
  }

  /** It was refused since too many were under way. */
  throttled(sent: SentCall, nowMs: number): void {
    this.#over(sent);
    this.#limit.refused(sent.inFlightBefore, nowMs);
    if (sent.idleMs !== undefined) this.#warm.answered(undefined, false, nowMs - sent.idleMs);
  }

  /** It failed for another reason, or nobody knows its end. */
  failed(sent: SentCall): void {
    this.#over(sent);
  }

  #roundTrip(): number {
    return this.#roundTripMs.count === 0 ? PRIOR_ROUND_TRIP_MS : this.#roundTripMs.mean;
  }

  #over(sent: SentCall): void {
    this.#inFlight -= 1;
    this.#starting.delete(sent);
  }
}
