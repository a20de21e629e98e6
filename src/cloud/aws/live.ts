/** A deployment that calls can go to: its calls, their health, and the session it was made with. */
import type { Logger } from 'pino';
import type { CloudBundle, CloudListener } from '../backend.ts';
import { CloudCalls } from '../calls.ts';
import { openChannel } from '../channel.ts';
import type { Ledger } from '../ledger.ts';
import { Monitor } from '../monitor.ts';
import { worstNanoUsd } from '../prices.ts';
import type { Deployed } from './deploy.ts';
import { rateOf, type Desired } from './desired.ts';
import { CloudFault } from './faults.ts';
import { pause } from '../pause.ts';

/** What a live deployment is made of. */
export interface LiveParts {
  readonly bundle: CloudBundle;
  readonly desired: Desired;
  readonly deployed: Deployed;
  readonly ledger: Ledger;
  readonly maxResultBytes: number;
  readonly listener?: CloudListener | undefined;
  readonly log: Logger;
  /** The deployment should be looked at again. */
  readonly repair: () => void;
}

/** A deployment in use. */
export interface Live {
  readonly desired: Desired;
  /** Whether its bundle has a function of that name. */
  readonly has: (method: string) => boolean;
  readonly url: string;
  readonly apiKey: string;
  readonly calls: CloudCalls;
  readonly monitor: Monitor;
  /** The worst case of a short call, in nano-dollars: with less than that left, no call can be made. */
  readonly leastNano: number;
}

/** How long a new key or stage may take to be known to the gateway, in milliseconds; seen: seconds. */
const SERVED_PATIENCE_MS = 90_000;
/** The pause after the first probe, in milliseconds; it doubles with each: probes that nobody answers are paid for, eight of them. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
const SHORT_CALL_MS = 1000;

/** Puts the parts together; nothing is sent yet. */
export function openLive(parts: LiveParts): Live {
  const { bundle, desired, deployed, ledger, maxResultBytes, listener, log, repair } = parts;
  const functions = bundle.functions && new Set(bundle.functions);
  const rate = rateOf(desired.options);
  const calls: CloudCalls = new CloudCalls({
    channel: openChannel(deployed),
    ledger,
    rate,
    bundleHash: desired.code.bundleHash,
    maxResultBytes,
    health: (failure) => {
      monitor.report(failure);
    },
    listener,
    logGroup: desired.names.logGroup,
  });
  const monitor: Monitor = new Monitor({ probe: () => calls.probe(), repair, log, random: Math.random });
  const { url, apiKey } = deployed;
  const has = (method: string): boolean => functions?.has(method) ?? true;
  return { desired, has, url, apiKey, calls, monitor, leastNano: worstNanoUsd(rate, SHORT_CALL_MS) };
}

/**
 * Probes until the gateway serves the function: right after a deployment it may not know the key for seconds.
 * @throws CloudFault with what it still says after a while.
 */
export async function waitUntilServed({ calls }: Live, log: Logger, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  for (let probes = 1; ; probes++) {
    const failure = await calls.probe();
    // Without money for a probe it can't be known; the first call of tomorrow will tell.
    if (failure === undefined || failure.reason === 'budget spent') return;
    if (performance.now() - startedAt >= SERVED_PATIENCE_MS) {
      throw new CloudFault(
        failure.reason,
        `the gateway doesn't serve the function: ${failure.detail}; it is tried again by itself`,
      );
    }
    if (probes === 1)
      log.info({ ...failure }, `cloud: waiting for the gateway to serve the function (${failure.reason})`);
    await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (probes - 1)), signal);
  }
}

/** Ends a deployment's use: once its calls have ended, or when `patience` aborts. */
export async function closeLive({ calls, monitor }: Live, patience: AbortSignal): Promise<void> {
  monitor.stop();
  const impatient = new Promise<void>((resolve) => {
    if (patience.aborted) resolve();
    patience.addEventListener('abort', () => {
      resolve();
    });
  });
  await Promise.race([calls.whenIdle(), impatient]);
  calls.close();
}
