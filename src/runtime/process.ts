/** Workers as child processes of the balancer: the same program over the same socket, with weaker isolation. */

import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  RuntimeUnavailable,
  type LaunchedWorker,
  type Launcher,
  type ListedWorker,
  type WorkerExit,
  type WorkerOrder,
  type WorkerUsage,
} from './launcher.ts';
import { isRunning, ProcessFolder } from './process-folder.ts';
import { processUsage } from './process-usage.ts';
import { CAN_IDENTIFY, killGroup, killProcessesOf } from './processes.ts';
import type { WorkerProgram } from './program.ts';
import { assertWorkerId, SOCKET_NAME, workerEnvironment } from './worker-environment.ts';
import { LastLines, workerExit } from './worker-exit.ts';
import { messageOf } from '../message-of.ts';

/** How the workers of a pool are made as processes. */
export interface ProcessLauncherOptions {
  readonly program: WorkerProgram;
  /** A folder of this launcher's own inside the state folder; made if missing, and closed to other users. */
  readonly dir: string;
  /** The folder with the balancer's socket. */
  readonly socketDir: string;
  readonly slots: number;
  /** Of one worker, its slots included; here it only sets the heap limit of the slots. */
  readonly memoryBytes: number;
  readonly log: Logger;
}

/** Long enough for a restart of the balancer; a process left on someone's machine for longer is a nuisance. */
const ORPHAN_MS = 10_000;

/** About half of the balancer's share when cores are short, as containers have it: it must answer also those it rejects. */
const NICER_BY = 3;
const NICEST = 19;

/** After an exit the last output is still in the pipe; a slot that inherited the pipe could keep it open, though. */
const LAST_OUTPUT_MS = 200;

/** All that workers get of the balancer's environment: how to write text and time. */
const PASSED_ON = ['LANG', 'LC_ALL', 'TZ'];

interface Child {
  readonly process: ChildProcess;
  readonly exited: Promise<WorkerExit>;
}

/**
 * Writes the worker program into the folder. Starts no process.
 * @throws RuntimeUnavailable if the folder can't be written
 */
export function openProcessLauncher(options: ProcessLauncherOptions): Promise<Launcher> {
  try {
    const folder = new ProcessFolder(resolve(options.dir));
    const main = folder.install(options.program);
    return Promise.resolve(new ProcessLauncher(options, folder, main));
  } catch (error) {
    const message = messageOf(error);
    return Promise.reject(
      new RuntimeUnavailable(`the workers' folder ${options.dir} can't be used: ${message}`, {
        cause: error,
      }),
    );
  }
}

class ProcessLauncher implements Launcher {
  readonly runtime = 'process';
  readonly #options: ProcessLauncherOptions;
  readonly #folder: ProcessFolder;
  readonly #main: string;
  /** How new workers are made; see WorkerRecord. */
  readonly #recipe: string;
  /** Those started by this launcher, until they are stopped. */
  readonly #children = new Map<string, Child>();

  constructor(options: ProcessLauncherOptions, folder: ProcessFolder, main: string) {
    this.#options = options;
    this.#folder = folder;
    this.#main = main;
    this.#recipe = this.#recipeOfNow();
  }

  async launch(order: WorkerOrder): Promise<LaunchedWorker> {
    assertWorkerId(order.id);
    try {
      if (this.#folder.record(order.id) !== undefined)
        throw new Error('there is a worker of this id already');
      await access(this.#options.socketDir).catch((error: unknown) => {
        throw new Error(`${messageOf(error)}; if the state folder was removed, restart the balancer`);
      });
      const child = await this.#spawn(order);
      this.#children.set(order.id, child);
      const { pid } = child.process;
      return pid === undefined ? { exited: child.exited } : { pid, exited: child.exited };
    } catch (error) {
      const message = messageOf(error);
      throw new Error(`worker ${order.id} can't be started: ${message}`, { cause: error });
    }
  }

  async #spawn(order: WorkerOrder): Promise<Child> {
    const tmp = this.#folder.makeTmp(order.id);
    try {
      const child = spawn(process.execPath, ['--disable-sigusr1', this.#main], {
        cwd: tmp,
        env: this.#environment(order, tmp),
        // A process group of its own: Ctrl-C in the terminal is for the balancer, which then drains.
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      if (child.pid !== undefined) {
        beNice(child.pid);
        const { version } = this.#options.program;
        this.#folder.write({ id: order.id, pid: child.pid, version, recipe: this.#recipe });
      }
      const exited = this.#exitOf(child, tmp);
      await once(child, 'spawn');
      return { process: child, exited };
    } catch (error) {
      // It may be running already, if it was its record that couldn't be written.
      await killProcessesOf(tmp);
      await this.#folder.remove(order.id);
      throw error;
    }
  }

  #recipeOfNow(): string {
    const environment = this.#environment({ id: '', token: '' }, '');
    const whole = JSON.stringify([process.version, this.#main, environment]);
    return createHash('sha256').update(whole).digest('hex').slice(0, 16);
  }

  #environment(order: WorkerOrder, tmp: string): Record<string, string> {
    const { socketDir, slots, memoryBytes } = this.#options;
    const socketPath = join(resolve(socketDir), SOCKET_NAME);
    const passedOn = PASSED_ON.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    const own = workerEnvironment(order, { socketPath, slots, memoryBytes, orphanMs: ORPHAN_MS, tmp });
    return { ...Object.fromEntries(passedOn), ...own };
  }

  async #exitOf(child: ChildProcess, tmp: string): Promise<WorkerExit> {
    const lines = new LastLines();
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (piece: string) => lines.push(name, piece));
      // Without a listener an error of the pipe would end the balancer.
      child[name]?.on('error', () => {});
    }
    const closed = new Promise<void>((settle) => child.once('close', () => settle()));
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((settle) => {
      child.once('exit', (...end) => settle(end));
      // Couldn't be started: launch() reports it.
      child.once('error', () => settle([null, null]));
    });
    await Promise.race([closed, sleep(LAST_OUTPUT_MS, undefined, { ref: false })]);
    // A slot leaves when its control process is gone, but not one that is in an endless loop.
    await killProcessesOf(tmp).catch((error: unknown) =>
      this.#options.log.warn({ err: error }, 'a slot is left'),
    );
    return workerExit({ code, signal }, lines.get());
  }

  async stop(id: string): Promise<void> {
    assertWorkerId(id);
    const child = this.#children.get(id);
    if (child?.process.pid !== undefined && !hasEnded(child.process)) killGroup(child.process.pid);
    const record = this.#folder.record(id);
    if (child === undefined && record !== undefined && !CAN_IDENTIFY && isRunning(this.#folder)(record)) {
      const { pid } = record;
      this.#options.log.warn(
        { worker: id, pid },
        'left a worker to exit by itself: this may be another process by now',
      );
    }
    await child?.exited;
    await killProcessesOf(this.#folder.tmpOf(id));
    this.#children.delete(id);
    await this.#folder.remove(id);
  }

  async pause(id: string): Promise<void> {
    // A process is idle without being frozen; freezing it would also stop its heartbeats and save no memory.
    await this.#assertRunning(id);
  }

  async resume(id: string): Promise<void> {
    await this.#assertRunning(id);
  }

  async #assertRunning(id: string): Promise<void> {
    const found = (await this.list()).find((worker) => worker.id === id);
    if (found?.state !== 'running') throw new Error(`worker ${id} doesn't run`);
  }

  list(): Promise<ListedWorker[]> {
    const running = isRunning(this.#folder);
    const listed = this.#folder.records().map((record): ListedWorker => {
      const child = this.#children.get(record.id);
      const lives = child === undefined ? running(record) : !hasEnded(child.process);
      return {
        id: record.id,
        state: lives ? 'running' : 'exited',
        outdated: record.recipe !== this.#recipe,
        // The records lie in the state folder itself.
        foreign: false,
        ...(record.pid === 0 ? {} : { pid: record.pid }),
      };
    });
    return Promise.resolve(listed);
  }

  watch(): undefined {
    // The system tells a parent only how a process has ended, and nobody has what it printed.
    return undefined;
  }

  async usage(): Promise<Map<string, WorkerUsage>> {
    const running = (await this.list()).filter(({ state }) => state === 'running');
    return await processUsage(new Map(running.map(({ id, pid = 0 }) => [id, pid])));
  }

  close(): Promise<void> {
    for (const { process: child } of this.#children.values()) {
      child.unref();
      child.stdout?.destroy();
      child.stderr?.destroy();
    }
    return Promise.resolve();
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Lets the balancer go first; slots inherit it. */
function beNice(pid: number): void {
  try {
    setPriority(pid, Math.min(NICEST, getPriority() + NICER_BY));
  } catch {
    // It has ended already.
  }
}
