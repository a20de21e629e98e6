/**
 * A sliding window over a load: how many slots were wanted on average during its last `lengthMs`.
 * It holds a handful of spans, whatever the number of observations.
 */

/** From one moment to another (milliseconds), and the slot-milliseconds wanted between them. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly areaMs: number;
}

/** Immutable. Spans are in order of time and don't overlap. */
export interface LoadWindow {
  readonly lengthMs: number;
  readonly spans: readonly Span[];
}

/** A window is kept in about this many parts: an end that is off by a tenth of its length is exact enough. */
const PARTS = 10;

/** A window in which nothing has been seen; time not seen counts as idle. */
export function emptyWindow(lengthMs: number): LoadWindow {
  return { lengthMs, spans: [] };
}

/** The window with `areaMs` slot-milliseconds added between two moments; what has left the window is forgotten. */
export function addLoad(window: LoadWindow, fromMs: number, toMs: number, areaMs: number): LoadWindow {
  const { lengthMs } = window;
  const spans = window.spans.filter((span) => span.toMs > toMs - lengthMs);
  const last = spans.at(-1);
  if (last !== undefined && last.toMs - last.fromMs < lengthMs / PARTS) {
    spans[spans.length - 1] = { fromMs: last.fromMs, toMs, areaMs: last.areaMs + areaMs };
  } else {
    spans.push({ fromMs, toMs, areaMs });
  }
  return { lengthMs, spans };
}

/** The mean load over the window that ends now, in slots: the area inside it over its length. */
export function meanLoad(window: LoadWindow, nowMs: number): number {
  const start = nowMs - window.lengthMs;
  let area = 0;
  for (const { fromMs, toMs, areaMs } of window.spans) {
    if (toMs <= start) continue;
    const inside = fromMs >= start ? 1 : (toMs - start) / (toMs - fromMs);
    area += areaMs * inside;
  }
  return area / window.lengthMs;
}
