/** The clock and the timers of a test, moved by the test. */
import { vi } from 'vitest';

/** Everything the code waits by but setImmediate. nextTick and microtasks stay real: no time passes in them. */
const FAKED = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] as const;

/** vitest's own setImmediate lets a millisecond pass in every turn; here a turn takes no time. */
let turns: (() => void)[] = [];

/** From now on time stands still; startTime() ends that. */
export function stopTime(): void {
  turns = [];
  vi.useFakeTimers({ toFake: [...FAKED] });
  vi.stubGlobal('setImmediate', (turn: () => void) => {
    turns.push(turn);
  });
}

/** Real time again. */
export function startTime(): void {
  vi.unstubAllGlobals();
  vi.useRealTimers();
}

/** Lets happen what is due now, and what follows from it. */
export function settle(): void {
  for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
}

/** Lets `ms` milliseconds pass, and everything happen that is due by then. */
export function pass(ms: number): void {
  let over = false;
  settle();
  setTimeout(() => (over = true), ms);
  while (!over) {
    vi.advanceTimersToNextTimer();
    settle();
  }
}

/** How many timers are still set. */
export function timersLeft(): number {
  return vi.getTimerCount() + turns.length;
}
