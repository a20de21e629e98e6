/**
 * The control process of a worker (PID 1 of the container). It holds the control connection, starts the slot processes
 * and ends them when the balancer says so. It runs no user code, so nothing a function does can stop it.
 */
import { join } from 'node:path';
import { Control } from './control.ts';

function need(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') {
    process.stderr.write(`${name} is not set: the worker program is started by the balancer only\n`);
    process.exit(64);
  }
  return value;
}

// The balancer may be gone while its end of these pipes is closed; the worker must outlive that.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const control = new Control({
  socket: need('SPILLWAY_SOCKET'),
  worker: need('SPILLWAY_WORKER'),
  token: need('SPILLWAY_TOKEN'),
  slots: Number(need('SPILLWAY_SLOTS')),
  memoryMb: Number(need('SPILLWAY_SLOT_MEMORY_MB')),
  orphanMs: Number(need('SPILLWAY_ORPHAN_MS')),
  tmp: need('SPILLWAY_TMP'),
  program: join(import.meta.dirname, 'slot.js'),
  exit: (code) => process.exit(code),
});

// PID 1 has no default signal handlers.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    control.close();
    process.exit(0);
  });
}
