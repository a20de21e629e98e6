/** Looking at, and ending, processes of this machine that aren't children of this one. Full on Linux only. */

import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** True where /proc tells one process from a later one with the same pid. */
export const CAN_IDENTIFY = process.platform === 'linux';

const POLL_MS = 5;

/** Killed processes are gone in milliseconds; one in an uninterruptible read (a stuck network disk) may not be. */
const GONE_MS = 5_000;

/** One line of /proc/PID/stat. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** A letter; T is stopped, Z and X are dead. */
  readonly state: string;
  /** Start time in clock ticks since boot: with the pid it names one process for good. */
  readonly startTicks: string;
}

/** Undefined if there is no such process, or no /proc. */
export function statOf(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The name in parentheses may itself hold spaces and parentheses, so the fields are counted from the last one. */
export function parseStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    pid: Number.parseInt(text, 10),
    state: fields[0] ?? '?',
    parent: Number(fields[1]),
    startTicks: fields[19] ?? '',
  };
}

/** True while the process runs; false for one that has ended but that its parent hasn't noticed yet. */
export function isAlive(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

/** The environment that a process was started with, as NAME=VALUE; empty if it may not be read. */
export function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** The arguments of a process, its program first; empty if there is none. */
export async function argumentsOf(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
}

/** Every living process. */
export async function allProcesses(): Promise<ProcessStat[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)),
  );
  return texts
    .filter((text) => text !== undefined)
    .map(parseStat)
    .filter(isAlive);
}

/**
 * Ends a process and everything below it, process groups of their own included, and waits until they are gone.
 * The caller has made sure that the pid is the process it means.
 */
export async function killTree(pid: number): Promise<void> {
  // Stopped, it can start no further process while we look for those it has; and as it takes no notice of their ends
  // either, their pids stay theirs.
  signal(pid, 'SIGSTOP');
  await until(() => !isAlive(statOf(pid)) || statOf(pid)?.state === 'T');
  const below = descendants(pid, await allProcesses());
  for (const process of [pid, ...below.map((descendant) => descendant.pid)]) killGroup(process);
  await until(() => !isAlive(statOf(pid)) && below.every((one) => !isSame(one)));
}

/** Ends a process and the group that it leads. */
export function killGroup(pid: number): void {
  signal(-pid, 'SIGKILL');
  signal(pid, 'SIGKILL');
}

function descendants(pid: number, all: readonly ProcessStat[]): ProcessStat[] {
  const children = all.filter((one) => one.parent === pid);
  return children.flatMap((child) => [child, ...descendants(child.pid, all)]);
}

function isSame(one: ProcessStat): boolean {
  const now = statOf(one.pid);
  return isAlive(now) && now.startTicks === one.startTicks;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already, or leads no group.
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + GONE_MS;
  while (!condition() && performance.now() < deadline) await sleep(POLL_MS);
}
