/** The AWS backend: deployments, ledger, figures, behind the port. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type {
  BalancerFigures,
  CalibrationOrder,
  CalibrationProgress,
  CloudBackend,
  CloudBundle,
  CloudCall,
  CloudFigures,
  CloudListener,
  CloudOutcome,
  CloudReason,
  CloudState,
  CloudStatus,
  DeployReport,
  DestroyReport,
  PendingCloudCall,
} from '../backend.ts';
import type { CalibrationReport } from '../calibration.ts';
import { Ledger } from '../ledger.ts';
import { openLedgerStore } from '../ledger-store.ts';
import { readMetricsNanoUsd, type Rate } from '../prices.ts';
import type { ControlPlane } from './control.ts';
import { ThreadedControl } from './control-client.ts';
import { Deployments, type DeploymentsSettings } from './deployments.ts';
import { rateOf, type AwsOptions } from './desired.ts';
import { CloudFault } from './faults.ts';
import { FIGURES_READ, cachedFigures } from './figures.ts';
import { Publisher } from './publish.ts';

/** How the AWS backend is set up. */
export interface AwsCloudSettings extends Omit<AwsOptions, 'region'> {
  /** Undefined: the one of the SDK's configuration. */
  readonly region: string | undefined;
  /** auto: without credentials the cloud is off, which is no fault. */
  readonly mode: 'auto' | 'aws';
  /** The folder for the ledger. */
  readonly stateDir: string;
  /** A longer result is TooLarge, in bytes. */
  readonly maxResultBytes: number;
  /** Hears of each call that is sent. */
  readonly listener?: CloudListener | undefined;
  readonly log: Logger;
}

const NANO = 1e9;

/** Makes the backend; nothing is read or sent before deploy, destroy or figures. */
export function createAwsCloud(settings: AwsCloudSettings): CloudBackend {
  return new AwsCloud(settings);
}

class AwsCloud implements CloudBackend {
  readonly #settings: AwsCloudSettings;
  readonly #control: ControlPlane;
  readonly #deployments: Deployments;
  readonly #publisher: Publisher;
  readonly #figures: (now: number) => Promise<CloudFigures | undefined>;
  #rate: Rate;
  /** Of which deployment that is; undefined: of the settings alone. */
  #ratedBy: Deployments['live'];
  #ledger: Ledger | undefined;
  #closed: Promise<void> | undefined;

  constructor(settings: AwsCloudSettings) {
    const { mode, maxResultBytes, listener, log, region, endpoint } = settings;
    this.#settings = settings;
    this.#rate = rateOf({ ...awsOptions(settings), region: region ?? '' });
    const ledger = async (): Promise<Ledger> => (this.#ledger ??= await this.#openLedger());
    this.#control = new ThreadedControl({ region, endpoint }, (level, message, fields) => {
      log[level](fields, message);
    });
    const control = this.#control;
    this.#deployments = new Deployments({
      options: awsOptions(settings),
      mode,
      maxResultBytes,
      listener,
      control,
      ledger,
      log,
    });
    this.#publisher = new Publisher(log);
    this.#figures = cachedFigures((now) => this.#readFigures(now));
  }

  get state(): CloudState {
    const { state } = this.#deployments;
    return state === 'ready' && this.reason !== undefined ? 'degraded' : state;
  }

  get reason(): CloudReason | undefined {
    const { state, live, fault } = this.#deployments;
    if (state === 'degraded') return fault?.reason ?? 'failing';
    if (state !== 'ready' || live === undefined) return state === 'deploying' ? 'deploying' : 'off';
    if (live.monitor.reason !== undefined) return live.monitor.reason;
    const now = Date.now();
    if (this.#ledger?.affords(live.leastNano, now) === true) return undefined;
    return this.#ledger?.faultAt(now) === undefined ? 'budget spent' : 'failing';
  }

  get rate(): Rate {
    const live = this.#deployments.live;
    if (live !== undefined && live !== this.#ratedBy) {
      this.#ratedBy = live;
      this.#rate = rateOf(live.desired.options);
    }
    return this.#rate;
  }

  has(method: string): boolean {
    return this.#deployments.live?.has(method) === true;
  }

  call(call: CloudCall, answer: (outcome: CloudOutcome) => void): PendingCloudCall {
    const { live } = this.#deployments;
    const { reason } = this;
    if (reason === undefined && live !== undefined) return live.calls.call(call, answer);
    return refuse(reason ?? 'off', answer);
  }

  status(): CloudStatus {
    const { live, fault, earlierCalls } = this.#deployments;
    const { reason } = this;
    const detail = live?.monitor.detail ?? this.#ledger?.faultAt(Date.now())?.message ?? fault?.message;
    return {
      state: this.state,
      calls: earlierCalls + (live?.calls.sent ?? 0),
      inFlight: live?.calls.inFlight ?? 0,
      costTodayUsd: (this.#ledger?.usedNano(Date.now()) ?? 0) / NANO,
      budgetUsd: this.#settings.budgetUsd,
      ...(reason !== undefined && { reason }),
      ...(detail !== undefined && { detail }),
      ...(live !== undefined && { url: live.url, functionName: live.desired.names.base }),
    };
  }

  async deploy(bundle: CloudBundle, options: { readonly dryRun?: boolean } = {}): Promise<DeployReport> {
    const { dryRun = false } = options;
    return { steps: await (dryRun ? this.#deployments.plan(bundle) : this.#deployments.deploy(bundle)) };
  }

  get calibration(): CalibrationProgress | undefined {
    return this.#deployments.calibration?.progress;
  }

  calibrate(order: CalibrationOrder): Promise<CalibrationReport> {
    return this.#deployments.calibrate(order);
  }

  stopCalibration(): void {
    this.#deployments.calibration?.stop(new CloudFault('off', 'the calibration was ended by the operator'));
  }

  destroy(): Promise<DestroyReport> {
    return this.#deployments.destroy();
  }

  figures(): Promise<CloudFigures | undefined> {
    return this.#figures(Date.now());
  }

  record(sample: BalancerFigures): void {
    const { publishMetrics, pool, costAlarm } = this.#settings;
    const { live } = this.#deployments;
    if (publishMetrics !== true || live === undefined || this.#ledger === undefined) return;
    const now = Date.now();
    const costTodayUsd = this.#ledger.usedNano(now) / NANO;
    this.#publisher.record({ ...sample, costTodayUsd }, now, {
      publish: (batch) => this.#control.publish(batch),
      ledger: this.#ledger,
      prices: rateOf(live.desired.options).prices,
      pool,
      alarms: costAlarm === true ? 1 : 0,
    });
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#deployments.close();
    await this.#publisher.idle();
    await this.#ledger?.close();
  }

  async #openLedger(): Promise<Ledger> {
    const file = join(this.#settings.stateDir, 'ledger.sqlite');
    const { past, store } = await openLedgerStore(file, Date.now());
    if (past.unsettled > 0) {
      this.#settings.log.warn(
        `cloud: the end of ${past.unsettled} calls of the last run isn't known; they are charged at their worst case`,
      );
    }
    return new Ledger(Math.round(this.#settings.budgetUsd * NANO), past, store);
  }

  async #readFigures(now: number): Promise<CloudFigures | undefined> {
    const { live } = this.#deployments;
    if (live === undefined || this.#ledger === undefined) return undefined;
    const priceNano = readMetricsNanoUsd(rateOf(live.desired.options).prices, FIGURES_READ.length);
    if (!this.#ledger.charge('figures', priceNano, now)) return undefined;
    return this.#control.figures(live.desired.names.base, now);
  }
}

/** What AWS is asked for: plain data, since it goes to another thread. */
function awsOptions(settings: AwsCloudSettings): DeploymentsSettings['options'] {
  const {
    mode: _mode,
    stateDir: _stateDir,
    maxResultBytes: _maxResultBytes,
    listener: _listener,
    log: _log,
    ...options
  } = settings;
  return options;
}

/** Answers a call that isn't sent; not before its caller has the handle. */
function refuse(reason: CloudReason, answer: (outcome: CloudOutcome) => void): PendingCloudCall {
  let cancelled = false;
  queueMicrotask(() => {
    const report = { elapsedMs: 0, costUsd: 0 };
    if (!cancelled) answer({ ok: false, failure: { reason, mayHaveRun: false }, report });
  });
  return {
    cancel: () => {
      cancelled = true;
    },
  };
}
