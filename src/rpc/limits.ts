/** The time limits of a client's connection, the same in both lanes. In milliseconds. */

/** From a request's first byte, or the connection's start, to the end of its header: clients send it in one go. */
export const HEADERS_TIMEOUT_MS = 15_000;
/** From a request's first byte to its last: 6 MB over a slow line. */
export const REQUEST_TIMEOUT_MS = 120_000;
/** Long, since a client may send its next request just when the server closes an idle connection, and lose it. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** How often the limits above are looked at: that much later at the most a client is told. */
export const TIMEOUT_CHECK_MS = 5000;
/** A client that takes nothing of a large answer for this long is cut off. */
export const STALLED_MS = 30_000;
/**
 * When a client closes its sending side, it may still be reading (nc does that), or it may be gone: TCP says the same.
 * Only what is sent tells the difference: where nobody is left, the first packet is refused, and the second write then
 * fails. So a client that has been waiting this long after its end gets two probes, this far apart.
 */
export const PROBE_MS = 250;
/** How many probes it gets. */
export const PROBES = 2;
