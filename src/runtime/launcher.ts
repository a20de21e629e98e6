/** The port through which workers are started and ended. Implementations: docker.ts, process.ts, and a fake in test/fakes. */

/** What a new worker is told. The rest (image, limits, network, socket) is the launcher's own configuration. */
export interface WorkerOrder {
  /** Unique in the pool; letters, digits and `-`. */
  readonly id: string;
  /** The secret with which the worker proves its id when it dials in. */
  readonly token: string;
}

/** How a worker ended, for the operator. */
export interface WorkerExit {
  /** For example `exit code 1`, `killed by SIGKILL`, `out of memory`. */
  readonly reason: string;
  /** The end of what it printed, oldest first; at most 20 lines. */
  readonly lastLines: readonly string[];
}

/** A worker that was started. */
export interface LaunchedWorker {
  readonly containerId?: string;
  readonly pid?: number;
  /** Settles when the worker has ended, whoever ended it; never rejects. May never settle once the engine is lost. */
  readonly exited: Promise<WorkerExit>;
}

/** A worker of this pool that the runtime knows of, whoever started it. */
export interface ListedWorker {
  readonly id: string;
  readonly state: 'running' | 'paused' | 'exited';
  /** It was made in another way than a new one would be: by another program, or with other limits. */
  readonly outdated: boolean;
  /** A balancer with another state folder made it. It may be serving there; stop() removes it only once it has exited. */
  readonly foreign: boolean;
  readonly containerId?: string;
  readonly containerName?: string;
  readonly pid?: number;
}

/** What one worker has used, its slots included. */
export interface WorkerUsage {
  /** CPU time since its start, in milliseconds. */
  readonly cpuMs: number;
  /** Memory of its own now; files that the system keeps in memory don't count. */
  readonly memoryBytes: number;
}

/** Starts, ends, pauses and lists the workers of one pool. Every method rejects with an Error that says what to do. */
export interface Launcher {
  readonly runtime: 'docker' | 'process';
  /** Starts a worker. Rejects, leaving nothing behind, if it can't be started. */
  launch(order: WorkerOrder): Promise<LaunchedWorker>;
  /** Ends a worker at once and removes every trace of it, paused or not. Unknown ids are no error. */
  stop(id: string): Promise<void>;
  /** Freezes an idle worker. A runtime that can't freeze leaves it idle. */
  pause(id: string): Promise<void>;
  /** Undoes pause; a running worker is no error. */
  resume(id: string): Promise<void>;
  /** Every worker of this pool, also one started by an earlier balancer. */
  list(): Promise<ListedWorker[]>;
  /** LaunchedWorker's `exited`, of a worker that an earlier balancer started; undefined where the runtime can't tell. */
  watch(worker: ListedWorker): Promise<WorkerExit> | undefined;
  /** What the workers of this pool have used, by id, as far as the runtime can tell. It costs: not for every second. */
  usage(): Promise<ReadonlyMap<string, WorkerUsage>>;
  /** Lets go of connections and watchers; ends no worker. */
  close(): Promise<void>;
}

/** Thrown when a runtime can't serve here; the message is the reason, in the operator's words. */
export class RuntimeUnavailable extends Error {
  override readonly name = 'RuntimeUnavailable';
}
