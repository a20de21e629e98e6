/**
 * A thread beside the handler that ends the process when a call overstays: a function that never lets go of the event
 * loop can't be stopped from inside it, and every millisecond is billed. Lambda starts a new process for the next call.
 *
 * The shared word: 0 while no call runs, else the milliseconds until the process must be gone, counted from the
 * moment it was written.
 */
import { workerData } from 'node:worker_threads';

const word = new Int32Array((workerData as { shared: SharedArrayBuffer }).shared);

for (;;) {
  const limitMs = Atomics.load(word, 0);
  // Waits until the word changes: for ever while idle, until the limit while a call runs.
  const woken = Atomics.wait(word, 0, limitMs, limitMs === 0 ? Infinity : limitMs);
  if (woken === 'timed-out') process.kill(process.pid, 'SIGKILL');
}
