/**
 * Which calls leave for the cloud, and when: on arrival, when a wait has become too long (under predictive: whenever the
 * lookout looks), and when a call runs too long here. The decision is placement.ts; this gathers what it is to know,
 * watches the clock, and sends.
 */
import type { CloudBackend } from '../cloud/backend.ts';
import { cloudFailed } from '../errors.ts';
import type { ActiveCall } from './active-call.ts';
import { Deadlines } from './deadlines.ts';
import type { Demand } from './demand.ts';
import type { Choice } from './foresight.ts';
import { Learning } from './learning.ts';
import { Lookout, type WayOut } from './lookout.ts';
import { observe, suitsCloud, type ForeseenWait, type LocalSide, type OffloadRule } from './observation.ts';
import type { CallObserver } from './observer.ts';
import {
  MAX_RUNS,
  place,
  startInCloudToo,
  type ExpectedFinish,
  type Observation,
  type PlacementReason,
} from './placement.ts';
import { Watch } from './watch.ts';

/** A call that the cloud couldn't have when it was looked at is looked at again this often, in milliseconds. */
const LOOK_AGAIN_MS = 250;
/** And one that waits for a slot about to be ready, no sooner than this. */
const SOONEST_LOOK_MS = 20;

/** Who is told what is sent, and what may be spent. */
interface OffloadParts {
  readonly observer: CallObserver | undefined;
  readonly demand: Demand;
  /** What an hour of saved waiting may cost under predictive, in US dollars. */
  readonly usdPerHour: number;
}

/** Why a call stays here, and what was expected of it where both places were weighed. */
export interface Stays {
  readonly reason: PlacementReason | 'no slot free';
  readonly expected?: ExpectedFinish | undefined;
}

/** Why a call, or a copy of it, is sent. */
interface Sent {
  readonly reason: PlacementReason | 'slow here' | 'starts an instance' | 'explores';
  readonly expected?: ExpectedFinish | undefined;
  /** What it saves others, for whose sake it is sent, in milliseconds. */
  readonly othersMs?: number;
  /** It keeps its place here. */
  readonly copy?: boolean;
}

/** With no slot at all a call would wait for ever, which JSON can't say: an hour stands for it. */
const FOR_EVER_MS = 3_600_000;

const NO_SLOT: Stays = { reason: 'no slot free' };

/** The way to the cloud. Without a cloud nothing is asked or watched. */
export class Offload implements WayOut {
  /** Told that the rule has been replaced. */
  onRule: () => void = () => undefined;
  #rule: OffloadRule;
  readonly usdPerHour: number;
  readonly #local: LocalSide;
  readonly #watches = new Deadlines<Watch>();
  #cloud: CloudBackend | undefined;
  #learning: Learning | undefined;
  #lookout: Lookout | undefined;
  readonly #observer: CallObserver | undefined;
  readonly #demand: Demand;

  constructor(rule: OffloadRule, local: LocalSide, { observer, demand, usdPerHour }: OffloadParts) {
    this.#demand = demand;
    this.#rule = rule;
    this.usdPerHour = usdPerHour;
    this.#local = local;
    this.#observer = observer;
  }

  /** Calls sent since the start; those that the cloud refused at the last moment weren't. */
  get sent(): number {
    return this.#cloud?.status().calls ?? 0;
  }

  /** May be replaced while calls are under way. */
  get rule(): OffloadRule {
    return this.#rule;
  }

  set rule(rule: OffloadRule) {
    this.#rule = rule;
    this.onRule();
  }

  /** From now on there is a cloud; whether it takes calls is its own word. */
  useCloud(cloud: CloudBackend): void {
    this.#cloud = cloud;
    this.#learning = new Learning(cloud);
    this.#lookout = new Lookout(this.#local, this.#learning, this, () => this.#demand.total);
  }

  /**
   * Whether a placement is asked before the pool is tried. For all others a free slot decides, at no further cost; under
   * predictive unless the cloud is known to run the function faster, since it can't be sooner else.
   */
  asksFirst({ request: { backend }, record }: ActiveCall): boolean {
    if (backend !== undefined) return backend === 'cloud';
    const { policy } = this.rule;
    return policy === 'always' || (policy === 'predictive' && record.estimates?.fasterThere === true);
  }

  /** Takes a call that has come and found no slot, or is asked about first. @returns why it stays here, if it does */
  take(call: ActiveCall): Stays | undefined {
    const { backend } = call.request;
    if (backend === 'pool' || (this.#cloud === undefined && backend !== 'cloud')) return NO_SLOT;
    // Those leave first that have the most to gain; it may be among them.
    if (backend === undefined && this.isWanted() && !this.#local.hasRoomFor(call)) {
      if (this.#lookout?.look(this.#local.noRoomFor(call) === undefined ? call : undefined) === true)
        return undefined;
    }
    const { place: where, reason, expected } = place(this.#observe(call, 0));
    if (where === 'cloud' && !call.inCloud) {
      this.#send(call, { reason, expected });
      return undefined;
    }
    if (where === 'reject' && backend === 'cloud') {
      this.#observer?.placed(call, 'reject', reason);
      call.fail(cloudFailed(reason, `The cloud can't take the call: ${reason}`, false));
      return undefined;
    }
    const told = bounded(expected);
    if (told !== undefined) call.weighed = { reason, ...told };
    if (expected !== undefined && where === 'queue') this.#learning?.stays(call, expected.localMs);
    return { reason, expected: told };
  }

  /** A call has begun to wait: it is placed again once it has waited too long, or whenever the lookout looks. */
  watchWait(call: ActiveCall): void {
    if (!this.#mayLeave(call)) return;
    if (this.isWanted()) this.#lookout?.watch();
    else this.#watch(call, this.rule.waitMs);
  }

  /** A slot has started a call: it is started in the cloud too if it takes too long. */
  watchRun(call: ActiveCall): void {
    const { localTimeoutMs, idempotent } = call.request.spec;
    if (localTimeoutMs !== undefined && idempotent && this.#mayLeave(call)) this.#watch(call, localTimeoutMs);
  }

  /** A call has left the queue. */
  leftQueue(call: ActiveCall): void {
    this.unwatch(call);
    if (call.leased) this.watchRun(call);
  }

  /** A call starts here that has waited: a few are copied to the cloud, so that the estimates don't go stale. */
  explore(call: ActiveCall): void {
    if (this.#learning === undefined || !this.isOpen() || !this.mayLeave(call)) return;
    const { predictor } = this.#learning;
    const now = performance.now();
    const waitedMs = now - call.waitingSince;
    if (predictor.explores(this.#learning.of(call), call.request.spec.idempotent, waitedMs, now))
      this.#send(call, { reason: 'explores', copy: true });
  }

  /** It neither waits nor runs here any more. */
  unwatch(call: ActiveCall): void {
    if (call.watch === undefined) return;
    this.#watches.delete(call.watch);
    call.watch = undefined;
  }

  /** A slot has run a call for `runMs`. */
  ran(call: ActiveCall, runMs: number): void {
    this.#learning?.ran(call, runMs);
  }

  /** Looks at no call any more. */
  close(): void {
    this.#watches.close();
    this.#lookout?.close();
  }

  isWanted(): boolean {
    return this.rule.policy === 'predictive';
  }

  isOpen(): boolean {
    return this.isWanted() && this.#cloud !== undefined && this.#cloud.reason === undefined;
  }

  mayLeave(call: ActiveCall): boolean {
    // One that is just being answered may still stand in the queue.
    if (!call.wanted || !this.#mayLeave(call) || call.inCloud || call.attempts >= MAX_RUNS) return false;
    if (call.deadlineAt <= performance.now()) return false; // it is about to be told of that
    return suitsCloud(call, this.#cloud);
  }

  mayCopy(call: ActiveCall): boolean {
    return call.request.spec.idempotent && call.attempts === 0;
  }

  leave(call: ActiveCall, { waitMs, relievesMs, forOthers, copy }: Choice): boolean {
    if (copy) {
      this.#send(call, { reason: 'starts an instance', copy });
      return true;
    }
    const waitedMs = call.waiting ? performance.now() - call.waitingSince : 0;
    const {
      place: where,
      reason,
      expected,
    } = place(this.#observe(call, waitedMs, { waitMs, relievesMs, forOthers }));
    if (where !== 'cloud') return false;
    // What it is judged by: for others' sake it may well lose.
    const othersMs = reason === 'relieves others' ? relievesMs : 0;
    this.#send(call, { reason, expected, othersMs });
    return true;
  }

  unwatched(calls: readonly ActiveCall[]): void {
    for (const call of calls) if (call.watch === undefined) this.watchWait(call);
  }

  /** Whether it could ever be sent, whatever the cloud says just now. */
  #mayLeave({ request, refusedByCloud }: ActiveCall): boolean {
    if (this.#cloud === undefined || this.rule.policy === 'never') return false;
    return request.backend === undefined && request.spec.offload && !refusedByCloud;
  }

  #watch(call: ActiveCall, inMs: number): void {
    this.unwatch(call);
    const watch = new Watch(performance.now() + inMs, () => {
      call.watch = undefined;
      this.#look(call);
    });
    call.watch = watch;
    this.#watches.add(watch);
  }

  #look(call: ActiveCall): void {
    const now = performance.now();
    if (!call.wanted || call.deadlineAt <= now) return;
    if (call.waiting) {
      // The policy may have changed since.
      if (this.isWanted() || call.inCloud) return this.watchWait(call);
      const waitedMs = now - call.waitingSince;
      const observation = this.#observe(call, waitedMs);
      const { place: where, reason } = place(observation);
      const { slotReadyInMs = 0 } = observation;
      if (where === 'cloud') this.#send(call, { reason });
      else if (reason === 'slot coming') this.#watch(call, Math.max(slotReadyInMs, SOONEST_LOOK_MS));
      else this.#watch(call, Math.max(this.rule.waitMs - waitedMs, LOOK_AGAIN_MS));
      return;
    }
    const runningMs = call.runningMs(now);
    if (runningMs === undefined || call.attempts >= MAX_RUNS || call.refusedByCloud) return;
    const { idempotent, localTimeoutMs } = call.request.spec;
    const observation = this.#observe(call, 0);
    if (startInCloudToo({ idempotent, localTimeoutMs, runningMs, observation }))
      this.#send(call, { reason: 'slow here' });
    else this.#watch(call, Math.max((localTimeoutMs ?? 0) - runningMs, LOOK_AGAIN_MS));
  }

  #observe(call: ActiveCall, waitedMs: number, foreseen?: ForeseenWait): Observation {
    const { rule, usdPerHour } = this;
    const parts = { rule, usdPerHour, local: this.#local, cloud: this.#cloud };
    return observe(call, { ...parts, learning: this.#learning, lookout: this.#lookout }, waitedMs, foreseen);
  }

  #send(call: ActiveCall, { reason, expected, othersMs = 0, copy = false }: Sent): void {
    const cloud = this.#cloud;
    const learning = this.#learning;
    if (cloud === undefined || learning === undefined) return;
    const told = bounded(expected);
    if (told !== undefined) call.weighed = { reason, ...told };
    if (!copy) {
      this.unwatch(call);
      this.#local.leaves(call);
      this.#demand.offload(call.local, call.concurrency);
    }
    this.#observer?.placed(call, 'cloud', reason, told);
    const localMs = expected && expected.localMs + othersMs;
    const ended = learning.sent(call, { localMs, copy: copy || call.leased });
    call.startInCloud(cloud, (outcome) => {
      ended(outcome);
      if (this.isWanted()) this.#lookout?.look();
    });
    if (!copy) this.#local.pump();
  }
}

function bounded(expected: ExpectedFinish | undefined): ExpectedFinish | undefined {
  return expected && { ...expected, localMs: Math.min(expected.localMs, FOR_EVER_MS) };
}
