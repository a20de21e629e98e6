/** What an operator can see and do in this balancer: the admin port's side of the composition root. */
import type { CloudReport } from './cloud/backend.ts';
import type { Config } from './config.ts';
import type {
  FunctionStatus,
  Operations,
  OperatorCall,
  OperatorCallAnswer,
  Snapshot,
  Status,
  WorkerStatus,
} from './admin/operations.ts';
import type { Recorder } from './admin/recorder.ts';
import type { ActiveCall } from './dispatch/active-call.ts';
import type { CallReport, Outcome } from './dispatch/call.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { Manifest } from './functions/manifest.ts';
import type { Pool } from './pool/pool.ts';
import type { Worker } from './pool/worker.ts';

/** The parts of the balancer, as they come to be during the start. */
export interface Parts {
  pool?: Pool;
  dispatcher?: Dispatcher;
  manifest?: Manifest;
  /** The pool's name. */
  poolId: string;
  runtime: Status['pool']['runtime'];
  runtimeReason?: string;
  /** What the cloud says of itself; absent without one. */
  cloud?: () => Status['cloud'];
  /** Deeds of parts that this balancer may not have. */
  deeds: Partial<Pick<Operations, 'drainWorker' | 'resize' | 'reload' | 'setOffload' | 'deploy' | 'destroy'>>;
}

/** How often a draining worker is looked at, in milliseconds. */
const DRAIN_LOOK_MS = 50;
/** With no slot at all a call would wait for ever, which JSON can't say: an hour stands for it. */
const FOR_EVER_MS = 3_600_000;

/** The operations of one balancer. */
export class BalancerOperations implements Operations {
  readonly #config: Config;
  readonly #version: string;
  readonly #parts: Parts;
  readonly #recorder: Recorder;
  readonly #startedAt = performance.now();
  readonly #drains = new Set<NodeJS.Timeout>();

  constructor(config: Config, version: string, parts: Parts, recorder: Recorder) {
    this.#config = config;
    this.#version = version;
    this.#parts = parts;
    this.#recorder = recorder;
  }

  status(): Status {
    const { dispatcher, manifest } = this.#parts;
    return {
      version: this.#version,
      uptimeMs: Math.round(performance.now() - this.#startedAt),
      pool: this.#poolStatus(),
      cloud: this.#parts.cloud?.() ?? this.#noCloud(),
      offload: { policy: this.#config.offload, waitMs: this.#config.offloadWaitMs },
      functions: [...(manifest?.keys() ?? [])],
      calls: { ...(dispatcher?.counts ?? { total: 0, failed: 0, offloaded: 0, retried: 0 }) },
    };
  }

  functions(): FunctionStatus[] {
    return Array.from(this.#parts.manifest?.values() ?? [], (spec): FunctionStatus => {
      const { name, summary, schema, timeoutMs, idempotent, offload, concurrency, localTimeoutMs } = spec;
      return {
        name,
        ...(summary !== undefined && { summary }),
        ...(schema !== undefined && { params: schema }),
        timeoutMs: timeoutMs ?? this.#config.timeoutMs,
        idempotent,
        offload,
        concurrency,
        ...(localTimeoutMs !== undefined && { localTimeoutMs }),
        ...this.#recorder.figures(name),
      };
    });
  }

  snapshot(): Snapshot {
    return {
      at: Date.now(),
      status: this.status(),
      functions: this.functions(),
      rates: this.#recorder.rates(),
      decisions: this.#recorder.decisions(),
    };
  }

  async drainWorker(id: string): Promise<void> {
    const { pool, deeds } = this.#parts;
    if (deeds.drainWorker !== undefined) {
      await deeds.drainWorker(id);
      return;
    }
    const worker = pool?.workers.find((one) => one.id === id);
    if (pool === undefined || worker === undefined)
      throw new Error(`there is no worker ${JSON.stringify(id)}`);
    if (worker.state === 'draining') return;
    if (worker.state !== 'ready')
      throw new Error(`worker ${id} is ${worker.state}: only a ready one can be drained`);
    worker.drain();
    const look = setInterval(() => {
      if (worker.state === 'draining' && worker.running > 0) return;
      clearInterval(look);
      this.#drains.delete(look);
      // Whoever keeps the pool starts another in its place.
      pool.eject(id, 'drained by an operator');
    }, DRAIN_LOOK_MS);
    this.#drains.add(look);
  }

  async resize(workers: number): Promise<void> {
    const { resize } = this.#parts.deeds;
    if (resize === undefined) {
      throw new Error('this build can’t resize a running pool: set SPILLWAY_WORKERS and restart');
    }
    await resize(workers);
  }

  async reload(): ReturnType<Operations['reload']> {
    const { reload } = this.#parts.deeds;
    if (reload === undefined) throw new Error('this build can’t reload functions: restart the balancer');
    return await reload();
  }

  async setOffload(policy: string, waitMs: number | undefined): Promise<void> {
    const { setOffload } = this.#parts.deeds;
    if (setOffload === undefined)
      throw new Error('this build never leaves the machine: it has no offload policy');
    await setOffload(policy, waitMs);
  }

  async call({ method, params, backend, timeoutMs }: OperatorCall): Promise<OperatorCallAnswer> {
    const { dispatcher, manifest } = this.#parts;
    if (dispatcher === undefined || manifest === undefined)
      throw new Error('the functions are still being loaded');
    const spec = manifest.get(method);
    if (spec === undefined) throw new Error(`no function is named ${JSON.stringify(method)}`);
    const request = {
      spec,
      params: params === undefined ? undefined : JSON.stringify(params),
      arrivedAt: performance.now(),
      timeoutMs: Math.min(timeoutMs ?? Infinity, spec.timeoutMs ?? this.#config.timeoutMs),
      ...(backend !== undefined && { backend }),
    };
    let call: ActiveCall | undefined;
    const outcome = await new Promise<Outcome>((resolve) => {
      call = dispatcher.dispatch(request, resolve);
    });
    return answerOf(String(call?.callId), outcome);
  }

  async deploy(options: { readonly dryRun: boolean }): ReturnType<Operations['deploy']> {
    const { deploy } = this.#parts.deeds;
    if (deploy === undefined) throw new Error(NO_CLOUD);
    return await deploy(options);
  }

  async destroy(): ReturnType<Operations['destroy']> {
    const { destroy } = this.#parts.deeds;
    if (destroy === undefined) throw new Error(NO_CLOUD);
    return await destroy();
  }

  /** Stops looking at draining workers. */
  close(): void {
    for (const look of this.#drains) clearInterval(look);
    this.#drains.clear();
  }

  #poolStatus(): Status['pool'] {
    const { pool, dispatcher, poolId, runtime, runtimeReason } = this.#parts;
    const count = (state: Worker['state']): number => pool?.count(state) ?? 0;
    const slots = pool?.slots ?? [];
    return {
      id: poolId,
      runtime,
      ...(runtimeReason !== undefined && { runtimeReason }),
      n: this.#config.workers,
      min: this.#config.workers,
      max: 2 * this.#config.workers,
      starting: count('starting'),
      ready: count('ready'),
      ejected: count('ejected'),
      draining: count('draining'),
      standby: count('standby'),
      slots: slots.length,
      running: slots.reduce((sum, slot) => sum + slot.running, 0),
      queued: dispatcher?.queued ?? 0,
      expectedWaitMs: Math.min(FOR_EVER_MS, dispatcher?.expectedWaitMs() ?? FOR_EVER_MS),
      workers: pool?.workers.map(workerStatus) ?? [],
    };
  }

  #noCloud(): Status['cloud'] {
    return {
      state: 'off',
      reason: 'off',
      detail: NO_CLOUD,
      calls: 0,
      inFlight: 0,
      costTodayUsd: 0,
      budgetUsd: this.#config.cloudBudgetUsd,
    };
  }
}

const NO_CLOUD = 'this build never leaves the machine: the cloud isn’t wired to it yet';

function workerStatus(worker: Worker): WorkerStatus {
  const { id, state, slots, running, calls, failures, startedAt, containerId, pid } = worker;
  return {
    id,
    state,
    slots: slots.length,
    running,
    calls,
    failures,
    startedAt,
    ...(containerId !== undefined && { containerId }),
    ...(pid !== undefined && { pid }),
  };
}

function answerOf(callId: string, outcome: Outcome): OperatorCallAnswer {
  const { report } = outcome;
  const { backend, worker, queueMs, runMs } = report;
  const cloud = (report as CallReport & { readonly cloud?: CloudReport }).cloud;
  const ran = {
    callId,
    ...(backend !== undefined && { backend }),
    ...(worker !== undefined && { worker }),
    queueMs,
    runMs,
    ...(cloud !== undefined && { costUsd: cloud.costUsd }),
    ...(cloud?.billedMs !== undefined && { billedMs: cloud.billedMs }),
    ...(cloud?.coldStart !== undefined && { coldStart: cloud.coldStart }),
  };
  if (!outcome.ok) return { ...ran, error: outcome.error };
  try {
    return { ...ran, result: JSON.parse(outcome.json.toString('utf8')) as unknown };
  } catch {
    throw new Error('the worker’s answer is not JSON');
  }
}
