/**
 * The port through which calls leave the machine. Implementations: aws/cloud.ts, and a fake in test/fakes. The cloud
 * is a second backend behind the placement decision, not a member of the pool.
 */
import type { CallError } from '../errors.ts';
import type { FunctionSpec } from '../functions/manifest.ts';
import type { CalibrationReport } from './calibration.ts';
import type { Mix } from './memory-choice.ts';
import type { Rate } from './prices.ts';
import type { Params } from '../pool/params.ts';

/** off: not configured, or closed. degraded: takes no calls for now; CloudStatus.reason says why. */
export type CloudState = 'off' | 'deploying' | 'ready' | 'degraded';

/** Why the cloud takes no calls, or failed one. A closed set of plain words, since clients get to see them. */
export type CloudReason =
  | 'off'
  | 'deploying'
  | 'throttled'
  | 'credentials expired'
  | 'access denied'
  | 'unreachable'
  | 'bad settings'
  | 'budget spent'
  | 'timeout'
  | 'wrong bundle'
  | 'result too large'
  | 'failing';

/** One call to be run in the cloud. */
export interface CloudCall {
  readonly callId: string;
  readonly spec: FunctionSpec;
  /** Undefined when the request had none. */
  readonly params: Params | undefined;
  /** performance.now() at which the client stops waiting, in milliseconds. */
  readonly deadline: number;
  /** The trace it belongs to; absent where it belongs to none. */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  /** The whole time the call was given, in milliseconds; for the message of a Timeout. */
  readonly timeoutMs: number;
}

/** What a call in the cloud took. Fields that only the handler knows are absent if it never answered. */
export interface CloudReport {
  /** From the call to the answer, on the balancer's clock, in milliseconds. */
  readonly elapsedMs: number;
  /** What the ledger was charged, in US dollars: the worst case where the true cost is unknown. */
  readonly costUsd: number;
  /** The function's own run time, measured in the handler, in milliseconds. */
  readonly runMs?: number;
  /** The time Lambda bills, as far as the handler can know it, in milliseconds. */
  readonly billedMs?: number;
  /** What the handler's process occupied at the end, in megabytes. */
  readonly memoryMb?: number;
  /** True if this call started the process it ran in. */
  readonly coldStart?: boolean;
  /** Lambda's name for the invocation, to be found in its log. */
  readonly requestId?: string;
}

/** How a call in the cloud ended. */
export type CloudOutcome =
  /** `json` is the result as JSON text in UTF-8, not yet checked to be JSON. */
  | { readonly ok: true; readonly json: Buffer; readonly report: CloudReport }
  /** The function's own answer: final wherever it had run. */
  | { readonly ok: false; readonly error: CallError; readonly report: CloudReport }
  /** The cloud failed: the call may be placed again if it never ran, or is idempotent. */
  | { readonly ok: false; readonly failure: CloudFailure; readonly report: CloudReport };

/** How the cloud failed a call. */
export interface CloudFailure {
  readonly reason: CloudReason;
  /** False only if the function certainly never started. */
  readonly mayHaveRun: boolean;
}

/** A line that a function printed in the cloud. */
export interface CloudPrint {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/**
 * What became of a call that was sent: known when its exchange ends, which may be after the call was answered at its
 * deadline, or after its client has left.
 */
export interface CloudEnd {
  /** ok; else the name of the function's error, or why there is no result. */
  readonly outcome: string;
  /** Whether the function's own process answered. */
  readonly answered: boolean;
  /** False only if the function certainly never started. */
  readonly mayHaveRun: boolean;
  /** With the cost as it was settled. */
  readonly report: CloudReport;
  /** What it printed, as far as the answer has it. */
  readonly prints: readonly CloudPrint[];
  /** How many lines are only in the cloud's own log; 0: none, as far as is known. */
  readonly printsLeftOut: number;
  /** Where that log is: its group, and where the answer said so the stream in it. */
  readonly logGroup: string;
  readonly logStream?: string;
  /** What came in place of an answer: the gateway's words, or how the connection broke. */
  readonly detail?: string;
  /** The gateway's own name for a request that the function's process didn't answer. */
  readonly gatewayRequestId?: string;
}

/** Hears of the way of each call that is sent. It must neither throw nor take long. */
export interface CloudListener {
  /** It has left. */
  sent(call: CloudCall): void;
  /** It has ended; once for each that was sent. */
  ended(call: CloudCall, end: CloudEnd): void;
}

/** A call under way in the cloud. */
export interface PendingCloudCall {
  /** The client has gone: `answer` won't be called any more. The call goes on and is paid for. */
  cancel(): void;
}

/** What the operator sees of the cloud. */
export interface CloudStatus {
  readonly state: CloudState;
  /** Absent while ready. */
  readonly reason?: CloudReason;
  /** One line for the operator: what happened and what to do. */
  readonly detail?: string;
  readonly url?: string;
  readonly functionName?: string;
  /** Calls sent since this process started. */
  readonly calls: number;
  /** Calls sent and not yet answered. */
  readonly inFlight: number;
  /** Spent and reserved this UTC day, in US dollars. */
  readonly costTodayUsd: number;
  readonly budgetUsd: number;
}

/** What is deployed: the same bytes that the workers run. */
export interface CloudBundle {
  readonly hash: string;
  readonly code: string | Uint8Array;
  /** The variables that its functions get; those of the settings where it has none. */
  readonly env?: Readonly<Record<string, string>>;
  /** The names of its functions; absent where they aren't known: then any may be called. */
  readonly functions?: readonly string[];
}

/** What a deployment did, or with dryRun would do; one line for each step, in order. */
export interface DeployReport {
  readonly steps: readonly string[];
}

/** What destroy removed, and what it had to leave with the reason; one line each. */
export interface DestroyReport {
  readonly removed: readonly string[];
  readonly left: readonly string[];
}

/** What is to be measured at several sizes of memory. */
export interface CalibrationOrder {
  readonly spec: FunctionSpec;
  /** Undefined: none. */
  readonly params: Params | undefined;
  /** What one call is given, in milliseconds. */
  readonly timeoutMs: number;
  /** The present size is measured in any case. */
  readonly sizesMb: readonly number[];
  /** What the recommendation is for. */
  readonly mix: Mix;
}

/** What a calibration is doing. */
export interface CalibrationProgress {
  readonly text: string;
  /** Calls made so far. */
  readonly calls: number;
}

/** The backend that spills over. Only deploy, calibrate, destroy and figures reject, with an Error whose message is one line for the operator. */
export interface CloudBackend {
  /** Changes when calls are taken or refused; cheap enough to read for every placement. */
  readonly state: CloudState;
  /** Why it takes no calls; undefined while ready. */
  readonly reason: CloudReason | undefined;
  /** What its calls are paid by; the dearest region's prices until the region is known. Cheap enough for every placement. */
  readonly rate: Rate;
  /** Whether the bundle in use has a function of that name: it may be another than the pool's for a while, or none. Cheap as well. */
  has(method: string): boolean;
  /**
   * Sends a call. `answer` is called exactly once, never before this returns, unless cancelled; at the latest when the
   * deadline has passed.
   */
  call(call: CloudCall, answer: (outcome: CloudOutcome) => void): PendingCloudCall;
  status(): CloudStatus;
  /**
   * Brings the cloud to what the settings and the bundle say, and calls once to see that it works. While it runs no
   * calls are taken; when it fails the cloud is degraded and tried again by itself.
   */
  deploy(bundle: CloudBundle, options?: { readonly dryRun?: boolean }): Promise<DeployReport>;
  /**
   * Measures a function at several sizes of memory, on a copy that calls don't see and that is removed again. One at a time, only
   * while ready; a deployment, a removal or the close ends it.
   */
  calibrate(order: CalibrationOrder): Promise<CalibrationReport>;
  /** What the calibration under way is doing; undefined while there is none. */
  readonly calibration: CalibrationProgress | undefined;
  /** Ends the calibration under way, if there is one. */
  stopCalibration(): void;
  /** Removes everything that deploy made, in reverse. Takes no calls afterwards, until the next deploy. */
  destroy(): Promise<DestroyReport>;
  /** The vendor's own figures of the last hour, at most a minute old; undefined where there are none. */
  figures(): Promise<CloudFigures | undefined>;
  /** Takes a sample of the balancer's own figures for the vendor's monitoring; does nothing where that isn't wanted. */
  record(sample: BalancerFigures): void;
  /** Ends sockets and timers, gives calls in flight up as unknown. Removes nothing in the cloud. */
  close(): Promise<void>;
}

/** The vendor's figures of one function over `periodMs` before `at`. Times in milliseconds; absent: no calls. */
export interface CloudFigures {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly periodMs: number;
  readonly invocations: number;
  readonly errors: number;
  readonly throttles: number;
  readonly maxConcurrent: number;
  readonly durationP50Ms?: number;
  readonly durationP99Ms?: number;
}

/** The balancer's figures at one moment. */
export interface BalancerFigures {
  /** Calls running and waiting here. */
  readonly load: number;
  readonly workers: number;
  /** Calls offloaded since the last sample. */
  readonly offloaded: number;
}
