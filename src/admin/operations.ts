/**
 * What an operator can see and do: the port between the admin API, the dashboard and the metrics on one side, and the
 * balancer on the other. app.ts implements it. Times in milliseconds, money in US dollars, dates in milliseconds since
 * the epoch.
 */
import type { CalibrationProgress, CloudStatus } from '../cloud/backend.ts';
import type { CalibrationReport } from '../cloud/calibration.ts';
import type { WorkerState } from '../pool/worker-state.ts';

/** One worker. */
export interface WorkerStatus {
  readonly id: string;
  readonly state: WorkerState;
  /** Why it is in that state, where there is something to say: `ejected: silent for 3 s`. */
  readonly reason?: string;
  readonly slots: number;
  /** How many of them calls occupy: a fraction where several share one. */
  readonly busySlots: number;
  /** Calls. */
  readonly running: number;
  readonly calls: number;
  readonly failures: number;
  readonly startedAt: number;
  readonly containerId?: string;
  readonly pid?: number;
  /** Share of one core lately (1 = a whole core), and memory now; absent where the runtime can't tell. */
  readonly cpu?: number;
  readonly memoryMb?: number;
}

/** A scaling decision: when it was made, how many workers it wants to take calls, and why. */
export interface ScalingStatus {
  readonly at: number;
  readonly target: number;
  readonly reason: string;
}

/** The answer of `status`. */
export interface Status {
  readonly version: string;
  readonly uptimeMs: number;
  readonly pool: {
    readonly id: string;
    readonly runtime: 'docker' | 'process' | 'none';
    /** Why this runtime and not containers; absent where nothing is to be said. */
    readonly runtimeReason?: string;
    readonly n: number;
    readonly min: number;
    readonly max: number;
    readonly starting: number;
    readonly ready: number;
    readonly ejected: number;
    readonly draining: number;
    readonly standby: number;
    /** How many slots a worker is made with; one that starts, or whose slot has just ended, has fewer. */
    readonly slotsPerWorker: number;
    readonly slots: number;
    /** How many of them calls occupy: a fraction where several share one. */
    readonly busySlots: number;
    /** Calls in slots. */
    readonly running: number;
    /** Of those, the ones that were handed ahead, and wait in there. */
    readonly ahead: number;
    readonly queued: number;
    readonly expectedWaitMs: number;
    readonly workers: readonly WorkerStatus[];
    /** The last scaling decision: each second there is one, mostly to change nothing. */
    readonly scaling?: ScalingStatus;
    /** The last one that changed how many workers take calls; absent while there has been none. */
    readonly scaled?: ScalingStatus;
  };
  readonly cloud: Omit<CloudStatus, 'reason'> & {
    readonly reason?: string;
    /** The vendor's own figures (CloudWatch), at most a minute old. */
    readonly figures?: Readonly<Record<string, number>>;
  };
  readonly offload: { readonly policy: string; readonly waitMs: number };
  readonly functions: readonly string[];
  readonly calls: {
    readonly total: number;
    readonly failed: number;
    readonly offloaded: number;
    readonly retried: number;
  };
  /** Why the last restart came to nothing; absent while none has. */
  readonly restartRefused?: RestartRefusal;
}

/** A restart that came to nothing. */
export interface RestartRefusal {
  readonly at: number;
  readonly reason: string;
}

/** Figures of one function in one place since the start. */
export interface PlaceFigures {
  readonly calls: number;
  readonly failed: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One function, as `functions.list` shows it. */
export interface FunctionStatus {
  readonly name: string;
  readonly summary?: string;
  /** JSON Schema of its params; absent where it takes anything. */
  readonly params?: unknown;
  readonly timeoutMs: number;
  readonly idempotent: boolean;
  readonly offload: boolean;
  readonly concurrency: number;
  readonly localTimeoutMs?: number;
  readonly pool: PlaceFigures;
  readonly cloud: PlaceFigures;
  /** Whether offloading of this function is suspended, and why (the guard); absent while it isn't. */
  readonly suspended?: string;
}

/** Why one call went where it went. */
export interface DecisionEntry {
  readonly at: number;
  readonly callId: string;
  readonly method: string;
  readonly place: 'pool' | 'queue' | 'cloud' | 'reject';
  /** In words: `would wait too long`. */
  readonly reason: string;
  /** What was expected in both places, where both were estimated. */
  readonly localMs?: number;
  readonly cloudMs?: number;
}

/** One second of the balancer's life, as /events sends it: the status and what moves beside it. */
export interface Snapshot {
  /** When it was taken. */
  readonly at: number;
  readonly status: Status;
  readonly functions: readonly FunctionStatus[];
  /** Calls ended in the last second and their latency, by place. */
  readonly rates: Readonly<
    Record<'pool' | 'cloud', { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number }>
  >;
  /** The last decisions, the newest first; at most 50. Free slots are taken without being listed. */
  readonly decisions: readonly DecisionEntry[];
}

/** A call that an operator makes, as `functions.call` takes it. */
export interface OperatorCall {
  readonly method: string;
  /** An array or an object; undefined: none. */
  readonly params: readonly unknown[] | Readonly<Record<string, unknown>> | undefined;
  /** Forces the place, whatever SPILLWAY_BACKEND_CHOICE says: whoever has the admin token may. */
  readonly backend: 'pool' | 'cloud' | undefined;
  /** Only ever shortens the deadline. */
  readonly timeoutMs: number | undefined;
}

/** How it ended: `result` or `error`, and where it ran. */
export interface OperatorCallAnswer {
  readonly callId: string;
  readonly result?: unknown;
  readonly error?: {
    readonly name: string;
    readonly code: number;
    readonly message: string;
    readonly data?: unknown;
  };
  /** Absent where it never ran. */
  readonly backend?: 'pool' | 'cloud';
  readonly worker?: string;
  readonly queueMs: number;
  readonly runMs: number;
  /** What the cloud bills and charged for it; absent where it didn't run there. */
  readonly billedMs?: number;
  readonly costUsd?: number;
  readonly coldStart?: boolean;
}

/** What a calibration is to measure, as `cloud.calibrate` takes it. */
export interface OperatorCalibration extends Pick<OperatorCall, 'method' | 'params'> {
  /** In megabytes; undefined: some that tell sizes below and above a whole core apart. */
  readonly sizesMb: readonly number[] | undefined;
}

/** What can be done. Every method rejects with an Error whose message is one line for the operator. */
export interface Operations {
  status(): Status;
  functions(): FunctionStatus[];
  snapshot(): Snapshot;
  /** Takes a worker out of service when its calls have ended; another takes its place. */
  drainWorker(id: string): Promise<void>;
  /** Sets N; the pool is then N … 2N. */
  resize(workers: number): Promise<void>;
  /** Bundles the functions again and swaps them worker by worker. */
  reload(): Promise<{
    readonly hash: string;
    readonly functions: readonly string[];
    readonly changed: boolean;
  }>;
  /** Begins a restart in place, and says so at once; how it ends is in the status: a small uptime, or why not. */
  restart(): Promise<void>;
  setOffload(policy: string, waitMs: number | undefined): Promise<void>;
  /** Goes through the same dispatch as a client's call. Rejects only if there is no such function. */
  call(call: OperatorCall): Promise<OperatorCallAnswer>;
  deploy(options: { readonly dryRun: boolean }): Promise<{ readonly steps: readonly string[] }>;
  /** Measures a function in the cloud at several sizes of memory; takes up to some minutes. */
  calibrate(what: OperatorCalibration): Promise<CalibrationReport>;
  /** What the calibration under way is doing; undefined while there is none. */
  calibration(): CalibrationProgress | undefined;
  /** Ends it. */
  stopCalibration(): void;
  destroy(): Promise<{ readonly removed: readonly string[]; readonly left: readonly string[] }>;
}
