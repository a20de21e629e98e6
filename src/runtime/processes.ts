/** Looking at, and ending, processes of this machine that aren't children of this one. Full on Linux only. */

import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** True where a process can be told from another one that has got the same pid: by its environment. */
export const CAN_IDENTIFY = process.platform === 'linux';

const POLL_MS = 5;

/** Killed processes are gone in milliseconds; one in an uninterruptible read (a stuck network disk) may not be. */
const GONE_MS = 5_000;

/** What a process was started with, as NAME=VALUE; empty if it has ended, or is another user's. */
export function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** Every process whose environment, as it was started, has an entry that `matches`; those of other users don't count. */
async function processesWith(matches: (entry: string) => boolean): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = pids.map(async (pid) => {
    const entries = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    return entries.split('\0').some(matches);
  });
  const matched = await Promise.all(found);
  return pids.filter((_, index) => matched[index]).map(Number);
}

/**
 * Ends every process of a worker, whatever it does, and waits until they are gone: its control process, and slots that
 * have lost it but are too busy to notice. They are known by the folder that they were given, which no program can
 * change in its own environment afterwards; so it doesn't matter who their parent is, or what they call themselves.
 * @param tmp the worker's folder: SPILLWAY_TMP of the control process; slots have a TMPDIR below it
 * @throws Error if they don't end in 5 s
 */
export async function killProcessesOf(tmp: string): Promise<void> {
  const deadline = performance.now() + GONE_MS;
  for (;;) {
    const pids = await processesWith(
      (entry) => entry === `SPILLWAY_TMP=${tmp}` || entry.startsWith(`TMPDIR=${tmp}/`),
    );
    if (pids.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(
        `processes ${pids.join(', ')} don't end: is one waiting for a disk or a network file system?`,
      );
    }
    pids.forEach(killGroup);
    await sleep(POLL_MS);
  }
}

/** Ends a process and the group that it leads. */
export function killGroup(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // It has ended already, or leads no group.
    }
  }
}
