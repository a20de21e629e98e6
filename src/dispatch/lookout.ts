/**
 * Looks over the waiting calls for those that should leave under predictive: when one more has come, every 20 ms while any
 * waits, and after each answer of the cloud.
 */
import type { ActiveCall } from './active-call.ts';
import {
  MOST_THROTTLE_CHANCE,
  chooseToLeave,
  queueWaits,
  type Choice,
  type WaitingCall,
} from './foresight.ts';
import { Inflow } from './inflow.ts';
import type { Learning } from './learning.ts';

/** How often the waiting calls are looked at again, in milliseconds. */
const LOOK_EVERY_MS = 20;
/** At most so many leave at one look: the next follows within LOOK_EVERY_MS. */
const LEAVE_AT_ONCE = 4;
/** At most so many of the waiting are looked at: those behind were weighed when they came, and come up for it again. */
const MOST_LOOKED_AT = 100;
/** A queue longer than this is looked at at most so often, in milliseconds, however many calls come: a look takes 0.1 ms. */
const SHORT_QUEUE = 20;
const LONG_QUEUE_GAP_MS = 5;

/** The waiting calls and the slots. Times in milliseconds from now. */
export interface WaitingLine {
  /** How many calls wait. */
  readonly size: number;
  /** The first `limit` of them, in the order in which they will be served. */
  waiting(limit: number): ActiveCall[];
  /** When each slot will be free, those that are about to be ready included. */
  freeInMs(): number[];
  /** What a call arriving now would wait, from means alone. */
  expectedWaitMs(): number;
}

/** What has come so far, wherever it went: counters that only ever grow. */
export interface Arrivals {
  readonly calls: number;
  /** Their expected work, in slot-milliseconds. */
  readonly workMs: number;
}

/** What leaving takes. */
export interface WayOut {
  readonly usdPerHour: number;
  /** Whether calls are placed by foresight at all; if not, the timer stops. */
  isWanted(): boolean;
  /** Whether the cloud takes calls just now. */
  isOpen(): boolean;
  /** Whether the cloud may have the call, as far as that is the call's own. */
  mayLeave(call: ActiveCall): boolean;
  /** Whether it may run in both places. */
  mayCopy(call: ActiveCall): boolean;
  /** Places a call once more that has the most to gain. @returns whether it, or its copy, has left */
  leave(call: ActiveCall, choice: Choice): boolean;
  /** They aren't looked at any more, since that isn't wanted. */
  unwatched(calls: readonly ActiveCall[]): void;
}

/** The eyes of one balancer. */
export class Lookout {
  readonly #line: WaitingLine;
  readonly #learning: Learning;
  readonly #wayOut: WayOut;
  readonly #arrivals: () => Arrivals;
  readonly #inflow = new Inflow();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = -Infinity;
  #looking = false;

  constructor(line: WaitingLine, learning: Learning, wayOut: WayOut, arrivals: () => Arrivals) {
    this.#arrivals = arrivals;
    this.#line = line;
    this.#learning = learning;
    this.#wayOut = wayOut;
  }

  /** A call waits: looks at it again and again, until none does. */
  watch(): void {
    this.#timer ??= setTimeout(this.#lookAgain, LOOK_EVERY_MS);
  }

  /** Stops the timer. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Lets those leave that have the most to gain; `arriving` stands behind all that wait.
   * @returns whether that one has left
   */
  look(arriving?: ActiveCall): boolean {
    const { size } = this.#line;
    const now = performance.now();
    // What leaves makes room, which may lead here again.
    if (this.#looking || (size === 0 && arriving === undefined)) return false;
    if (size > SHORT_QUEUE && now - this.#lookedAt < LONG_QUEUE_GAP_MS) return false;
    this.#lookedAt = now;
    const { calls, workMs } = this.#arrivals();
    this.#inflow.observe(calls, workMs, now);
    this.#looking = true;
    let last = arriving;
    try {
      for (let times = LEAVE_AT_ONCE; times > 0; times -= 1) {
        const left = this.#letLeave(last, now);
        if (left === undefined) break;
        if (left.call === last && !left.copy) last = undefined;
      }
    } finally {
      this.#looking = false;
    }
    return last !== arriving;
  }

  /** What a call that has just come would wait for a slot, in milliseconds. */
  waitMs(): number {
    if (this.#line.size > MOST_LOOKED_AT) return this.#line.expectedWaitMs();
    const takesMs = this.#line.waiting(MOST_LOOKED_AT).map((call) => this.#takesMs(call));
    return queueWaits(this.#line.freeInMs(), [...takesMs, 0]).at(-1) ?? Infinity;
  }

  /** @returns the one that has left, if one has */
  #letLeave(arriving: ActiveCall | undefined, now: number): { call: ActiveCall; copy: boolean } | undefined {
    if (!this.#wayOut.isOpen()) return undefined;
    const { cloud } = this.#learning.predictor;
    const outlook = cloud.outlook(now);
    // The cloud is at its limit, for whomever.
    if (outlook.throttleChance > MOST_THROTTLE_CHANCE) return undefined;
    const calls = this.#line.waiting(MOST_LOOKED_AT);
    if (arriving !== undefined && calls.length < MOST_LOOKED_AT) calls.push(arriving);
    const waiting = calls.map((call): WaitingCall => {
      const mayLeave = this.#wayOut.mayLeave(call);
      return {
        foresight: this.#learning.foresee(call, now, outlook),
        remainingMs: call.deadlineAt - now,
        mayLeave,
        mayCopy: mayLeave && this.#wayOut.mayCopy(call),
      };
    });
    const freeInMs = this.#line.freeInMs();
    const takesMs = calls.map(({ concurrency }, at) => (waiting[at]?.foresight.runMs ?? 0) / concurrency);
    const backlogMs = takesMs.reduce((sum, ms) => sum + ms, 0);
    const supply = {
      slots: freeInMs.length,
      starting: outlook.starting,
      usdPerHour: this.#wayOut.usdPerHour,
      toCome: this.#inflow.callsToCome(freeInMs.length, backlogMs),
    };
    const choice = chooseToLeave(waiting, queueWaits(freeInMs, takesMs), supply);
    const call = choice === undefined ? undefined : calls[choice.index];
    if (choice === undefined || call === undefined || !this.#wayOut.leave(call, choice)) return undefined;
    return { call, copy: choice.copy };
  }

  /** How long a call keeps a slot from others. */
  #takesMs(call: ActiveCall): number {
    return this.#learning.of(call).local.meanMs(call.characters) / call.concurrency;
  }

  readonly #lookAgain = (): void => {
    this.#timer = undefined;
    if (this.#line.size === 0) return;
    if (!this.#wayOut.isWanted()) {
      this.#wayOut.unwatched(this.#line.waiting(Infinity));
      return;
    }
    this.#timer = setTimeout(this.#lookAgain, LOOK_EVERY_MS);
    this.look();
  };
}
