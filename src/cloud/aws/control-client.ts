/** The control plane in a thread of its own, which lives only while it is needed. */
import { Worker } from 'node:worker_threads';
import type { CloudFigures, DestroyReport } from '../backend.ts';
import type { ControlPlane, ControlSettings } from './control.ts';
import type { ControlLog } from './control-log.ts';
import type { ControlReply, ControlRequest, Verb } from './control-thread.ts';
import type { Deployed } from './deploy.ts';
import type { AwsOptions, Desired } from './desired.ts';
import { CloudFault, stopping } from './faults.ts';
import type { Invocation, Invoked } from './invoke.ts';
import type { PublishedBatch } from './publish.ts';
import type { TwinSize } from './twin.ts';

interface Asked {
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: CloudFault) => void;
}

/** How long the thread is kept without a question, in milliseconds: as long as figures are good, so that asking for them each minute keeps one. */
const IDLE_MS = 70_000;

/** Asks a thread that is started with the first question, and ended when there was none for a while. */
export class ThreadedControl implements ControlPlane {
  readonly #settings: ControlSettings;
  readonly #log: ControlLog;
  readonly #asked = new Map<number, Asked>();
  #worker: Worker | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #nextId = 0;
  #closed = false;

  constructor(settings: ControlSettings, log: ControlLog) {
    this.#settings = settings;
    this.#log = log;
  }

  region(): Promise<string> {
    return this.#ask('region', []) as Promise<string>;
  }

  plan(desired: Desired): Promise<readonly string[]> {
    return this.#ask('plan', [desired]) as Promise<readonly string[]>;
  }

  deploy(desired: Desired): Promise<Deployed> {
    return this.#ask('deploy', [desired]) as Promise<Deployed>;
  }

  destroy(options: AwsOptions): Promise<DestroyReport> {
    return this.#ask('destroy', [options]) as Promise<DestroyReport>;
  }

  figures(functionName: string, now: number): Promise<CloudFigures> {
    return this.#ask('figures', [functionName, now]) as Promise<CloudFigures>;
  }

  publish(batch: PublishedBatch): Promise<void> {
    return this.#ask('publish', [batch]) as Promise<void>;
  }

  createTwin(desired: Desired): Promise<void> {
    return this.#ask('createTwin', [desired]) as Promise<void>;
  }

  publishTwin(desired: Desired, memoryMb: number): Promise<TwinSize> {
    return this.#ask('publishTwin', [desired, memoryMb]) as Promise<TwinSize>;
  }

  invoke(invocation: Invocation): Promise<Invoked> {
    return this.#ask('invoke', [invocation]) as Promise<Invoked>;
  }

  removeTwin(options: AwsOptions): Promise<void> {
    return this.#ask('removeTwin', [options]) as Promise<void>;
  }

  async forget(): Promise<void> {
    if (this.#worker !== undefined) await this.#ask('forget', []);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    const worker = this.#worker;
    this.#lose(worker, stopping());
    await worker?.terminate();
  }

  #ask(verb: Verb, given: readonly unknown[]): Promise<unknown> {
    if (this.#closed) return Promise.reject(stopping());
    clearTimeout(this.#idleTimer);
    const id = this.#nextId++;
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      worker.postMessage({ id, verb, given } satisfies ControlRequest);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('./control-thread.ts', import.meta.url), {
      workerData: this.#settings,
    });
    worker.on('message', (reply: ControlReply) => {
      if ('level' in reply) this.#log(reply.level, reply.message, reply.fields);
      else this.#answer(reply);
    });
    worker.on('error', (error: Error) => {
      this.#lose(worker, new CloudFault('failing', `the control plane's thread failed: ${error.message}`));
    });
    worker.on('exit', () => {
      this.#lose(worker, new CloudFault('failing', "the control plane's thread has ended"));
    });
    return worker;
  }

  #answer(reply: Exclude<ControlReply, { level: string }>): void {
    const asked = this.#asked.get(reply.id);
    this.#asked.delete(reply.id);
    if (this.#asked.size === 0 && !this.#closed) {
      this.#idleTimer = setTimeout(() => void this.#end(), IDLE_MS);
    }
    if ('value' in reply) asked?.resolve(reply.value);
    else {
      const { reason, message, noCredentials } = reply.fault;
      asked?.reject(new CloudFault(reason, message, { noCredentials }));
    }
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  /** The thread is gone, or is about to be: nobody waits for it any more. */
  #lose(worker: Worker | undefined, fault: CloudFault): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { reject } of asked) reject(fault);
  }
}
