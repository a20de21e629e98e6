/** One calibration from beginning to end: a copy of the function, its sizes, their calls, and nothing left of it. */
import type { Logger } from 'pino';
import type { CalibrationOrder, CalibrationProgress } from '../backend.ts';
import { sizeFigures, type CalibrationReport } from '../calibration.ts';
import type { Ledger } from '../ledger.ts';
import { choose } from '../memory-choice.ts';
import type { ControlPlane } from './control.ts';
import { rateOf, type Desired } from './desired.ts';
import { CloudFault, faultOf } from './faults.ts';
import { Trials, type Trial } from './trials.ts';

/** What a calibration works with. */
export interface CalibrationSettings {
  readonly order: CalibrationOrder;
  /** The deployment in use. */
  readonly desired: Desired;
  readonly control: Pick<ControlPlane, 'createTwin' | 'publishTwin' | 'invoke' | 'removeTwin'>;
  readonly ledger: Ledger;
  /** A longer result is TooLarge, in bytes. */
  readonly maxResultBytes: number;
  readonly log: Logger;
}

/** A calibration, which somebody may end. */
export class Calibration {
  readonly #abort = new AbortController();
  #ended: Promise<void> = Promise.resolve();
  #progress: CalibrationProgress = { text: 'waiting for its turn', calls: 0 };

  /** What it is doing. */
  get progress(): CalibrationProgress {
    return this.#progress;
  }

  /** Settles once nothing of it is left, as far as could be seen to. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Ends it; what it has made is removed. */
  stop(why: CloudFault): void {
    this.#abort.abort(why);
  }

  /** Runs it; once. @throws CloudFault */
  run(settings: CalibrationSettings): Promise<CalibrationReport> {
    const report = this.#run(settings);
    this.#ended = report.then(
      () => undefined,
      () => undefined,
    );
    return report;
  }

  async #run(settings: CalibrationSettings): Promise<CalibrationReport> {
    const { order, desired, log } = settings;
    const { signal } = this.#abort;
    const trials = new Trials({ ...settings, signal });
    const sizesMb = [...new Set([...order.sizesMb, desired.options.memoryMb])].toSorted((a, b) => a - b);
    trials.checkBudget(sizesMb);
    let report: CalibrationReport;
    try {
      signal.throwIfAborted();
      report = await this.#measure(settings, trials, sizesMb);
    } catch (thrown) {
      await this.#remove(settings);
      const fault = faultOf(thrown, 'calibrate');
      log.warn(
        { calls: trials.calls, costUsd: trials.costUsd },
        `cloud: calibration ended: ${fault.message}`,
      );
      throw fault;
    }
    const left = await this.#remove(settings);
    const { calls, costUsd, recommended } = report;
    log.info({ calls, costUsd }, `cloud: calibrated by ${order.spec.name}: ${recommended.memoryMb} MB`);
    return left === undefined ? report : { ...report, notes: [...report.notes, left] };
  }

  async #measure(
    { order, desired, control }: CalibrationSettings,
    trials: Trials,
    sizesMb: readonly number[],
  ): Promise<CalibrationReport> {
    const method = order.spec.name;
    this.#tell('making a copy of the function', trials);
    await this.#unless(control.createTwin(desired));
    const under: Trial[] = [];
    const refused = new Map<number, string>();
    const presentMb = desired.options.memoryMb;
    for (const memoryMb of [presentMb, ...sizesMb.filter((one) => one !== presentMb)]) {
      this.#tell(`publishing it with ${memoryMb} MB`, trials);
      const size = await this.#unless(control.publishTwin(desired, memoryMb));
      if ('refused' in size) refused.set(memoryMb, size.refused);
      else {
        const trial: Trial = { memoryMb, alias: size.alias, samples: [] };
        if (under.push(trial) === 1) await this.#unless(trials.first(trial));
      }
    }
    await this.#unless(
      trials.run(under, (round) => this.#tell(`calling ${method} at each size, round ${round}`, trials)),
    );
    const sizes = sizesMb.map((memoryMb) => {
      const trial = under.find((one) => one.memoryMb === memoryMb);
      return sizeFigures(memoryMb, trial?.samples ?? [], trial?.failed ?? refused.get(memoryMb));
    });
    if (sizes.every(({ skipped }) => skipped !== undefined)) {
      const why = [...new Set([...trials.notes, ...sizes.map(({ skipped }) => skipped)])].join('; ');
      throw new CloudFault('failing', `no size could be measured: ${why}`);
    }
    const rate = rateOf(desired.options);
    return {
      method,
      presentMb: rate.memoryMb,
      sizes,
      ...choose({ method, sizes, mix: order.mix, rate }),
      calls: trials.calls,
      costUsd: trials.costUsd,
      notes: trials.notes,
    };
  }

  /** @returns why the copy is left, if it is */
  async #remove({ control, desired, log }: CalibrationSettings): Promise<string | undefined> {
    this.#progress = { ...this.#progress, text: 'removing the copy' };
    try {
      await control.removeTwin(desired.options);
      return undefined;
    } catch (thrown) {
      const { message } = faultOf(thrown, 'remove the copy');
      log.warn(`cloud: ${message}`);
      return message;
    }
  }

  #tell(text: string, { calls }: Trials): void {
    this.#progress = { text, calls };
  }

  /** What is under way in the other thread is left to itself when it is to end: its removal waits for it there. */
  async #unless<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#abort;
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => {
      stopped.reject(signal.reason as CloudFault);
    };
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    try {
      return await Promise.race([work, stopped.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
      // Nobody may be waiting for the one that lost.
      work.catch(() => undefined);
    }
  }
}
