/** What an operator may see and do of a running pool: the part of the admin API that is about workers and functions. */
import type { ScalingStatus } from './admin/operations.ts';
import type { Config } from './config.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { Elastic } from './elastic.ts';
import type { Bundle } from './functions/bundle.ts';
import { readFunctionEnv } from './functions/env.ts';
import { FunctionsFault } from './functions/fault.ts';
import type { Manifests } from './functions/manifests.ts';
import type { Pool } from './pool/pool.ts';
import type { Worker } from './pool/worker.ts';
import { prepare, type Prepared } from './preparation.ts';
import type { Decision } from './scaling/decide.ts';
import { BundleFault } from './scaling/starts.ts';
import { servedBundle, type ServedBundle } from './served-bundle.ts';

/** What workers and clients get of the functions. */
export interface ReadFunctions {
  readonly names: readonly string[];
  readonly bundle: ServedBundle;
}

/** The functions as built, with their environment. @throws FunctionEnvFault naming every fault. */
export function readFunctions(config: Config, { hash: codeHash, code, functions }: Bundle): ReadFunctions {
  const env = config.functionEnvFile === undefined ? {} : readFunctionEnv(config.functionEnvFile);
  const maxResultBytes = config.maxBodyBytes;
  return {
    names: functions,
    bundle: servedBundle({ codeHash, code: Buffer.from(code), env, maxResultBytes, functions }),
  };
}

/** What came of a reload. */
export interface Reloaded {
  readonly hash: string;
  readonly functions: readonly string[];
  /** False: the workers run that already, with these variables. */
  readonly changed: boolean;
}

/** The parts it works on. */
export interface PoolControlOptions {
  readonly config: Config;
  readonly pool: Pool;
  readonly dispatcher: Dispatcher;
  readonly elastic: Elastic;
  readonly manifests: Manifests;
  /** Told what a reload has built, once the pool runs it. */
  readonly onBuilt: (built: Prepared) => void;
  /** Told once new functions are in use; for the cloud, which has to have them too. */
  readonly onReloaded: (bundle: ServedBundle) => void;
}

/** Every method rejects with an Error whose message is for the operator. */
export class PoolControl {
  readonly #options: PoolControlOptions;
  /** The latest reload, ended or not; never rejects. */
  #latest: Promise<unknown> = Promise.resolve();

  constructor(options: PoolControlOptions) {
    this.#options = options;
  }

  /** N. */
  get n(): number {
    return this.#options.elastic.n;
  }

  /** Every worker that is not gone. */
  get workers(): readonly Worker[] {
    return this.#options.pool.workers;
  }

  /** The last scaling decision, which mostly is to change nothing. */
  get scaling(): ScalingStatus | undefined {
    return scalingStatus(this.#options.elastic.latest);
  }

  /** The last one that changed how many workers take calls. */
  get scaled(): ScalingStatus | undefined {
    return scalingStatus(this.#options.elastic.latestChange);
  }

  /** Takes a worker out of service when its calls have ended; another takes its place. Resolves when it takes no more calls. */
  drainWorker(id: string): Promise<void> {
    return this.#options.elastic.crew.drainWorker(id);
  }

  /** Sets N; the pool then goes to N … 2N by itself. */
  resize(n: number): Promise<void> {
    if (!Number.isInteger(n) || n < 1 || n > MOST_WORKERS)
      return Promise.reject(new Error(`workers must be a whole number from 1 to ${MOST_WORKERS}`));
    this.#options.elastic.resize(n);
    return Promise.resolve();
  }

  /**
   * Bundles the folder again and swaps the workers one by one. Resolves when the last one is swapped.
   * @throws FunctionsFault if the functions can't be bundled or loaded: then everything is as it was.
   */
  reload(): Promise<Reloaded> {
    // One after another: what was read before an earlier one ended would take the pool back to that.
    const reloaded = this.#latest.then(() => this.#reload());
    this.#latest = reloaded.catch(() => undefined);
    return reloaded;
  }

  async #reload(): Promise<Reloaded> {
    const { config, pool, dispatcher, elastic, manifests, onBuilt, onReloaded } = this.#options;
    const built = await prepare(config.functionsDir);
    const { names, bundle } = readFunctions(config, built.bundle);
    const { hash, codeHash } = bundle;
    const before = pool.bundle.hash;
    if (hash === before) {
      onBuilt(built);
      return { hash: codeHash, functions: names, changed: false };
    }
    let committed = false;
    try {
      await elastic.swap({
        bundle,
        committed() {
          committed = true;
          const manifest = manifests.of(hash);
          if (manifest !== undefined) dispatcher.useManifest(manifest, hash);
          onReloaded(bundle);
        },
        stillNeeded: () => dispatcher.waitsFor(before),
      });
    } catch (error) {
      if (!committed) manifests.forget(hash);
      throw error instanceof BundleFault
        ? new FunctionsFault(config.functionsDir, error.message.split('\n'))
        : error;
    }
    dispatcher.forget(before);
    manifests.forget(before);
    onBuilt(built);
    return { hash: codeHash, functions: names, changed: true };
  }
}

function scalingStatus(decision: Decision | undefined): ScalingStatus | undefined {
  if (decision === undefined) return undefined;
  const { plan, reason, memory } = decision;
  return { at: Math.round(performance.timeOrigin + memory.atMs), target: plan.target, reason };
}

/** As SPILLWAY_WORKERS allows. */
const MOST_WORKERS = 1000;
