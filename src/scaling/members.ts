/** The workers that were started or adopted and are not removed yet, as the scaling sees them. */
import type { WorkerExit } from '../runtime/launcher.ts';
import type { WorkerCounts } from './observation.ts';

/** A worker's states (DESIGN.md, States). */
type State = 'starting' | 'ready' | 'ejected' | 'draining' | 'standby' | 'gone';

/** A worker of the pool, as far as the crew needs it. */
export interface CrewWorker {
  readonly id: string;
  readonly state: State;
  /** Calls leased to it. */
  readonly running: number;
  /** Why it can't serve the bundle, if that is why it left. */
  readonly bundleFault: string | undefined;
  /** Why it is in its state, where there is something to say. */
  readonly reason: string | undefined;
  readonly bundle: { readonly hash: string };
  containerId: string | undefined;
  pid: number | undefined;
  /** No new calls; the pool tells when the last one has ended. */
  drain(): void;
  /** Drained: a standby from now on. */
  rest(): void;
  /** Takes calls again. */
  readmit(): void;
}

/** One of them. Times are performance.now(), in milliseconds. */
export interface Member {
  readonly worker: CrewWorker;
  /** How many in a row died young or didn't start before it. */
  readonly failures: number;
  /** It takes the place of another, which is still there: not counted until it does. */
  understudy: boolean;
  /** It goes for another reason than scaling, and isn't counted. */
  leaving: boolean;
  /** When it was started, or its resume began. */
  since: number;
  readyAt: number | undefined;
  /** How it ended, once it has; undefined where the runtime can't tell. */
  exited: Promise<WorkerExit> | undefined;
  /** A standby that is being resumed. */
  resuming: boolean;
  /** When it became a standby. */
  restedAt: number;
  /** Pausing and resuming, one after the other. */
  work: Promise<void>;
}

/** All of them, by id. */
export class Members {
  readonly #members = new Map<string, Member>();

  get(id: string): Member | undefined {
    return this.#members.get(id);
  }

  get ids(): string[] {
    return [...this.#members.keys()];
  }

  /** A worker that is being started or adopted. */
  add(worker: CrewWorker, changes: { failures: number; understudy: boolean }): Member {
    const now = performance.now();
    const member: Member = {
      worker,
      ...changes,
      leaving: false,
      since: now,
      readyAt: undefined,
      exited: undefined,
      resuming: false,
      restedAt: now,
      work: Promise.resolve(),
    };
    this.#members.set(worker.id, member);
    return member;
  }

  delete(id: string): void {
    this.#members.delete(id);
  }

  /** Those in that state that are counted; a standby being resumed counts as starting. */
  in(state: 'starting' | 'ready' | 'ejected' | 'draining' | 'standby'): Member[] {
    return [...this.#members.values()].filter((member) => {
      const { worker, resuming, leaving, understudy } = member;
      return !leaving && !understudy && (resuming ? 'starting' : worker.state) === state;
    });
  }

  /** Those that run another bundle than this, and are still there. */
  not(bundle: string): Member[] {
    return [...this.#members.values()].filter(({ worker }) => worker.bundle.hash !== bundle);
  }

  counts(): WorkerCounts {
    return {
      ready: this.in('ready').length,
      starting: this.in('starting').length,
      ejected: this.in('ejected').length,
      draining: this.in('draining').length,
    };
  }
}
