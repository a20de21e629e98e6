/** The cloud as the balancer holds it: opened after the local start, deployed in the background, sampled, closed. A part of the composition root. */
import { readFileSync } from 'node:fs';
import type { AwsCloudSettings } from './cloud/aws/cloud.ts';
import type {
  BalancerFigures,
  CalibrationOrder,
  CalibrationProgress,
  CloudBackend,
  CloudBundle,
  CloudFigures,
  CloudListener,
  CloudReason,
  CloudStatus,
  DeployReport,
  DestroyReport,
} from './cloud/backend.ts';
import type { CalibrationReport } from './cloud/calibration.ts';
import { fitsEvent } from './cloud/event.ts';
import { parsePrices } from './cloud/prices.ts';
import type { Config } from './config.ts';
import type { Logger } from './log.ts';
import { messageOf } from './message-of.ts';
import { cloudBundle, type ServedBundle } from './served-bundle.ts';

/** How often the balancer's own figures are sampled, in milliseconds; they are sent by the minute. */
const SAMPLE_MS = 10_000;

/** What opening the cloud needs. */
export interface CloudParts {
  readonly bundle: ServedBundle;
  readonly pool: string;
  readonly stateDir: string;
  /** The balancer's figures; called on a timer if they are to be published. `offloaded` counts from the start. */
  readonly figures: () => BalancerFigures;
  /** Hears of each call that is sent. */
  readonly listener: CloudListener;
}

/** One cloud, or none. What an operator may do with it rejects with an Error of one line. */
export class CloudLink {
  readonly #config: Config;
  readonly #log: Logger;
  #backend: CloudBackend | undefined;
  #bundle: CloudBundle | undefined;
  #fault: string | undefined;
  /** An operator has removed what was deployed: nothing is, until one deploys again. */
  #destroyed = false;
  #sampler: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#log = log;
  }

  /** Why no calls are taken; undefined while they are. */
  get reason(): CloudReason | undefined {
    return this.#backend === undefined ? 'off' : this.#backend.reason;
  }

  /**
   * Opens the cloud, unless it is off, and begins to deploy. Whatever is wrong with it is logged in one line, and never
   * harms the pool.
   * @returns the backend as soon as calls may be offered to it; undefined if there is none.
   */
  async open(parts: CloudParts): Promise<CloudBackend | undefined> {
    if (this.#config.cloud === 'off') return undefined;
    this.#bundle = cloudBundle(parts.bundle);
    try {
      // Loaded only where it is wanted, and after the local start.
      const { createAwsCloud } = await import('./cloud/aws/cloud.ts');
      if (this.#closed) return undefined;
      this.#backend = createAwsCloud(this.#settings(parts));
    } catch (error) {
      this.#fault = messageOf(error);
      this.#log.error(`cloud: off: ${this.#fault}`);
      return undefined;
    }
    // The backend logs how it goes, and tries again by itself.
    this.#backend.deploy(this.#bundle).catch(() => undefined);
    if (this.#config.publishMetrics) this.#sample(parts.figures);
    return this.#backend;
  }

  /** Deploys the bundle, or only says what that would do. */
  async deploy({ dryRun = false } = {}): Promise<DeployReport> {
    const backend = this.#opened();
    if (this.#bundle === undefined) throw new Error('there is no bundle yet');
    if (!dryRun) this.#destroyed = false;
    return await backend.deploy(this.#bundle, { dryRun });
  }

  /** Measures a function at several sizes of memory. @throws Error for a call that may not leave: then it doesn't for this either */
  async calibrate(order: CalibrationOrder): Promise<CalibrationReport> {
    const { spec, params } = order;
    if (!spec.offload) throw new Error(`${spec.name} stays here: its spec says offload: false`);
    if (!fitsEvent(params)) throw new Error('the params are too large for the cloud: such calls stay here');
    return await this.#opened().calibrate(order);
  }

  /** What the calibration under way is doing; undefined while there is none. */
  get calibration(): CalibrationProgress | undefined {
    return this.#backend?.calibration;
  }

  /** Ends the calibration under way, if there is one. */
  stopCalibration(): void {
    this.#backend?.stopCalibration();
  }

  /** Removes everything that deploy made, and deploys nothing by itself any more. */
  async destroy(): Promise<DestroyReport> {
    const backend = this.#opened();
    this.#destroyed = true;
    return await backend.destroy();
  }

  /** The pool has changed over to another bundle: deploys it, unless what was deployed has been removed. */
  async useBundle(bundle: ServedBundle): Promise<void> {
    this.#bundle = cloudBundle(bundle);
    if (this.#destroyed) return;
    await this.#backend?.deploy(this.#bundle);
  }

  status(): CloudStatus {
    if (this.#backend !== undefined) return this.#backend.status();
    const { cloudBudgetUsd: budgetUsd } = this.#config;
    const off = { state: 'off', reason: 'off', calls: 0, inFlight: 0, costTodayUsd: 0, budgetUsd } as const;
    return this.#fault === undefined ? off : { ...off, reason: 'bad settings', detail: this.#fault };
  }

  /** The vendor's own figures; undefined where there are none. */
  async figures(): Promise<CloudFigures | undefined> {
    return await this.#backend?.figures();
  }

  /** Ends what is under way; removes nothing in the cloud. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sampler);
    await this.#backend?.close();
  }

  #opened(): CloudBackend {
    if (this.#backend !== undefined) return this.#backend;
    throw new Error(
      this.#fault === undefined ? 'the cloud is off (SPILLWAY_CLOUD)' : `the cloud is off: ${this.#fault}`,
    );
  }

  #sample(figures: () => BalancerFigures): void {
    let before = 0;
    this.#sampler = setInterval(() => {
      const now = figures();
      this.#backend?.record({ ...now, offloaded: now.offloaded - before });
      before = now.offloaded;
    }, SAMPLE_MS);
  }

  #settings({ bundle, pool, stateDir, listener }: CloudParts): AwsCloudSettings {
    const config = this.#config;
    return {
      mode: config.cloud === 'aws' ? 'aws' : 'auto',
      pool,
      region: config.awsRegion,
      endpoint: config.awsEndpointUrl,
      gatewayUrl: config.gatewayUrl,
      roleArn: config.lambdaRoleArn,
      memoryMb: config.lambdaMemoryMb,
      architecture: config.lambdaArchitecture,
      budgetUsd: config.cloudBudgetUsd,
      functionEnv: bundle.env,
      prices: config.pricesFile === undefined ? undefined : readPrices(config.pricesFile),
      publishMetrics: config.publishMetrics,
      costAlarm: config.costAlarm,
      stateDir,
      maxResultBytes: config.maxBodyBytes,
      listener,
      log: this.#log,
    };
  }
}

function readPrices(file: string): ReturnType<typeof parsePrices> {
  try {
    return parsePrices(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = messageOf(error).replaceAll(/\s*\n\s*/g, '; ');
    throw new Error(`SPILLWAY_PRICES is ${JSON.stringify(file)}, which can't be used: ${reason}`, {
      cause: error,
    });
  }
}
