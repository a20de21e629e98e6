/** The pool as the autoscaler sees it, and what its plans do to the workers. */
import type { Logger } from 'pino';
import type { Launcher } from '../runtime/launcher.ts';
import type { ScaledPool, ScalingReport } from './autoscaler.ts';
import type { Member } from './members.ts';
import type { Limits, Observation } from './observation.ts';
import type { Plan } from './plan.ts';
import { Recruiter, type RecruiterOptions } from './recruiter.ts';
import { pause } from './starts.ts';

/** A worker that was ready for this long and then died is replaced at once, in milliseconds. */
const STEADY_MS = 10_000;
/** For so long a young death is held against the next worker that a plan starts, in milliseconds: over twice the longest wait. */
const HELD_AGAINST_MS = 25_000;

/** The pause before a worker that couldn't be replaced is tried again, in milliseconds. */
const RENEW_AGAIN_MS = 10_000;

/** What the calls say of the load; the rest of an observation is the crew's own. */
export type LoadFigures = Omit<Observation, 'workers' | 'standbyAgesMs' | 'newWorkerMs'>;

/** What the crew works with. */
export interface CrewOptions<Bundle extends { readonly hash: string }> extends RecruiterOptions<Bundle> {
  readonly limits: Limits;
  readonly load: () => LoadFigures;
  /** Hears what workers go through, and why; for the metrics. */
  readonly onEvent?: (event: CrewEvent, reason: string) => void;
}

/** A standby was frozen or thawed, or a lost worker is being replaced. */
export type CrewEvent = 'paused' | 'resumed' | 'restart';

/** The workers of one pool, from their start to their end. */
export class Crew<Bundle extends { readonly hash: string }> implements ScaledPool {
  /** N … 2N and the standbys; may be replaced at any time. */
  limits: Limits;
  readonly recruiter: Recruiter<Bundle>;
  readonly #launcher: Launcher;
  readonly #log: Logger;
  readonly #load: () => LoadFigures;
  readonly #onEvent: (event: CrewEvent, reason: string) => void;
  /** The workers that an operator takes out of service, and that wait for another in their place. */
  readonly #drains = new Map<string, Promise<void>>();
  /** The last worker that died young or didn't start: how many in a row with it, and when. */
  #youngDeath = { failures: 0, at: -Infinity };

  constructor(options: CrewOptions<Bundle>) {
    this.limits = options.limits;
    this.recruiter = new Recruiter(options);
    this.#launcher = options.launcher;
    this.#log = options.log;
    this.#load = options.load;
    this.#onEvent = options.onEvent ?? (() => undefined);
  }

  /**
   * Adopts, then starts what is missing; resolves when N are ready. Those taken over that were made with other settings, or
   * by another program, serve meanwhile, and are then replaced one by one.
   * @throws BundleFault if the functions are at fault, else an Error with the worker's last words. Call stop() then.
   */
  async start(): Promise<void> {
    const adopted = await this.recruiter.adopt();
    const missing = Math.max(0, this.limits.min - adopted);
    await Promise.all(Array.from({ length: missing }, () => this.recruiter.start({ failures: 0 }).ready));
    void this.recruiter.doing(this.#renew());
  }

  async #renew(): Promise<void> {
    const { outdated, stopped, members } = this.recruiter;
    if (outdated.length > 0)
      this.#log.info({ workers: outdated }, 'replacing workers that were started with other settings');
    for (const id of outdated) {
      // Until it goes; meanwhile the load or a reload may have had it replaced.
      while (!stopped.aborted && members.get(id)?.leaving === false) {
        try {
          await this.#drain(id, true);
        } catch (error) {
          if (stopped.aborted) return;
          this.warn(`worker ${id} could not be replaced; trying again`, error);
          await pause(RENEW_AGAIN_MS, stopped);
        }
      }
    }
  }

  /** Ends every worker. Nothing is started any more. */
  stop(): Promise<void> {
    return this.recruiter.stop();
  }

  /** Lets the workers go on for the next balancer, except those that aren't ready yet. Nothing is started any more. */
  leave(): Promise<void> {
    return this.recruiter.leave();
  }

  /** The pool says: this worker takes calls. */
  workerReady(id: string): void {
    this.recruiter.ready(id);
  }

  /** The pool says: this draining worker has no call left. It becomes a standby, or goes. */
  workerDrained(id: string): void {
    const member = this.recruiter.members.get(id);
    if (member === undefined || this.recruiter.stopped.aborted) return;
    if (member.leaving || this.recruiter.members.in('standby').length >= this.limits.standbys)
      void this.#dismiss(member);
    else this.#rest(member);
  }

  /** The pool says: this worker has left for good. It is removed, and replaced if fewer than N are left. */
  workerLost(id: string, reason: string): void {
    if (this.recruiter.lost(id, reason)) return;
    const member = this.recruiter.members.get(id);
    if (member === undefined || this.recruiter.stopped.aborted) return;
    this.recruiter.bury(member);
    const steady = member.readyAt !== undefined && performance.now() - member.readyAt > STEADY_MS;
    const failures = steady ? 0 : member.failures;
    if (!steady) this.#diedYoung(failures);
    const replaced = this.#tooFew() && !member.leaving;
    this.#log.warn({ worker: id, reason }, replaced ? 'worker lost; replacing it' : 'worker lost');
    // Above N too, one that died young holds its place for a while: the next one would die as well.
    if (!replaced && failures === 0) return;
    this.#onEvent('restart', reason);
    this.#replace(failures);
  }

  observe(): Observation {
    const now = performance.now();
    const { members, timings, vacancies } = this.recruiter;
    const counts = members.counts();
    const standbyAgesMs = members.in('standby').map(({ restedAt }) => now - restedAt);
    return {
      ...this.#load(),
      workers: { ...counts, starting: counts.starting + vacancies },
      standbyAgesMs,
      newWorkerMs: standbyAgesMs.length > 0 ? timings.resumeMs : timings.startMs,
    };
  }

  /**
   * In how many milliseconds each worker will be ready that is being started or resumed, the soonest first. One that is
   * overdue is expected to take as long again as it has taken.
   */
  workersReadyInMs(): number[] {
    const now = performance.now();
    const { members, timings } = this.recruiter;
    const left = members.in('starting').map(({ resuming, since }) => {
      const leftMs = (resuming ? timings.resumeMs : timings.startMs) - (now - since);
      return leftMs > 0 ? leftMs : now - since;
    });
    return left.sort((a, b) => a - b);
  }

  async act(plan: Plan): Promise<void> {
    const { members } = this.recruiter;
    const byCalls = (a: Member, b: Member): number => a.worker.running - b.worker.running;
    const byRest = (a: Member, b: Member): number => a.restedAt - b.restedAt;
    const oldest = members.in('standby').sort(byRest);
    const resumed = oldest.splice(oldest.length - Math.min(plan.resume, oldest.length));
    const changes = [
      ...resumed.map((member) => this.#resumeOrStart(member)),
      ...Array.from({ length: plan.start }, () => this.#startOne()),
      ...oldest.slice(0, plan.discard).map((member) => this.#dismiss(member)),
    ];
    for (const { worker } of members.in('draining').sort(byCalls).slice(0, plan.readmit)) worker.readmit();
    for (const { worker } of members.in('ready').sort(byCalls).slice(0, plan.drain)) worker.drain();
    const failed = (await Promise.allSettled(changes)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  report(report: ScalingReport): void {
    if (report.kind === 'decided') {
      const { plan, reason, figures } = report.decision;
      this.#log.debug({ plan, reason, figures }, 'scaling');
    } else if (report.kind === 'failed') {
      const { what, error, retryInMs } = report;
      const stands = what === 'start' ? 'no worker can be started' : 'the pool can’t be changed';
      this.#log.error({ err: error, retryInMs }, `${stands}; trying again`);
    } else this.#log.info({ what: report.what }, 'the pool can be changed again');
  }

  /**
   * Takes a worker out of service once its calls have ended. Another takes its place first, where fewer than N would be
   * left. Resolves when it takes no more calls. Asked again meanwhile, it is the same drain.
   * @throws Error if there is no such worker, or no other can be started.
   */
  drainWorker(id: string): Promise<void> {
    return this.#drain(id, false);
  }

  /** @param replaces whether another takes its place in any case */
  #drain(id: string, replaces: boolean): Promise<void> {
    let drain = this.#drains.get(id);
    if (drain === undefined) {
      drain = this.#drainOnce(id, replaces).finally(() => this.#drains.delete(id));
      this.#drains.set(id, drain);
    }
    return drain;
  }

  async #drainOnce(id: string, replaces: boolean): Promise<void> {
    const member = this.recruiter.members.get(id);
    if (member === undefined || member.leaving) throw new Error(`there is no worker ${JSON.stringify(id)}`);
    const { state } = member.worker;
    if (state === 'standby') {
      await this.#dismiss(member);
      return;
    }
    const { ready, starting } = this.recruiter.members.counts();
    if (state === 'ready' && (replaces || ready + starting <= this.limits.min)) {
      const other = await this.recruiter.start({ failures: 0, understudy: true }).ready;
      other.understudy = false;
    }
    this.retire(member);
  }

  /** It goes when its calls have ended; nothing takes its place. */
  retire(member: Member): void {
    member.leaving = true;
    const { worker } = member;
    if (worker.state === 'standby' || worker.state === 'starting') void this.#dismiss(member);
    else worker.drain();
  }

  /** Tells the operator. */
  warn(message: string, error: unknown): void {
    this.#log.warn({ err: error }, message);
  }

  #tooFew(): boolean {
    const { ready, starting } = this.recruiter.members.counts();
    return ready + starting + this.recruiter.vacancies < this.limits.min;
  }

  #diedYoung(failures: number): void {
    this.#youngDeath = { failures: failures + 1, at: performance.now() };
  }

  #replace(failures: number): void {
    void this.recruiter.replace(failures, () => this.#tooFew());
  }

  async #startOne(): Promise<void> {
    const { failures: before, at } = this.#youngDeath;
    const failures = performance.now() - at < HELD_AGAINST_MS ? before : 0;
    const { launched, ready } = this.recruiter.start({ failures });
    let begun = false;
    ready.catch((error: unknown) => {
      if (!begun || this.recruiter.stopped.aborted) return; // the autoscaler is told
      this.#log.error({ err: error }, 'a worker could not be started; trying again');
      this.#diedYoung(failures);
      this.#replace(failures + 1);
    });
    await launched;
    begun = true;
  }

  #rest(member: Member): void {
    const { id } = member.worker;
    member.worker.rest();
    member.restedAt = performance.now();
    this.#onEvent('paused', 'not needed');
    member.work = this.recruiter.doing(
      this.#launcher.pause(id).catch(async (error: unknown) => {
        this.#log.warn({ worker: id, err: error }, 'a worker could not be paused; removing it');
        await this.#dismiss(member);
      }),
    );
  }

  /** A standby that can't be resumed is removed, and another is started in its place. */
  async #resumeOrStart(member: Member): Promise<void> {
    const { id } = member.worker;
    member.resuming = true;
    member.since = performance.now();
    try {
      await member.work;
      await this.#launcher.resume(id);
      if (member.worker.state !== 'standby') throw new Error('it was lost meanwhile');
    } catch (error) {
      this.#log.warn({ worker: id, err: error }, 'a standby could not be resumed; replacing it');
      void this.#dismiss(member);
      await this.#startOne();
      return;
    } finally {
      member.resuming = false;
    }
    this.recruiter.timings.resumed(performance.now() - member.since);
    this.#onEvent('resumed', 'needed');
    member.worker.readmit();
  }

  #dismiss(member: Member): Promise<void> {
    return this.recruiter.remove(member.worker.id, 'it isn’t needed any more');
  }
}
