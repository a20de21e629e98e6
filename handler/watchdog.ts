/**
 * A thread beside the handler that ends the process when a call overstays: a function that never lets go of the event
 * loop can't be stopped from inside it, and every millisecond is billed. Lambda starts a new process for the next call.
 *
 * The shared word: 0 while no call runs, else the milliseconds until the process must be gone, counted from the
 * moment it was written. After it stands which call that is, as text that ends with a 0: for the log, since the balancer
 * hears nothing of a process that is gone.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const STDERR = 2;
const { shared } = workerData as { shared: SharedArrayBuffer };
const word = new Int32Array(shared, 0, 1);
const label = Buffer.from(shared, Int32Array.BYTES_PER_ELEMENT);

for (;;) {
  const limitMs = Atomics.load(word, 0);
  // Waits until the word changes: for ever while idle, until the limit while a call runs.
  const woken = Atomics.wait(word, 0, limitMs, limitMs === 0 ? Infinity : limitMs);
  if (woken !== 'timed-out') continue;
  try {
    // To stderr itself: the stream would wait for the event loop that is stuck.
    const call = label.toString('utf8', 0, label.indexOf(0));
    writeSync(STDERR, `spillway: ${call} was over its time; its process is ended\n`);
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
}
