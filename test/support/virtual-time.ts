/** Walks virtual time while real sockets of this very process do their work. */
import { vi } from 'vitest';

/**
 * Turns of the event loop, and real nanoseconds, without anything under way before the clock is moved: enough for a
 * connection and a request, also on a busy machine.
 */
const QUIET_TURNS = 40;
const QUIET_NS = 3_000_000n;

/** Replaces timers and clocks; sockets and setImmediate stay real. */
export function useVirtualTime(): void {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
}

/**
 * Waits for a promise, moving the clock to the next timer whenever nothing else happens.
 * @param busy true while a request is under way.
 */
export async function walk<T>(work: Promise<T>, busy: () => boolean): Promise<T> {
  const state = { ended: false };
  const end = (): void => {
    state.ended = true;
  };
  work.then(end, end);
  let quietTurns = 0;
  let quietSince = process.hrtime.bigint();
  while (!state.ended) {
    await new Promise((resolve) => setImmediate(resolve));
    quietTurns += 1;
    if (busy()) {
      quietTurns = 0;
      quietSince = process.hrtime.bigint();
    }
    if (quietTurns < QUIET_TURNS || process.hrtime.bigint() - quietSince < QUIET_NS) continue;
    quietTurns = 0;
    quietSince = process.hrtime.bigint();
    await vi.advanceTimersToNextTimerAsync();
    // Virtual timers are cut to whole milliseconds: whoever waits for a fraction would wait for ever.
    await vi.advanceTimersByTimeAsync(1);
  }
  return work;
}
