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
 * What one turn counts for at the most, in real nanoseconds: while the machine stood still nothing could arrive, so that
 * time says nothing about what is under way.
 */
const TURN_NS = 300_000n;

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
  let quietNs = 0n;
  for (;;) {
    const turnedAt = process.hrtime.bigint();
    await new Promise((resolve) => setImmediate(resolve));
    // Looked at last thing before the clock is moved: a timer that the end of the work has set is not its to fire.
    if (state.ended) return work;
    const turnNs = process.hrtime.bigint() - turnedAt;
    quietTurns += 1;
    quietNs += turnNs < TURN_NS ? turnNs : TURN_NS;
    if (busy()) {
      quietTurns = 0;
      quietNs = 0n;
    }
    if (quietTurns < QUIET_TURNS || quietNs < QUIET_NS || inOtherThreads()) continue;
    quietTurns = 0;
    quietNs = 0n;
    // At once, not in a later turn: by then something may have come, and the next timer be another one.
    vi.advanceTimersToNextTimer();
    // Virtual timers are cut to whole milliseconds: whoever waits for a fraction would wait for ever.
    vi.advanceTimersByTime(1);
  }
}

/** Whether a file is being read or a name looked up, which takes as long as the machine likes, and no turn of the loop. */
function inOtherThreads(): boolean {
  return process.getActiveResourcesInfo().some((resource) => /^(FSReq|GetAddrInfo)/.test(resource));
}
