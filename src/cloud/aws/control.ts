/**
 * The control plane: everything that is asked of AWS itself, apart from calls. What goes in and comes out is plain data,
 * so that it can be asked in this thread or in another (control-client.ts).
 */
import type { CloudFigures, DestroyReport } from '../backend.ts';
import type { AwsClients } from './clients.ts';
import type { ControlLog } from './control-log.ts';
import { deployAws, dryRun, type Deployed } from './deploy.ts';
import { namesOf, type AwsOptions, type Desired } from './desired.ts';
import { destroyAws } from './destroy.ts';
import { faultOf, stopping } from './faults.ts';
import { invoke, type Invocation, type Invoked } from './invoke.ts';
import { readFigures, writeFigures } from './metrics.ts';
import { createPacer } from './pace.ts';
import type { PublishedBatch } from './publish.ts';
import { openSession, type Session } from './session.ts';
import { createTwin, publishTwin, removeTwin, type TwinSize } from './twin.ts';

/** Asks AWS. Every method rejects with a CloudFault. */
export interface ControlPlane {
  /** The region in use; found out along with the credentials. */
  region(): Promise<string>;
  /** What a deployment would do; reads only. */
  plan(desired: Desired): Promise<readonly string[]>;
  deploy(desired: Desired): Promise<Deployed>;
  destroy(options: AwsOptions): Promise<DestroyReport>;
  /** The function's figures of the hour before `now` (epoch ms). */
  figures(functionName: string, now: number): Promise<CloudFigures>;
  publish(batch: PublishedBatch): Promise<void>;
  /** Makes a copy of the function, for a calibration. */
  createTwin(desired: Desired): Promise<void>;
  /** Publishes the copy with a size of memory. */
  publishTwin(desired: Desired, memoryMb: number): Promise<TwinSize>;
  /** Calls a function once. Resolves whatever becomes of it. */
  invoke(invocation: Invocation): Promise<Invoked>;
  /** Ends what is being done with the copy, and removes it. */
  removeTwin(options: AwsOptions): Promise<void>;
  /** The credentials changed: what was read of them is forgotten. */
  forget(): Promise<void>;
  /** Ends whatever is under way. */
  close(): Promise<void>;
}

/** What the control plane needs to know. */
export interface ControlSettings {
  /** Undefined: the one of the SDK's configuration. */
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
}

/** The control plane in this thread. */
export class DirectControl implements ControlPlane {
  readonly #settings: ControlSettings;
  readonly #log: ControlLog;
  readonly #abort = new AbortController();
  readonly #pacer = createPacer();
  #session: Promise<Session> | undefined;
  /** Ends what is being done with a calibration's copy. */
  #twinAbort = new AbortController();
  #twinWork: Promise<unknown> = Promise.resolve();

  constructor(settings: ControlSettings, log: ControlLog) {
    this.#settings = settings;
    this.#log = log;
  }

  async region(): Promise<string> {
    return (await this.#open()).region;
  }

  async plan(desired: Desired): Promise<readonly string[]> {
    const { clients } = await this.#open();
    return dryRun({ clients, desired, log: this.#log, signal: this.#abort.signal });
  }

  async deploy(desired: Desired): Promise<Deployed> {
    const { clients } = await this.#open();
    return deployAws({ clients, desired, log: this.#log, signal: this.#abort.signal });
  }

  async destroy(options: AwsOptions): Promise<DestroyReport> {
    const { clients } = await this.#open();
    const names = namesOf(options.pool, options.region);
    return destroyAws({ clients, options, names, log: this.#log, signal: this.#abort.signal });
  }

  async figures(functionName: string, now: number): Promise<CloudFigures> {
    const { clients } = await this.#open();
    return readFigures(clients.cloudWatch, functionName, now);
  }

  async publish(batch: PublishedBatch): Promise<void> {
    const { clients } = await this.#open();
    await writeFigures(clients.cloudWatch, batch);
  }

  createTwin(desired: Desired): Promise<void> {
    return this.#onTwin((clients, signal) => createTwin({ clients, desired, signal }));
  }

  publishTwin(desired: Desired, memoryMb: number): Promise<TwinSize> {
    return this.#onTwin((clients, signal) => publishTwin({ clients, desired, signal }, memoryMb));
  }

  invoke(invocation: Invocation): Promise<Invoked> {
    return this.#onTwin((clients, signal) => invoke(clients, invocation, signal));
  }

  async removeTwin(options: AwsOptions): Promise<void> {
    this.#twinAbort.abort(stopping());
    await this.#twinWork;
    this.#twinAbort = new AbortController();
    const { clients } = await this.#open();
    const names = namesOf(options.pool, options.region);
    await removeTwin({ clients, desired: { names, options }, signal: this.#abort.signal });
  }

  async forget(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    // A session that couldn't be opened has nothing to close.
    const opened = await session?.catch(() => undefined);
    opened?.clients.destroy();
  }

  async close(): Promise<void> {
    this.#abort.abort(stopping());
    await this.forget();
  }

  /** Remembers what is under way: the copy may only be removed after that. */
  #onTwin<T>(work: (clients: AwsClients, signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.any([this.#abort.signal, this.#twinAbort.signal]);
    const done = this.#open().then(({ clients }) => work(clients, signal));
    this.#twinWork = done.catch(() => undefined);
    return done;
  }

  #open(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    const opening = openSession({ ...this.#settings, pacer: this.#pacer, signal: this.#abort.signal }).catch(
      (thrown: unknown) => {
        // One that failed isn't worth keeping.
        if (this.#session === opening) this.#session = undefined;
        throw faultOf(thrown, 'find credentials');
      },
    );
    this.#session = opening;
    return opening;
  }
}
