/** When something that failed may be tried again. Pure. */

/** How many times in a row it failed, and the moment before which it isn't tried again, in milliseconds. */
export interface Backoff {
  readonly failures: number;
  readonly untilMs: number;
}

export const NO_FAILURE: Backoff = { failures: 0, untilMs: -Infinity };

/** The first pause, in milliseconds; it doubles with every failure in a row. */
const FIRST_MS = 1_000;
/** The longest pause, in milliseconds: an engine that is back is noticed within a minute. */
const LONGEST_MS = 60_000;

/** After another failure now. */
export function failedAgain({ failures }: Backoff, nowMs: number): Backoff {
  return { failures: failures + 1, untilMs: nowMs + Math.min(LONGEST_MS, FIRST_MS * 2 ** failures) };
}

export function mayTry(backoff: Backoff, nowMs: number): boolean {
  return nowMs >= backoff.untilMs;
}
