/** The AWS backend: puts session, deployment, calls, ledger and figures together, and tries again what failed. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { LAMBDA_HANDLER, buildZip } from '../../functions/zip.ts';
import type {
  BalancerFigures,
  CloudBackend,
  CloudBundle,
  CloudCall,
  CloudFigures,
  CloudOutcome,
  CloudReason,
  CloudState,
  CloudStatus,
  DeployReport,
  DestroyReport,
  PendingCloudCall,
} from '../backend.ts';
import { Ledger } from '../ledger.ts';
import { openLedgerStore } from '../ledger-store.ts';
import { readMetricsNanoUsd } from '../prices.ts';
import { checkOptions, checkZip } from './check.ts';
import { deployAws, dryRun, type DeployOrder } from './deploy.ts';
import { desiredOf, namesOf, rateOf, type AwsOptions } from './desired.ts';
import { destroyAws } from './destroy.ts';
import { CloudFault, faultOf } from './faults.ts';
import { closeLive, openLive, waitUntilServed, type Live } from './live.ts';
import { METRICS_READ, cachedFigures, readFigures } from './metrics.ts';
import { Publisher } from './publish.ts';
import { openSession, watchCredentials, type Session } from './session.ts';

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
  readonly log: Logger;
}

type Phase = 'off' | 'deploying' | 'up' | 'failed';

const NANO = 1e9;
/** Waits between tries of a failed deployment, in milliseconds: doubled each time, less up to half at random. */
const FIRST_RETRY_MS = 5000;
const LONGEST_RETRY_MS = 300_000;
/** How long a deployment that is replaced or removed may finish its calls, in milliseconds: as long as a call can take. */
const CALLS_PATIENCE_MS = 32_000;

/** Makes the backend; nothing is read or sent before deploy, destroy or figures. */
export function createAwsCloud(settings: AwsCloudSettings): CloudBackend {
  return new AwsCloud(settings);
}

class AwsCloud implements CloudBackend {
  readonly #settings: AwsCloudSettings;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  readonly #publisher: Publisher;
  readonly #figures: (now: number) => Promise<CloudFigures | undefined>;
  #phase: Phase = 'off';
  /** Why the last deployment failed. */
  #fault: CloudFault | undefined;
  #failures = 0;
  #bundle: CloudBundle | undefined;
  #live: Live | undefined;
  #ledger: Ledger | undefined;
  #session: Session | undefined;
  #unwatch: (() => void) | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  /** Calls of deployments that were replaced. */
  #earlierCalls = 0;
  /** Deployments, removals: one after the other. */
  #operations: Promise<unknown> = Promise.resolve();
  readonly #closing = new Set<Promise<void>>();

  constructor(settings: AwsCloudSettings) {
    this.#settings = settings;
    this.#log = settings.log;
    this.#figures = cachedFigures((now) => this.#readFigures(now));
    this.#publisher = new Publisher(settings.log);
  }

  get state(): CloudState {
    if (this.#phase === 'up') return this.reason === undefined ? 'ready' : 'degraded';
    return this.#phase === 'failed' ? 'degraded' : this.#phase;
  }

  get reason(): CloudReason | undefined {
    if (this.#phase === 'failed') return this.#fault?.reason ?? 'failing';
    if (this.#phase !== 'up' || this.#live === undefined) return this.#phase === 'deploying' ? 'deploying' : 'off';
    const { monitor, leastNano } = this.#live;
    if (monitor.reason !== undefined) return monitor.reason;
    return this.#ledger?.affords(leastNano, Date.now()) === true ? undefined : 'budget spent';
  }

  call(call: CloudCall, answer: (outcome: CloudOutcome) => void): PendingCloudCall {
    const reason = this.reason;
    if (reason === undefined && this.#live !== undefined) return this.#live.calls.call(call, answer);
    let cancelled = false;
    queueMicrotask(() => {
      const failure = { reason: reason ?? 'off', mayHaveRun: false };
      if (!cancelled) answer({ ok: false, failure, report: { elapsedMs: 0, costUsd: 0 } });
    });
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  status(): CloudStatus {
    const { reason } = this;
    const detail = this.#phase === 'up' ? this.#live?.monitor.detail : this.#fault?.message;
    return {
      state: this.state,
      calls: this.#earlierCalls + (this.#live?.calls.sent ?? 0),
      inFlight: this.#live?.calls.inFlight ?? 0,
      costTodayUsd: (this.#ledger?.usedNano(Date.now()) ?? 0) / NANO,
      budgetUsd: this.#settings.budgetUsd,
      ...(reason !== undefined && { reason }),
      ...(detail !== undefined && { detail }),
      ...(this.#live !== undefined && { url: this.#live.url, functionName: this.#live.desired.names.base }),
    };
  }

  deploy(bundle: CloudBundle, options: { readonly dryRun?: boolean } = {}): Promise<DeployReport> {
    return this.#exclusive(async () => {
      if (options.dryRun === true) return { steps: await dryRun(await this.#order(bundle)) };
      this.#bundle = bundle;
      return this.#deployNow(bundle);
    });
  }

  destroy(): Promise<DestroyReport> {
    return this.#exclusive(async () => {
      this.#bundle = undefined;
      clearTimeout(this.#retryTimer);
      this.#phase = 'off';
      this.#fault = undefined;
      await this.#dropLive();
      const { region, clients } = await this.#openSession();
      const options = { ...this.#settings, region };
      const order = { clients, options, names: namesOf(options.pool, region), log: this.#log, signal: this.#abort.signal };
      return destroyAws(order);
    });
  }

  figures(): Promise<CloudFigures | undefined> {
    return this.#figures(Date.now());
  }

  record(sample: BalancerFigures): void {
    const { publishMetrics, pool, costAlarm } = this.#settings;
    if (publishMetrics !== true || !this.#session || !this.#live || !this.#ledger) return;
    const now = Date.now();
    const { prices } = rateOf(this.#live.desired.options);
    const target = { client: this.#session.clients.cloudWatch, ledger: this.#ledger, prices, pool, alarms: costAlarm === true ? 1 : 0 };
    this.#publisher.record({ ...sample, costTodayUsd: this.#ledger.usedNano(now) / NANO }, now, target);
  }

  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#phase = 'off';
    this.#unwatch?.();
    clearTimeout(this.#retryTimer);
    await this.#operations.catch(() => undefined);
    await this.#dropLive();
    await Promise.all(this.#closing);
    await this.#publisher.idle();
    await this.#ledger?.close();
    this.#session?.clients.destroy();
  }

  async #deployNow(bundle: CloudBundle): Promise<DeployReport> {
    clearTimeout(this.#retryTimer);
    this.#unwatch ??= watchCredentials(() => {
      this.#credentialsChanged();
    });
    this.#phase = 'deploying';
    try {
      const ledger = (this.#ledger ??= await this.#openLedger());
      const order = await this.#order(bundle);
      const deployed = await deployAws(order);
      const { maxResultBytes } = this.#settings;
      const live = openLive({ desired: order.desired, deployed, ledger, maxResultBytes, log: this.#log, repair: () => this.#again() });
      await waitUntilServed(live, this.#log, order.signal).catch(async (thrown: unknown) => {
        await closeLive(live, AbortSignal.abort());
        throw thrown;
      });
      await this.#dropLive(live);
      this.#phase = 'up';
      this.#fault = undefined;
      this.#failures = 0;
      this.#log.info({ url: live.url, changes: deployed.steps.length }, `cloud: ready at ${live.url}`);
      return { steps: deployed.steps };
    } catch (thrown) {
      throw this.#failed(faultOf(thrown, 'deploy'), bundle);
    }
  }

  /** Settles what a failed deployment means: off, degraded, or on with the one before. */
  #failed(fault: CloudFault, bundle: CloudBundle): CloudFault {
    this.#fault = fault;
    const unwanted = this.#settings.mode === 'auto' && this.#session === undefined && fault.reason === 'credentials expired';
    if (this.#abort.signal.aborted || unwanted) {
      this.#phase = 'off';
      this.#log.info({ reason: fault.reason }, `cloud: off: ${fault.message}`);
      return fault;
    }
    // The same bundle is still there: its own probes tell how it is.
    const usable = this.#live?.desired.code.bundleHash === bundle.hash;
    this.#phase = usable ? 'up' : 'failed';
    const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures) * (1 - Math.random() / 2);
    this.#failures += 1;
    this.#log.warn({ reason: fault.reason }, `cloud: ${fault.message} (next try in ${Math.round(waitMs / 1000)} s)`);
    if (!usable) this.#retryTimer = setTimeout(() => this.#again(), waitMs);
    return fault;
  }

  /** Deploys once more what was wanted last. What goes wrong is in the log and the status. */
  #again(): void {
    if (this.#bundle === undefined || this.#abort.signal.aborted) return;
    this.deploy(this.#bundle).catch(() => undefined);
  }

  #credentialsChanged(): void {
    this.#log.info('cloud: the AWS credentials or configuration changed');
    this.#session?.clients.destroy();
    this.#session = undefined;
    this.#failures = 0;
    if (this.#phase === 'failed' || this.#phase === 'off') this.#again();
    else this.#live?.monitor.changed();
  }

  async #order(bundle: CloudBundle): Promise<DeployOrder> {
    // What is wrong with the settings is said even where there are no credentials.
    if (this.#settings.region !== undefined) checkOptions({ ...this.#settings, region: this.#settings.region });
    const { region, clients } = await this.#openSession();
    const options: AwsOptions = { ...this.#settings, region };
    checkOptions(options);
    const zip = await buildZip(bundle);
    checkZip(zip);
    const code = { bundleHash: bundle.hash, zip: zip.bytes, zipSha256: zip.sha256 };
    return { clients, desired: desiredOf(options, code, LAMBDA_HANDLER), log: this.#log, signal: this.#abort.signal };
  }

  async #openSession(): Promise<Session> {
    const { region, endpoint } = this.#settings;
    return (this.#session ??= await openSession({ region, endpoint }));
  }

  async #openLedger(): Promise<Ledger> {
    const { past, store } = await openLedgerStore(join(this.#settings.stateDir, 'ledger.sqlite'), Date.now());
    if (past.unsettled > 0) {
      this.#log.warn({ calls: past.unsettled }, `cloud: ${past.unsettled} calls of the last run had no known end; they are charged at their worst case`);
    }
    return new Ledger(Math.round(this.#settings.budgetUsd * NANO), past, store);
  }

  async #readFigures(now: number): Promise<CloudFigures | undefined> {
    const live = this.#live;
    if (live === undefined || this.#ledger === undefined) return undefined;
    const { clients } = await this.#openSession();
    const priceNano = readMetricsNanoUsd(rateOf(live.desired.options).prices, METRICS_READ);
    if (!this.#ledger.charge('figures', priceNano, now)) return undefined;
    return readFigures(clients.cloudWatch, live.desired.names.base, now);
  }

  /** Replaces the deployment in use; the calls of the old one may end. */
  async #dropLive(next?: Live): Promise<void> {
    const old = this.#live;
    this.#live = next;
    if (old === undefined) return;
    this.#earlierCalls += old.calls.sent;
    const retired = this.#retire(old);
    // What is about to be removed must have answered first; what is replaced may answer meanwhile.
    if (next === undefined) await retired;
  }

  #retire(live: Live): Promise<void> {
    const patience = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(CALLS_PATIENCE_MS)]);
    const retired = closeLive(live, patience).finally(() => this.#closing.delete(retired));
    this.#closing.add(retired);
    return retired;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#operations.then(() => {
      if (this.#abort.signal.aborted) throw new CloudFault('off', 'the balancer is stopping');
      return work();
    });
    this.#operations = run.catch(() => undefined);
    return run;
  }
}
