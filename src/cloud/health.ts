/**
 * Whether the cloud takes calls: ready ⇄ degraded, with probes at growing intervals while degraded. Pure; the shell
 * sends the probes and reads the clock.
 */
import type { CloudReason } from './backend.ts';

/** What is remembered between two events. */
export interface Health {
  readonly state: 'ready' | 'degraded';
  /** Why it is degraded; undefined while ready. */
  readonly reason: CloudReason | undefined;
  /** Failures since the last success, while ready. */
  readonly strikes: number;
  /** Probes that failed since it was degraded. */
  readonly failedProbes: number;
  /** When the next probe is due, on the clock of the events; Infinity while ready. */
  readonly probeAt: number;
}

/** What happened. */
export type HealthEvent =
  | { readonly kind: 'answered' }
  | { readonly kind: 'failed'; readonly reason: CloudReason }
  | { readonly kind: 'probe failed'; readonly reason: CloudReason }
  /** Something changed that may well have cured it: probe at once. */
  | { readonly kind: 'changed' };

export const READY: Health = {
  state: 'ready',
  reason: undefined,
  strikes: 0,
  failedProbes: 0,
  probeAt: Infinity,
};

/**
 * Failures in a row that degrade the cloud. One alone may be a single bad call or a lost connection; those that say
 * that every call would fail need no second.
 */
const STRIKES = 3;
const SURE: ReadonlySet<CloudReason> = new Set([
  'access denied',
  'credentials expired',
  'bad settings',
  'throttled',
]);

/** The wait before the first probe, in milliseconds; it doubles with each that fails. */
const FIRST_PROBE_MS = 1000;
/** The longest wait, in milliseconds: an hour of outage costs at most 60 probes. */
const LONGEST_PROBE_MS = 60_000;

/** Every so many failed probes the deployment itself is looked at: something may have been deleted. */
const REPAIR_EVERY = 3;

/**
 * The state after an event.
 * @param now in milliseconds, on any clock that doesn't jump.
 * @param random 0 … 1, spreads the probes of many balancers.
 */
export function nextHealth(health: Health, event: HealthEvent, now: number, random: number): Health {
  switch (event.kind) {
    case 'answered':
      // While degraded only a probe's answer comes here, or one of a call sent before: both prove that it works.
      return READY;
    case 'failed': {
      if (health.state === 'degraded') return health;
      const strikes = health.strikes + 1;
      if (strikes < STRIKES && !SURE.has(event.reason)) return { ...health, strikes };
      return degraded(event.reason, 0, now, random);
    }
    case 'probe failed':
      return degraded(event.reason, health.failedProbes + 1, now, random);
    case 'changed':
      return health.state === 'ready' ? health : { ...health, probeAt: now };
  }
}

/** True if the failed probes so far ask for a look at the deployment. */
export function wantsRepair(health: Health): boolean {
  return health.state === 'degraded' && health.failedProbes > 0 && health.failedProbes % REPAIR_EVERY === 0;
}

/** wait = min(longest, first × 2^failed), less up to half of it at random. */
function degraded(reason: CloudReason, failedProbes: number, now: number, random: number): Health {
  const waitMs = Math.min(LONGEST_PROBE_MS, FIRST_PROBE_MS * 2 ** failedProbes) * (1 - random / 2);
  return { state: 'degraded', reason, strikes: 0, failedProbes, probeAt: now + waitMs };
}
