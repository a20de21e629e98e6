/** A fuller model of the cloud: distance, CPU, cold starts, instances that go, a limit with refusals, and AWS's prices. */
import type { CloudReason } from '../../src/cloud/backend.ts';
import { nextHealth, READY, type Health } from '../../src/cloud/health.ts';
import { callNanoUsd, pricesOf, refusedNanoUsd, type Rate } from '../../src/cloud/prices.ts';
import { runThere, type SimulatedCloud } from './cloud.ts';
import { exponential, type Random } from './random.ts';

export interface CloudProfile {
  readonly title: string;
  /** Request to answer without the run, in milliseconds; it varies by a tenth. */
  readonly roundTripMs: number;
  /** Run time there over run time here. */
  readonly slowdown: number;
  readonly coldStartMs: number;
  /** How long an idle instance stays, in milliseconds. */
  readonly keepMs: number;
  /** Calls it takes at once. */
  readonly limit: number;
}

const KEEP_MS = 300_000;
const ACCOUNT_LIMIT = 1000;

export const PROFILES = {
  near: {
    title: 'fast and near',
    roundTripMs: 30,
    slowdown: 1,
    coldStartMs: 300,
    keepMs: KEEP_MS,
    limit: ACCOUNT_LIMIT,
  },
  slow: {
    title: 'half the CPU',
    roundTripMs: 60,
    slowdown: 2,
    coldStartMs: 500,
    keepMs: KEEP_MS,
    limit: ACCOUNT_LIMIT,
  },
  far: {
    title: '300 ms away, 2 s cold',
    roundTripMs: 300,
    slowdown: 1,
    coldStartMs: 2000,
    keepMs: KEEP_MS,
    limit: ACCOUNT_LIMIT,
  },
  throttled: {
    title: 'throttled to 10',
    roundTripMs: 60,
    slowdown: 1,
    coldStartMs: 400,
    keepMs: KEEP_MS,
    limit: 10,
  },
} satisfies Record<string, CloudProfile>;

export type ProfileName = keyof typeof PROFILES;

/** A refused call's way there and back is a part of a whole round trip. */
const REFUSAL_PART = 0.8;
const NANO = 1e9;

export const RATE: Rate = { prices: pricesOf('us-east-1').prices, memoryMb: 1769, architecture: 'x86_64' };

/** A cloud of that profile. `usable` and the probes follow the balancer's own health.ts. */
export function profiledCloud(profile: CloudProfile, random: Random): SimulatedCloud {
  const { roundTripMs, slowdown, coldStartMs, keepMs, limit } = profile;
  /** When each idle instance was last used, ascending. */
  const idleSince: number[] = [];
  let busy = 0;
  let health: Health = READY;

  /** Looks whether a probe is due; it is a call of a moment, free of charge here. */
  const reasonAt = (nowMs: number): CloudReason | undefined => {
    if (health.state === 'degraded' && nowMs >= health.probeAt) {
      const event =
        busy < limit
          ? ({ kind: 'answered' } as const)
          : ({ kind: 'probe failed', reason: 'throttled' } as const);
      health = nextHealth(health, event, nowMs, random());
    }
    return health.reason;
  };
  const dropOld = (nowMs: number): void => {
    while (idleSince.length > 0 && nowMs - idleSince[0]! > keepMs) idleSince.shift();
  };
  return {
    reason: reasonAt,
    delayMs(nowMs) {
      if (reasonAt(nowMs) !== undefined) return undefined;
      dropOld(nowMs);
      return roundTripMs + (idleSince.length === 0 ? coldStartMs : 0);
    },
    slowdown,
    warmMs: roundTripMs,
    send(durationMs, nowMs) {
      dropOld(nowMs);
      const tripMs = roundTripMs * (0.9 + exponential(random, 0.1));
      if (busy >= limit) {
        const takesMs = tripMs * REFUSAL_PART;
        return { takesMs, costUsd: refusedNanoUsd(RATE) / NANO, refused: true, cold: false, runMs: 0 };
      }
      const cold = idleSince.pop() === undefined;
      busy += 1;
      const { runMs, stopped } = runThere(durationMs * slowdown);
      const billedMs = runMs + (cold ? coldStartMs : 0);
      const costUsd = callNanoUsd(RATE, { billedMs, resultBytes: 0, logBytes: 0 }) / NANO;
      return { takesMs: tripMs + billedMs, costUsd, refused: false, stopped, cold, runMs };
    },
    settled(nowMs, refused) {
      if (refused) {
        health = nextHealth(health, { kind: 'failed', reason: 'throttled' }, nowMs, random());
      } else {
        busy -= 1;
        idleSince.push(nowMs);
        if (health.state === 'ready') health = READY;
      }
    },
  };
}
