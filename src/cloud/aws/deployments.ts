/** Which deployment is in use: makes, replaces and removes it, one operation after the other, and tries again what failed. */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { CalibrationOrder, CloudBundle, CloudListener, CloudState, DestroyReport } from '../backend.ts';
import type { CalibrationReport } from '../calibration.ts';
import type { Ledger } from '../ledger.ts';
import { backoffMs, within } from '../pause.ts';
import { Calibration } from './calibration.ts';
import { checkOptions } from './check.ts';
import type { ControlPlane } from './control.ts';
import { watchCredentials } from './credentials-files.ts';
import type { AwsOptions, Desired } from './desired.ts';
import { desiredFor } from './desired-for.ts';
import { CloudFault, faultOf, notReady, overtaken, stopping } from './faults.ts';
import { closeLive, openLive, waitUntilServed, type Live } from './live.ts';

/** What deployments are made with. */
export interface DeploymentsSettings {
  /** Everything but the region, which may only stand in the SDK's configuration. */
  readonly options: Omit<AwsOptions, 'region'> & { readonly region: string | undefined };
  /** auto: without credentials the cloud is off, which is no fault. */
  readonly mode: 'auto' | 'aws';
  /** A longer result is TooLarge, in bytes. */
  readonly maxResultBytes: number;
  readonly listener?: CloudListener | undefined;
  /** Asks AWS; closed along with the deployments. */
  readonly control: ControlPlane;
  /** Opens the ledger, the first time. */
  readonly ledger: () => Promise<Ledger>;
  readonly log: Logger;
}

/** Waits between tries of a failed deployment, in milliseconds. */
const FIRST_RETRY_MS = 5000;
const LONGEST_RETRY_MS = 300_000;
/** How long a deployment that is replaced or removed may finish its calls, in milliseconds: as long as a call can take. */
const CALLS_PATIENCE_MS = 32_000;
/**
 * How long a calibration that is ended by the stop may take to remove its copy, in milliseconds; seen: under a second. What is
 * left then, the next deployment removes.
 */
const CLEAN_UP_MS = 3000;

/** The deployments of one pool, of which at most one is in use. */
export class Deployments {
  readonly #settings: DeploymentsSettings;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  /** Rejects when closing: the SDK doesn't leave its own waits before it tries again. */
  readonly #stopped = Promise.withResolvers<never>();
  #state: CloudState = 'off';
  #fault: CloudFault | undefined;
  #failures = 0;
  /** What was to be deployed last. */
  #bundle: CloudBundle | undefined;
  #live: Live | undefined;
  #unwatch: (() => void) | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #earlierCalls = 0;
  #operations: Promise<unknown> = Promise.resolve();
  readonly #retiring = new Set<Promise<void>>();
  #calibration: Calibration | undefined;
  #repairing = false;
  /** Whether there ever was one in use. */
  #served = false;

  constructor(settings: DeploymentsSettings) {
    this.#settings = settings;
    this.#log = settings.log;
    // Nobody may be waiting when it rejects.
    this.#stopped.promise.catch(() => undefined);
  }

  /** ready: there is one in use, which may itself be ill. degraded: there is none, since the last try failed. */
  get state(): CloudState {
    return this.#state;
  }

  /** Why the last try failed; undefined if it didn't. */
  get fault(): CloudFault | undefined {
    return this.#fault;
  }

  /** The one in use, in the states ready and deploying. */
  get live(): Live | undefined {
    return this.#live;
  }

  /** Calls sent by deployments that are no longer in use. */
  get earlierCalls(): number {
    return this.#earlierCalls;
  }

  /** The calibration under way. */
  get calibration(): Calibration | undefined {
    return this.#calibration;
  }

  /** What a deployment of the bundle would do. @throws CloudFault */
  plan(bundle: CloudBundle): Promise<readonly string[]> {
    return this.#exclusive(async () => this.#settings.control.plan(await this.#desired(bundle)));
  }

  /** Deploys the bundle, or finds that it is; returns what was done. @throws CloudFault after settling when to try again. */
  deploy(bundle: CloudBundle): Promise<readonly string[]> {
    return this.#put(bundle, false);
  }

  /** @param repairs whether one in use is looked at because its probes fail: they go on telling where nothing is amiss */
  #put(bundle: CloudBundle, repairs: boolean): Promise<readonly string[]> {
    this.#bundle = bundle;
    this.#calibration?.stop(overtaken('a deployment'));
    return this.#exclusive(async () => {
      try {
        return await this.#deploy(bundle, repairs);
      } catch (thrown) {
        throw await this.#failed(faultOf(thrown, 'deploy'), bundle);
      }
    });
  }

  /** Takes what is in use out of use, and everything away. @throws CloudFault */
  destroy(): Promise<DestroyReport> {
    this.#bundle = undefined;
    clearTimeout(this.#retryTimer);
    this.#calibration?.stop(overtaken('a removal'));
    return this.#exclusive(async () => {
      this.#state = 'off';
      this.#fault = undefined;
      await this.#use(undefined);
      const { options, control } = this.#settings;
      return control.destroy({ ...options, region: await control.region() });
    });
  }

  /** As CloudBackend.calibrate. @throws CloudFault */
  async calibrate(order: CalibrationOrder): Promise<CalibrationReport> {
    const { control, maxResultBytes } = this.#settings;
    if (this.#calibration !== undefined) {
      throw new CloudFault('failing', 'a calibration is under way already; try again when it has ended');
    }
    if (this.#state !== 'ready') throw notReady(this.#state, this.#fault);
    const calibration = (this.#calibration = new Calibration());
    const run = this.#exclusive(async () => {
      const live = this.#live;
      if (live === undefined) throw notReady(this.#state, this.#fault);
      const ledger = await this.#settings.ledger();
      const { desired } = live;
      return calibration.run({ order, desired, control, ledger, maxResultBytes, log: this.#log });
    });
    try {
      return await run;
    } finally {
      this.#calibration = undefined;
    }
  }

  /** Ends the one in use, its calls at once, and whatever is under way. */
  async close(): Promise<void> {
    this.#abort.abort(stopping());
    this.#stopped.reject(stopping());
    this.#state = 'off';
    this.#unwatch?.();
    clearTimeout(this.#retryTimer);
    const calibration = this.#calibration;
    calibration?.stop(stopping());
    await within(CLEAN_UP_MS, calibration?.ended);
    await this.#settings.control.close();
    await this.#operations;
    await this.#use(undefined);
    await Promise.all(this.#retiring);
  }

  async #deploy(bundle: CloudBundle, repairs: boolean): Promise<readonly string[]> {
    clearTimeout(this.#retryTimer);
    this.#unwatch ??= watchCredentials(() => void this.#credentialsChanged());
    this.#state = 'deploying';
    const desired = await this.#desired(bundle);
    // Not before: where there are no credentials there is nothing to keep books on.
    const ledger = await this.#settings.ledger();
    const deployed = await this.#settings.control.deploy(desired);
    if (repairs && deployed.steps.length === 0 && this.#live?.apiKey === deployed.apiKey) {
      this.#state = 'ready';
      this.#fault = undefined;
      return [];
    }
    const live = openLive({
      bundle,
      desired,
      deployed,
      ledger,
      maxResultBytes: this.#settings.maxResultBytes,
      listener: this.#settings.listener,
      log: this.#log,
      repair: () => void this.#repair(),
    });
    try {
      await waitUntilServed(live, this.#log, this.#abort.signal);
      this.#abort.signal.throwIfAborted();
    } catch (thrown) {
      await closeLive(live, AbortSignal.abort());
      throw thrown;
    }
    await this.#use(live);
    this.#state = 'ready';
    this.#fault = undefined;
    this.#served = true;
    this.#failures = 0;
    this.#log.info({ url: live.url, changes: deployed.steps.length }, `cloud: ready at ${live.url}`);
    return deployed.steps;
  }

  /** What a failed deployment means: off, or on with the one before, or none until the next try. */
  async #failed(fault: CloudFault, bundle: CloudBundle): Promise<CloudFault> {
    this.#fault = fault;
    // Credentials that have been there may come back by themselves; calls do without, they have a key.
    const unwanted = this.#settings.mode === 'auto' && fault.noCredentials && !this.#served;
    if (this.#abort.signal.aborted || unwanted) {
      this.#state = 'off';
      this.#log.info(`cloud: off: ${fault.message}`);
    } else if (this.#serves(bundle)) {
      // Its own probes tell how it is, and ask for the next try.
      this.#state = 'ready';
      this.#log.warn({ reason: fault.reason }, `cloud: ${fault.message}`);
    } else {
      await this.#use(undefined);
      this.#state = 'degraded';
      const waitMs = backoffMs(this.#failures, FIRST_RETRY_MS, LONGEST_RETRY_MS);
      this.#failures += 1;
      this.#retryTimer = setTimeout(() => this.#again(), waitMs);
      const next = `next try in ${Math.ceil(waitMs / 1000)} s`;
      this.#log.warn({ reason: fault.reason }, `cloud: ${fault.message} (${next})`);
    }
    return fault;
  }

  /** Deploys once more what was wanted last. What goes wrong is in the log and the status. */
  #again(): void {
    if (this.#bundle === undefined || this.#abort.signal.aborted) return;
    this.deploy(this.#bundle).catch(() => undefined);
  }

  /** One at a time: a repair takes longer than a probe. */
  async #repair(): Promise<void> {
    if (this.#repairing || this.#bundle === undefined || this.#abort.signal.aborted) return;
    this.#repairing = true;
    await this.#put(this.#bundle, true).catch(() => undefined);
    this.#repairing = false;
  }

  async #credentialsChanged(): Promise<void> {
    this.#log.info('cloud: the AWS credentials or configuration changed');
    await this.#settings.control.forget().catch(() => undefined);
    this.#failures = 0;
    if (this.#state === 'degraded' || this.#state === 'off') this.#again();
    else this.#live?.monitor.changed();
  }

  /** What the bundle and the settings ask for. */
  async #desired(bundle: CloudBundle): Promise<Desired> {
    const { control, log } = this.#settings;
    const options = { ...this.#settings.options, functionEnv: this.#variablesOf(bundle) };
    // What is wrong with the settings is said even where there are no credentials.
    if (options.region !== undefined) checkOptions({ ...options, region: options.region });
    return desiredFor({ ...options, region: await control.region() }, bundle, log);
  }

  #variablesOf({ env }: CloudBundle): AwsOptions['functionEnv'] {
    return env ?? this.#settings.options.functionEnv;
  }

  /** Whether the one in use is what this bundle asks for. */
  #serves(bundle: CloudBundle): boolean {
    const desired = this.#live?.desired;
    if (desired?.code.bundleHash !== bundle.hash) return false;
    return isDeepStrictEqual(desired.options.functionEnv, this.#variablesOf(bundle));
  }

  /** Puts a deployment in the place of the one before. That may finish its calls meanwhile; or first, if there is none after it. */
  async #use(next: Live | undefined): Promise<void> {
    const old = this.#live;
    this.#live = next;
    if (old === undefined) return;
    this.#earlierCalls += old.calls.sent;
    const patience = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(CALLS_PATIENCE_MS)]);
    const retiring = closeLive(old, patience).finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
    if (next === undefined) await retiring;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#operations.then(() => {
      if (this.#abort.signal.aborted) throw stopping();
      return Promise.race([work(), this.#stopped.promise]);
    });
    this.#operations = run.catch(() => undefined);
    return run;
  }
}
