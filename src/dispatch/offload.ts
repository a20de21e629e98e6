/**
 * Which calls leave for the cloud, and when: on arrival, when a wait has become too long, and when a call runs too long
 * here. The decision is placement.ts; this gathers what it is to know, watches the clock, and sends.
 */
import type { CloudBackend } from '../cloud/backend.ts';
import { fitsEvent } from '../cloud/event.ts';
import { cloudFailed } from '../errors.ts';
import type { ActiveCall } from './active-call.ts';
import type { CallRequest } from './call.ts';
import { Deadlines } from './deadlines.ts';
import type { Demand } from './demand.ts';
import type { CallObserver } from './observer.ts';
import {
  MAX_RUNS,
  place,
  startInCloudToo,
  type Observation,
  type OffloadPolicy,
  type PlacementReason,
} from './placement.ts';
import { Watch } from './watch.ts';

/** A call that the cloud couldn't have when it was looked at is looked at again this often, in milliseconds. */
const LOOK_AGAIN_MS = 250;

/** When calls leave; may be changed while calls are under way. */
export interface OffloadRule {
  readonly policy: OffloadPolicy;
  /** The wait from which on the threshold policy offloads, in milliseconds. */
  readonly waitMs: number;
}

/** The pool's side, as far as a placement needs it. */
export interface LocalSide {
  /** Whether a slot could take the call now, and nobody waits for it. */
  hasRoomFor(call: ActiveCall): boolean;
  /** Whether the call may wait. */
  mayWait(call: ActiveCall): boolean;
  /** What a call arriving now would wait, in milliseconds. */
  expectedWaitMs(): number;
  /** It is about to be sent to the cloud: it waits no longer, if it did. */
  leaves(call: ActiveCall): void;
  /** Places what waits: a slot may have been held back for one that has left. */
  pump(): void;
}

/** Who is told what is sent. */
interface OffloadListeners {
  readonly observer: CallObserver | undefined;
  readonly demand: Demand;
}

/** Why a call stays here. */
export type Stays = PlacementReason | 'no slot free';

/** The way to the cloud. Without a cloud nothing is asked or watched. */
export class Offload {
  /** May be replaced while calls are under way. */
  rule: OffloadRule;
  /** Calls sent since the start. */
  sent = 0;
  readonly #local: LocalSide;
  readonly #watches = new Deadlines<Watch>();
  #cloud: CloudBackend | undefined;
  readonly #observer: CallObserver | undefined;
  readonly #demand: Demand;

  constructor(rule: OffloadRule, local: LocalSide, { observer, demand }: OffloadListeners) {
    this.#demand = demand;
    this.rule = rule;
    this.#local = local;
    this.#observer = observer;
  }

  /** From now on there is a cloud; whether it takes calls is its own word. */
  useCloud(cloud: CloudBackend): void {
    this.#cloud = cloud;
  }

  /** Whether a placement is asked before the pool is tried. For all others a free slot decides, at no further cost. */
  asksFirst({ backend }: CallRequest): boolean {
    return backend === 'cloud' || (backend === undefined && this.rule.policy === 'always');
  }

  /** Takes a call that has come and found no slot, or is asked about first. @returns why it stays here, if it does */
  take(call: ActiveCall): Stays | undefined {
    const { backend } = call.request;
    if (backend === 'pool' || (this.#cloud === undefined && backend !== 'cloud')) return 'no slot free';
    const { place: where, reason } = place(this.#observe(call, 0));
    if (where === 'cloud') {
      this.#send(call, reason);
      return undefined;
    }
    if (where !== 'reject' || backend !== 'cloud') return reason;
    this.#observer?.placed(call, 'reject', reason);
    call.fail(cloudFailed(reason, `The cloud can't take the call: ${reason}`, false));
    return undefined;
  }

  /** A call has begun to wait: it is placed again once it has waited too long. */
  watchWait(call: ActiveCall): void {
    if (this.#mayLeave(call)) this.#watch(call, this.rule.waitMs);
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

  /** It neither waits nor runs here any more. */
  unwatch(call: ActiveCall): void {
    if (call.watch === undefined) return;
    this.#watches.delete(call.watch);
    call.watch = undefined;
  }

  /** Looks at no call any more. */
  close(): void {
    this.#watches.close();
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
    if (!call.wanted) return;
    const now = performance.now();
    if (call.waiting) {
      const waitedMs = now - call.waitingSince;
      const { place: where, reason } = place(this.#observe(call, waitedMs));
      if (where === 'cloud') this.#send(call, reason);
      else this.#watch(call, Math.max(this.rule.waitMs - waitedMs, LOOK_AGAIN_MS));
      return;
    }
    const runningMs = call.runningMs(now);
    if (runningMs === undefined || call.attempts >= MAX_RUNS) return;
    const { idempotent, localTimeoutMs } = call.request.spec;
    const observation = this.#observe(call, 0);
    if (startInCloudToo({ idempotent, localTimeoutMs, runningMs, observation }))
      this.#send(call, 'slow here');
    else this.#watch(call, Math.max((localTimeoutMs ?? 0) - runningMs, LOOK_AGAIN_MS));
  }

  /** The only place that says what a placement knows. */
  #observe(call: ActiveCall, waitedMs: number): Observation {
    const { request, local, cloud } = call;
    const { policy, waitMs } = this.rule;
    return {
      policy,
      offloadWaitMs: waitMs,
      forced: request.backend,
      slotFree: !call.waiting && this.#local.hasRoomFor(call),
      mayWait: call.waiting || this.#local.mayWait(call),
      waitedMs,
      // One that waits already is judged by how long it has.
      expectedWaitMs: local.known && !call.waiting ? this.#local.expectedWaitMs() : undefined,
      offload: request.spec.offload,
      fitsEvent: fitsEvent(request.params),
      cloudRunMs: cloud.wallMs.count > 0 ? cloud.wallMs.mean : local.known ? local.wallMs.mean : undefined,
      cloud: this.#cloud === undefined ? 'off' : this.#cloud.reason,
    };
  }

  #send(call: ActiveCall, reason: PlacementReason | 'slow here'): void {
    const cloud = this.#cloud;
    if (cloud === undefined) return;
    this.unwatch(call);
    this.#local.leaves(call);
    this.sent += 1;
    this.#demand.offload(call.local, call.concurrency);
    this.#observer?.placed(call, 'cloud', reason);
    call.startInCloud(cloud);
    this.#local.pump();
  }
}
