/** When something that failed may be tried again. Pure. */

/** What failed, and for how long it is left alone; milliseconds. */
export interface Backoff {
  /** In a row. */
  readonly failures: number;
  readonly pauseMs: number;
  /** The end of the pause. */
  readonly untilMs: number;
}

export const NO_FAILURE: Backoff = { failures: 0, pauseMs: 0, untilMs: -Infinity };

/** The first pause, in milliseconds; it doubles with every failure in a row. */
const FIRST_MS = 1_000;
/** The longest pause, in milliseconds: an engine that is back is noticed within a minute. */
const LONGEST_MS = 60_000;

/** After another failure now. */
export function failedAgain({ failures }: Backoff, nowMs: number): Backoff {
  const pauseMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return { failures: failures + 1, pauseMs, untilMs: nowMs + pauseMs };
}

export function mayTry(backoff: Backoff, nowMs: number): boolean {
  return nowMs >= backoff.untilMs;
}
