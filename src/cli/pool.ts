/** drain, resize, reload, restart: what changes the pool. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Operations, Status } from '../admin/operations.ts';
import { positive } from './call.ts';
import { EXIT, type Command } from './command.ts';
import type { Daemon } from './daemon.ts';
import { CommandFailed, DaemonMissing, UsageFault } from './faults.ts';

/** `spillway drain`. */
export const drain: Command = {
  name: 'drain',
  usage: 'ID',
  summary: 'take a worker out of service when its calls have ended; another takes its place',
  words: [1, 1],
  async run({ daemon, output }, { words: [id = ''] }) {
    const done = await daemon.admin('workers.drain', { id });
    if (output.json) output.value(done);
    else output.line(`${id} takes no more calls and leaves when those it has have ended`);
    return EXIT.ok;
  },
};

/** `spillway resize`. */
export const resize: Command = {
  name: 'resize',
  usage: 'N',
  summary: 'set the number of workers: N in quiet times, up to 2N under load',
  words: [1, 1],
  async run({ daemon, output }, { words: [text] }) {
    const workers = positive(text, 'N');
    if (workers === undefined) throw new UsageFault('N is missing');
    const done = await daemon.admin('pool.resize', { workers });
    if (output.json) output.value(done);
    else output.line(`the pool is ${workers} to ${2 * workers} workers from now on`);
    return EXIT.ok;
  },
};

/** `spillway reload`. */
export const reload: Command = {
  name: 'reload',
  usage: '',
  summary: 'bundle the functions again and swap them worker by worker',
  words: [0, 0],
  async run({ daemon, output }) {
    const done = (await daemon.admin('functions.reload')) as Awaited<ReturnType<Operations['reload']>>;
    if (output.json) output.value(done);
    else if (done.changed) output.line(`serving ${done.functions.join(', ')} (${done.hash.slice(0, 12)})`);
    else output.line('the functions are the same as before');
    return EXIT.ok;
  },
};

/** Between two looks at a daemon that restarts, in milliseconds. */
const LOOK_MS = 200;
/** A new version is tried for at most five minutes, then the old one has to finish; in milliseconds. */
const RESTART_MS = 600_000;
/** How long the daemon may be out of sight before it is given up, in milliseconds. */
const ABSENT_MS = 60_000;

/** `spillway restart`. */
export const restart: Command = {
  name: 'restart',
  usage: '',
  summary: 'restart the balancer in place; no call is lost',
  words: [0, 0],
  async run({ daemon, output }) {
    const before = (await daemon.admin('status')) as Status;
    const askedAt = performance.now();
    await daemon.admin('restart');
    if (!output.json) output.note('trying the new version, then finishing what clients have asked for');
    const status = await backAgain(daemon, askedAt, before.restartRefused?.at);
    const tookMs = Math.round(performance.now() - askedAt);
    if (output.json) output.value({ ok: true, tookMs, version: status.version });
    else output.line(`version ${status.version} serves, ${tookMs} ms after it was asked for`);
    return EXIT.ok;
  },
};

/** Looks until the new version serves. @throws CommandFailed if it was refused, or doesn't come */
async function backAgain(
  daemon: Daemon,
  askedAt: number,
  refusedBefore: number | undefined,
): Promise<Status> {
  let seenAt = askedAt;
  for (;;) {
    await sleep(LOOK_MS);
    const now = performance.now();
    const status = await look(daemon);
    if (status !== undefined) {
      seenAt = now;
      const { restartRefused: refused, uptimeMs, pool } = status;
      if (refused !== undefined && refused.at !== refusedBefore) {
        throw new CommandFailed(
          `the restart was refused, and the balancer goes on as it was: ${refused.reason}`,
        );
      }
      if (uptimeMs < now - askedAt && pool.ready >= pool.min) return status;
    }
    if (now - seenAt > ABSENT_MS) {
      throw new CommandFailed(`the daemon has not come back for ${ABSENT_MS / 1000} s; its log says why`);
    }
    if (now - askedAt > RESTART_MS)
      throw new CommandFailed('the restart has not come to an end; see the log');
  }
}

/** The status, or undefined while the daemon changes into its new version. */
async function look(daemon: Daemon): Promise<Status | undefined> {
  try {
    return (await daemon.admin('status')) as Status;
  } catch (error) {
    // Its port is closed, or was just then.
    if (error instanceof DaemonMissing || error instanceof CommandFailed) return undefined;
    throw error;
  }
}
