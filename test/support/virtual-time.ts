/** Walks virtual time while real sockets of this very process do their work. */
import { vi } from 'vitest';

/** Turns of the event loop without anything under way before the clock is moved: enough for a connection and a request. */
const QUIET_TURNS = 40;

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
  let quiet = 0;
  while (!state.ended) {
    await new Promise((resolve) => setImmediate(resolve));
    quiet = busy() ? 0 : quiet + 1;
    if (quiet < QUIET_TURNS) continue;
    quiet = 0;
    await vi.advanceTimersToNextTimerAsync();
    // Virtual timers are cut to whole milliseconds: whoever waits for a fraction would wait for ever.
    await vi.advanceTimersByTimeAsync(1);
  }
  return work;
}
