/** What an operator sees and does, without a balancer behind it: figures that a test sets, and a list of what was done. */
import type {
  FunctionStatus,
  Operations,
  OperatorCalibration,
  OperatorCall,
  OperatorCallAnswer,
  PlaceFigures,
  Snapshot,
  Status,
} from '../../src/admin/operations.ts';
import type { CalibrationReport } from '../../src/cloud/calibration.ts';

const NO_FIGURES: PlaceFigures = { calls: 0, failed: 0, meanMs: 0, p50Ms: 0, p99Ms: 0 };

/** A pool of two ready workers and a third that drains; the cloud is ready. */
export function sampleStatus(): Status {
  const worker = {
    state: 'ready',
    slots: 1,
    busySlots: 0,
    running: 0,
    calls: 12,
    failures: 1,
    startedAt: 1_790_000_000_000,
    cpu: 0.4,
    memoryMb: 80,
  } as const;
  return {
    version: '0.1.0',
    uptimeMs: 61_000,
    pool: {
      id: 'fakepool',
      runtime: 'process',
      runtimeReason: 'no Docker Engine is reachable',
      n: 2,
      min: 2,
      max: 4,
      starting: 0,
      ready: 2,
      ejected: 0,
      draining: 1,
      standby: 0,
      slotsPerWorker: 1,
      slots: 2,
      busySlots: 1,
      ahead: 0,
      running: 1,
      queued: 0,
      expectedWaitMs: 12.5,
      workers: [
        { ...worker, id: 'w1', busySlots: 1, running: 1, pid: 101 },
        { ...worker, id: 'w2', pid: 102 },
        { ...worker, id: 'w3', state: 'draining', reason: 'an operator asked for it', pid: 103 },
      ],
      scaling: { at: 1_790_000_050_000, target: 2, reason: 'nothing waits' },
    },
    cloud: {
      state: 'ready',
      url: 'https://abc.execute-api.eu-central-1.amazonaws.com/live/call',
      functionName: 'spillway-fakepool',
      calls: 3,
      inFlight: 0,
      costTodayUsd: 0.000_012,
      budgetUsd: 1,
    },
    offload: { policy: 'threshold', waitMs: 50 },
    functions: ['fibonacci', 'sleep'],
    calls: { total: 27, failed: 3, offloaded: 3, retried: 1 },
  };
}

/** Two functions: one with a schema, one without. */
export function sampleFunctions(): FunctionStatus[] {
  return [
    {
      name: 'fibonacci',
      summary: 'The nth Fibonacci number, the slow way.',
      params: { type: 'array', prefixItems: [{ type: 'integer', minimum: 0, maximum: 40 }] },
      timeoutMs: 30_000,
      idempotent: true,
      offload: true,
      concurrency: 1,
      pool: { calls: 20, failed: 0, meanMs: 3, p50Ms: 2.5, p99Ms: 9 },
      cloud: { calls: 3, failed: 1, meanMs: 60, p50Ms: 55, p99Ms: 120 },
    },
    {
      name: 'sleep',
      timeoutMs: 30_000,
      idempotent: false,
      offload: true,
      concurrency: 1,
      pool: NO_FIGURES,
      cloud: NO_FIGURES,
    },
  ];
}

/** Operations whose every figure may be replaced, and whose deeds are written down. */
export class FakeOperations implements Operations {
  /** What was done, oldest first: `drain w1`, `resize 3`. */
  readonly done: string[] = [];
  state: Status = sampleStatus();
  list: FunctionStatus[] = sampleFunctions();
  /** Set: every deed is refused with this. */
  refusal: string | undefined;
  answer: (call: OperatorCall) => OperatorCallAnswer = (call) => ({
    callId: '7',
    result: call.params ?? null,
    backend: call.backend ?? 'pool',
    worker: 'w1',
    queueMs: 0.1,
    runMs: 2,
  });

  status(): Status {
    return this.state;
  }

  functions(): FunctionStatus[] {
    return this.list;
  }

  snapshot(): Snapshot {
    return {
      at: Date.now(),
      status: this.state,
      functions: this.list,
      rates: {
        pool: { perSecond: 120, p50Ms: 2.5, p99Ms: 9 },
        cloud: { perSecond: 4, p50Ms: 55, p99Ms: 120 },
      },
      decisions: [
        {
          at: 1_790_000_050_000,
          callId: '6',
          method: 'fibonacci',
          place: 'cloud',
          reason: 'would wait too long',
          localMs: 80,
          cloudMs: 60,
        },
        { at: 1_790_000_049_000, callId: '5', method: 'sleep', place: 'queue', reason: 'short wait' },
      ],
    };
  }

  async drainWorker(id: string): Promise<void> {
    if (!this.state.pool.workers.some((worker) => worker.id === id)) {
      throw new Error(`there is no worker ${id}`);
    }
    this.#do(`drain ${id}`);
  }

  async resize(workers: number): Promise<void> {
    this.#do(`resize ${workers}`);
    const { pool } = this.state;
    this.state = { ...this.state, pool: { ...pool, n: workers, min: workers, max: 2 * workers } };
  }

  async reload(): Promise<{ hash: string; functions: readonly string[]; changed: boolean }> {
    this.#do('reload');
    return { hash: '0123abcd', functions: this.state.functions, changed: true };
  }

  async restart(): Promise<void> {
    this.#do('restart');
  }

  async setOffload(policy: string, waitMs: number | undefined): Promise<void> {
    this.#do(`offload ${policy} ${waitMs ?? '-'}`);
    this.state = {
      ...this.state,
      offload: { policy, waitMs: waitMs ?? this.state.offload.waitMs },
    };
  }

  async call(call: OperatorCall): Promise<OperatorCallAnswer> {
    if (!this.state.functions.includes(call.method)) throw new Error(`no function is named "${call.method}"`);
    this.#do(`call ${call.method}`);
    return this.answer(call);
  }

  async deploy({ dryRun }: { dryRun: boolean }): Promise<{ steps: readonly string[] }> {
    this.#do(dryRun ? 'deploy --dry-run' : 'deploy');
    return { steps: ['make the function spillway-fakepool'] };
  }

  async calibrate({ method, sizesMb }: OperatorCalibration): Promise<CalibrationReport> {
    this.#do(`calibrate ${method} ${sizesMb?.join(' ') ?? '-'}`);
    return {
      method,
      presentMb: 1769,
      sizes: [{ memoryMb: 1769, runs: 5, p50Ms: 2 }],
      cpuShare: 1,
      recommended: { memoryMb: 1769, why: 'it is a fake' },
      calls: 5,
      costUsd: 0.000_02,
      notes: [],
    };
  }

  calibration(): undefined {
    return undefined;
  }

  stopCalibration(): void {
    this.#do('stop calibrating');
  }

  async destroy(): Promise<{ removed: readonly string[]; left: readonly string[] }> {
    this.#do('destroy');
    return { removed: ['function spillway-fakepool'], left: [] };
  }

  #do(deed: string): void {
    if (this.refusal !== undefined) throw new Error(this.refusal);
    this.done.push(deed);
  }
}
