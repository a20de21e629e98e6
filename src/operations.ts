/** What an operator can see and do in this balancer: the admin port's side of the composition root. */
import type { CloudLink } from './cloud-link.ts';
import type { CalibrationProgress, CloudFigures } from './cloud/backend.ts';
import { DEFAULT_SIZES_MB, type CalibrationReport } from './cloud/calibration.ts';
import type { Config } from './config.ts';
import type {
  FunctionStatus,
  Operations,
  OperatorCalibration,
  OperatorCall,
  OperatorCallAnswer,
  RestartRefusal,
  Snapshot,
  Status,
} from './admin/operations.ts';
import type { Recorder } from './admin/recorder.ts';
import type { ActiveCall } from './dispatch/active-call.ts';
import type { Outcome } from './dispatch/call.ts';
import type { FunctionSpec, Manifest } from './functions/manifest.ts';
import { mixOf } from './function-mix.ts';
import type { PoolControl } from './pool-control.ts';
import { textOfResult } from './pool/answer.ts';
import { poolStatus, type Loads, type PoolParts } from './pool-status.ts';
import type { WorkerUsages } from './worker-usage.ts';

/** The restart in place, of which the balancer itself knows nothing. */
export interface Restarts {
  /** Begins one. @throws Error of one line if it can't */
  begin(): void;
  /** What became of the last one, if it came to nothing. */
  readonly refused: RestartRefusal | undefined;
}

/** The parts of the balancer, as they come to be during the start. */
export interface Parts extends PoolParts {
  /** The functions that clients can call; undefined while none are loaded. */
  readonly manifest: () => Manifest | undefined;
  readonly cloud: CloudLink;
  /** Absent where nothing could become a new version: only a daemon can. */
  readonly restarts: Restarts | undefined;
  /** What the workers use; once the runtime is there. */
  usages?: WorkerUsages;
}

const OFFLOAD_POLICIES = ['threshold', 'predictive', 'never', 'always'] as const;

/** The operations of one balancer. */
export class BalancerOperations implements Operations {
  readonly #config: Config;
  readonly #version: string;
  readonly #parts: Parts;
  readonly #recorder: Recorder;
  readonly #startedAt = performance.now();
  #figures: CloudFigures | undefined;

  constructor(config: Config, version: string, parts: Parts, recorder: Recorder) {
    this.#config = config;
    this.#version = version;
    this.#parts = parts;
    this.#recorder = recorder;
  }

  status(): Status {
    return this.#status(this.#parts.usages?.look(), true);
  }

  /** The status without what costs something to find out. */
  figures(): Status {
    return this.#status(undefined, false);
  }

  #status(loads: Loads | undefined, asksCloud: boolean): Status {
    const { dispatcher, manifest, restarts } = this.#parts;
    return {
      version: this.#version,
      uptimeMs: Math.round(performance.now() - this.#startedAt),
      pool: poolStatus(this.#config, this.#parts, loads),
      cloud: this.#cloudStatus(asksCloud),
      offload: dispatcher?.offload.rule ?? {
        policy: this.#config.offload,
        waitMs: this.#config.offloadWaitMs,
      },
      functions: [...(manifest()?.keys() ?? [])],
      calls: { ...(dispatcher?.counts ?? { total: 0, failed: 0, offloaded: 0, retried: 0 }) },
      ...(restarts?.refused !== undefined && { restartRefused: restarts.refused }),
    };
  }

  functions(): FunctionStatus[] {
    return Array.from(this.#parts.manifest()?.values() ?? [], (spec): FunctionStatus => {
      const { name, summary, schema, timeoutMs, idempotent, offload, concurrency, localTimeoutMs } = spec;
      const suspended = this.#parts.dispatcher?.known(spec).estimates?.guard.reason;
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
        ...(suspended !== undefined && { suspended }),
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
    await this.#poolControl.drainWorker(id);
  }

  async resize(workers: number): Promise<void> {
    await this.#poolControl.resize(workers);
  }

  async reload(): ReturnType<Operations['reload']> {
    return await this.#poolControl.reload();
  }

  async restart(): Promise<void> {
    const { restarts } = this.#parts;
    if (restarts === undefined) throw new Error('this balancer can’t restart itself');
    restarts.begin();
  }

  async setOffload(policy: string, waitMs: number | undefined): Promise<void> {
    const offload = this.#parts.dispatcher?.offload;
    if (offload === undefined) throw new Error('the balancer is still starting');
    const known = OFFLOAD_POLICIES.find((name) => name === policy);
    if (known === undefined) throw new Error(`the policy must be one of ${OFFLOAD_POLICIES.join(', ')}`);
    offload.rule = { policy: known, waitMs: waitMs ?? offload.rule.waitMs };
  }

  async call({ method, params, backend, timeoutMs }: OperatorCall): Promise<OperatorCallAnswer> {
    const { dispatcher } = this.#parts;
    if (dispatcher === undefined) throw new Error('the functions are still being loaded');
    const spec = this.#functionOf(method);
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
    return await this.#parts.cloud.deploy(options);
  }

  async calibrate({ method, params, sizesMb }: OperatorCalibration): Promise<CalibrationReport> {
    const { cloud, dispatcher } = this.#parts;
    const spec = this.#functionOf(method);
    return await cloud.calibrate({
      spec,
      params: params === undefined ? undefined : JSON.stringify(params),
      timeoutMs: spec.timeoutMs ?? this.#config.timeoutMs,
      sizesMb: sizesMb ?? DEFAULT_SIZES_MB,
      mix: mixOf(this.#parts.manifest(), this.#recorder.functions, dispatcher),
    });
  }

  calibration(): CalibrationProgress | undefined {
    return this.#parts.cloud.calibration;
  }

  stopCalibration(): void {
    this.#parts.cloud.stopCalibration();
  }

  async destroy(): ReturnType<Operations['destroy']> {
    return await this.#parts.cloud.destroy();
  }

  #functionOf(method: string): FunctionSpec {
    const manifest = this.#parts.manifest();
    if (manifest === undefined) throw new Error('the functions are still being loaded');
    const spec = manifest.get(method);
    if (spec === undefined) throw new Error(`no function is named ${JSON.stringify(method)}`);
    return spec;
  }

  get #poolControl(): PoolControl {
    if (this.#parts.poolControl === undefined) throw new Error('the balancer is still starting');
    return this.#parts.poolControl;
  }

  #cloudStatus(asksCloud: boolean): Status['cloud'] {
    const { cloud } = this.#parts;
    // Fetched for the next look, at most once a minute, since it is paid for; whoever looks now gets what is there.
    if (asksCloud) {
      void cloud.figures().then(
        (figures) => (this.#figures = figures),
        () => undefined, // the vendor's monitoring is beside the point while there is none
      );
    }
    const figures = this.#figures;
    return { ...cloud.status(), ...(figures !== undefined && { figures: { ...figures } }) };
  }
}

function answerOf(callId: string, outcome: Outcome): OperatorCallAnswer {
  const { report } = outcome;
  const { backend, worker, queueMs, runMs, cloud } = report;
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
    return { ...ran, result: JSON.parse(textOfResult(outcome.json)) as unknown };
  } catch {
    throw new Error('the worker’s answer is not JSON');
  }
}
