/** The calls of a calibration: paid for one by one, size after size in turns, until the means are known or something ends it. */
import { failureError } from '../../functions/failure.ts';
import { readFailure } from '../../pool/protocol.ts';
import type { CalibrationOrder } from '../backend.ts';
import { billedByLambda, wantsMore, type CalibrationSample } from '../calibration.ts';
import { classify, type HandlerReport } from '../classify.ts';
import { MAX_RUN_MS, encodeEvent } from '../event.ts';
import type { Ledger, LedgerEntry } from '../ledger.ts';
import { billedMsOf } from '../pending-answer.ts';
import { callNanoUsd, worstNanoUsd, type Rate } from '../prices.ts';
import type { ControlPlane } from './control.ts';
import { rateOf, type Desired } from './desired.ts';
import { CloudFault } from './faults.ts';
import type { Invoked } from './invoke.ts';
import { pause } from '../pause.ts';

/** What the calls need. */
export interface TrialsSettings {
  readonly order: CalibrationOrder;
  readonly desired: Desired;
  readonly control: Pick<ControlPlane, 'invoke'>;
  readonly ledger: Ledger;
  /** A longer result is TooLarge, in bytes. */
  readonly maxResultBytes: number;
  /** Ends waits between calls. */
  readonly signal: AbortSignal;
}

/** One size under trial. */
export interface Trial {
  readonly memoryMb: number;
  readonly alias: string;
  readonly samples: CalibrationSample[];
  /** Why no more calls are made of it. */
  failed?: string;
}

/** After this no further round is begun but those that every size needs, in milliseconds. */
const MEASURE_MS = 120_000;
/** The first call of a size starts a process, so it takes two to know anything. */
const NEEDED_ROUNDS = 2;
/** The most that one calibration may cost, in nano-dollars: five sizes of the longest calls cost about half of it. */
const MAX_NANO = 50_000_000;
/** From a call's end to its answer, with the start of its process, in milliseconds. */
const ANSWER_MS = 20_000;
/** A version that was just published isn't known everywhere at once; a busy account refuses. */
const TRIES = 10;
const TRY_AGAIN_MS = 1000;
const NANO = 1e9;

/** Makes the calls of all sizes. */
export class Trials {
  readonly #settings: TrialsSettings;
  readonly #remainingMs: number;
  /** Calls made, failed ones included. */
  calls = 0;
  #costNano = 0;
  /** What ended it early. */
  readonly notes: string[] = [];

  constructor(settings: TrialsSettings) {
    this.#settings = settings;
    this.#remainingMs = Math.min(settings.order.timeoutMs, MAX_RUN_MS);
  }

  get costUsd(): number {
    return this.#costNano / NANO;
  }

  /** @throws CloudFault if the day's budget has no room for the calls that the sizes need. */
  checkBudget(sizesMb: readonly number[]): void {
    const worst = sizesMb.reduce((sum, memoryMb) => sum + NEEDED_ROUNDS * this.#worstNano(memoryMb), 0);
    if (this.#settings.ledger.affords(worst, Date.now())) return;
    throw new CloudFault(
      'budget spent',
      `calls of all sizes could cost $${(worst / NANO).toFixed(4)}, and less than that is left of the day's budget ` +
        '(SPILLWAY_CLOUD_BUDGET_USD); name fewer or smaller sizes, or wait for the next UTC day',
    );
  }

  /** The first call of all, so that params that don't fit are told at once. @throws as run */
  async first(trial: Trial): Promise<void> {
    await this.#call(trial);
  }

  /**
   * Calls each size once a round; what is known well enough, or failed, takes no more part.
   * @param told hears of each round, counted from 1
   * @throws CloudFault with the function's own failure, or why calls can't be made
   */
  async run(trials: readonly Trial[], told: (round: number) => void): Promise<void> {
    const startedAt = performance.now();
    for (let round = 1; ; round++) {
      const open = trials.filter(({ failed, samples }) => failed === undefined && wantsMore(samples));
      if (open.length === 0) return;
      if (round > NEEDED_ROUNDS && performance.now() - startedAt >= MEASURE_MS) {
        this.notes.push(
          `stopped after ${MEASURE_MS / 1000} s of calls; the figures are of fewer calls than usual`,
        );
        return;
      }
      told(round);
      for (const trial of open) {
        if (!(await this.#call(trial))) return;
      }
    }
  }

  /** One call; false if there is no money for it. */
  async #call(trial: Trial): Promise<boolean> {
    const { order, signal } = this.#settings;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const entry = await this.#enter(trial.memoryMb);
      if (entry === undefined) return false;
      const invoked = await this.#invoke(trial, entry);
      if (!invoked.ok) {
        this.#settle(entry, invoked.ran ? undefined : 0);
        if (!invoked.again || attempt >= TRIES) throw new CloudFault('failing', invoked.message);
        await pause(TRY_AGAIN_MS, signal);
        continue;
      }
      this.calls += 1;
      if (invoked.crashed) {
        this.#settle(entry, undefined);
        trial.failed = crashed(order.spec.name, invoked.payload);
      } else this.#read(trial, entry, invoked);
      return true;
    }
  }

  async #invoke(trial: Trial, entry: LedgerEntry): Promise<Invoked> {
    const { order, desired, control, maxResultBytes } = this.#settings;
    const head = {
      method: order.spec.name,
      callId: `calibrate-${this.calls + 1}`,
      bundle: desired.code.bundleHash,
      maxResultBytes,
      remainingMs: this.#remainingMs,
    };
    try {
      return await control.invoke({
        functionName: desired.names.twin,
        alias: trial.alias,
        event: JSON.stringify({ body: encodeEvent(head, order.params), isBase64Encoded: false }),
        timeoutMs: this.#remainingMs + ANSWER_MS,
      });
    } catch (thrown) {
      this.#settle(entry, undefined);
      throw thrown;
    }
  }

  /** Takes what the handler said. */
  #read(trial: Trial, entry: LedgerEntry, invoked: Invoked & { ok: true }): void {
    const { order, maxResultBytes } = this.#settings;
    const verdict = classify({ ok: true, ...answerOf(invoked.payload) });
    if (verdict.from === 'gateway') {
      this.#settle(entry, undefined);
      throw new CloudFault('failing', `the copy of the function answered ${verdict.refusal.detail}`);
    }
    const { report, body, outcome } = verdict;
    const billedMs = billedByLambda(invoked.log) ?? billedMsOf(report) ?? this.#remainingMs;
    const usage = { billedMs, resultBytes: body.length, logBytes: report.logBytes ?? 0 };
    this.#settle(entry, callNanoUsd(this.#directRate(trial.memoryMb), usage));
    if (outcome === 'result') {
      trial.samples.push(sampleOf(report, billedMs, callNanoUsd(this.#rate(trial.memoryMb), usage)));
      return;
    }
    const failure = readFailure(body);
    const late = (report.runMs ?? 0) >= this.#remainingMs;
    if (late) trial.failed = `a call didn't end within ${this.#remainingMs} ms`;
    else if (failure === undefined) throw new CloudFault('wrong bundle', `the copy answered ${outcome}`);
    else {
      const { message, code, data } = failureError(failure, order.spec.name, maxResultBytes);
      const more = data === undefined ? '' : ` ${JSON.stringify(data)}`;
      throw new CloudFault('failing', `${order.spec.name} failed: ${message} (${code})${more}`);
    }
  }

  /** Enters a call's worst case; undefined if there is no money, which is noted. @throws CloudFault if it can't be kept */
  async #enter(memoryMb: number): Promise<LedgerEntry | undefined> {
    const worst = this.#worstNano(memoryMb);
    if (this.#costNano + worst > MAX_NANO) {
      this.notes.push(`stopped at $${this.costUsd.toFixed(4)}: one calibration may cost $${MAX_NANO / NANO}`);
      return undefined;
    }
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const entry = this.#settings.ledger.enter('calibrate', worst, Date.now(), (error) => {
      if (error === undefined) resolve(undefined);
      else reject(new CloudFault('failing', `the ledger can't be written: ${error.message}`));
    });
    if (entry === undefined) this.notes.push("stopped: the day's budget is used up");
    else await promise;
    return entry;
  }

  #settle(entry: LedgerEntry, costNano: number | undefined): void {
    this.#costNano += this.#settings.ledger.settle(entry, costNano, Date.now());
  }

  #worstNano(memoryMb: number): number {
    return worstNanoUsd(this.#directRate(memoryMb), this.#remainingMs);
  }

  /** What such a call costs through the gateway, as calls come. */
  #rate(memoryMb: number): Rate {
    return { ...rateOf(this.#settings.desired.options), memoryMb };
  }

  /** What these calls cost, which go past the gateway. */
  #directRate(memoryMb: number): Rate {
    const rate = this.#rate(memoryMb);
    return { ...rate, prices: { ...rate.prices, gatewayMillionRequestsUsd: 0 } };
  }
}

const MILLION = 1e6;

function sampleOf(report: HandlerReport, billedMs: number, costNano: number): CalibrationSample {
  return {
    runMs: report.runMs ?? 0,
    initMs: report.initMs,
    billedMs,
    usedMb: report.memoryMb,
    millionUsd: (costNano / NANO) * MILLION,
  };
}

/** The handler's answer as the gateway would pass it on. */
function answerOf(payload: string): { status: number; headers: Record<string, string>; body: Buffer } {
  try {
    const { statusCode, headers, body } = JSON.parse(payload) as {
      statusCode?: number;
      headers?: Record<string, string>;
      body?: string;
    };
    return { status: statusCode ?? 502, headers: headers ?? {}, body: Buffer.from(body ?? '') };
  } catch {
    return { status: 502, headers: {}, body: Buffer.from(payload) };
  }
}

/** Lambda's words for a process that ended under a call. */
function crashed(method: string, payload: string): string {
  try {
    const { errorMessage } = JSON.parse(payload) as { errorMessage?: string };
    return `${method} ended its process there: ${errorMessage?.split('\n', 1)[0] ?? payload.slice(0, 200)}`;
  } catch {
    return `${method} ended its process there: ${payload.slice(0, 200)}`;
  }
}
