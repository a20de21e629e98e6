/** The time limits of a client's connection, the same in both lanes. In milliseconds. */

/** From a request's first byte, or the connection's start, to the end of its header: clients send it in one go. */
const HEADERS_TIMEOUT_MS = 15_000;
/** From a request's first byte to its last: 6 MB over a slow line. */
const REQUEST_TIMEOUT_MS = 120_000;
/** Long, since a client may send its next request just when the server closes an idle connection, and lose it. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** How often the limits above are looked at: that much later at the most a client is told. */
const TIMEOUT_CHECK_MS = 5000;
/** A client that takes nothing of a large answer for this long is cut off. */
const STALLED_MS = 30_000;
/**
 * A refused client may still be sending its body, and would lose the answer if the connection were closed under it. So
 * what it sends is thrown away, for this long at most once it is the answer's turn.
 */
const LINGER_MS = 5000;
/**
 * When a client closes its sending side, it may still be reading (nc does that), or it may be gone: TCP says the same.
 * Only what is sent tells the difference: where nobody is left, the first packet is refused, and the second write then
 * fails. So a client that has been waiting this long after its end gets two probes, this far apart.
 */
export const PROBE_MS = 250;
/** How many probes it gets. */
export const PROBES = 2;

/** Those that a test may want shorter: how they are kept doesn't depend on how long they are. In milliseconds. */
export interface TimeLimits {
  readonly headersMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  readonly checkMs: number;
  readonly stalledMs: number;
  readonly lingerMs: number;
}

/** The limits of every balancer. */
export const TIME_LIMITS: TimeLimits = {
  headersMs: HEADERS_TIMEOUT_MS,
  requestMs: REQUEST_TIMEOUT_MS,
  keepAliveMs: KEEP_ALIVE_TIMEOUT_MS,
  checkMs: TIMEOUT_CHECK_MS,
  stalledMs: STALLED_MS,
  lingerMs: LINGER_MS,
};
