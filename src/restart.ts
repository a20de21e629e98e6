/**
 * A planned restart that loses no call: this process becomes the new version, in the same place (execve), so whoever
 * started it (a terminal, npm, a container) sees nothing of it. What must live on is the listening socket, in which clients
 * wait meanwhile. A process can only keep its descriptors 0 to 2 across an execve in Node, and can't copy one; so a child
 * holds the socket while this process lets go of it, and passes it back onto descriptor 0.
 *
 * The child is of the new version, and rehearses its start before anything is given up (rehearsal.ts).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, readFileSync, rmSync } from 'node:fs';
import type { SendHandle } from 'node:child_process';
import type { Server } from 'node:net';
import type { Handover } from './handover.ts';
import type { Running } from './takeover.ts';

/** How long a rehearsal may take, in milliseconds: an image may have to be built. */
const REHEARSAL_MS = 300_000;
/** How long a step of the child may take that only passes something on, in milliseconds. */
const STEP_MS = 10_000;
/** Where the new version finds the listening socket: nothing else reads the daemon's standard input. */
const SOCKET_FD = 0;

const REHEARSE = '--rehearse';
const SOCKET = '--socket=';
const SIGNAL = '--signal=';
const HANDOVER = '--handover=';
const RUNNING = '--running=';

/** How this process was started, if by an earlier version of itself. */
export interface Origin {
  /** Only to try whether the start would succeed. */
  readonly rehearse: boolean;
  /** The version that runs meanwhile. */
  readonly running: Running | undefined;
  /** Descriptor of the listening socket, and the HOST:PORT of the settings for which it was opened. */
  readonly socket: { readonly fd: number; readonly asked: string } | undefined;
  /** A signal that came too late for the earlier version. */
  readonly signal: NodeJS.Signals | undefined;
  /** Digest of what the rehearsal has built and left in the state folder. */
  readonly handover: string | undefined;
}

/** Reads what the earlier version put on the command line. */
export function readOrigin(args: readonly string[]): Origin {
  const value = (prefix: string): string | undefined =>
    args.find((arg) => arg.startsWith(prefix))?.slice(prefix.length);
  const asked = value(SOCKET);
  const running = value(RUNNING);
  return {
    rehearse: args.includes(REHEARSE),
    running: running === undefined ? undefined : (JSON.parse(running) as Running),
    socket: asked === undefined ? undefined : { fd: SOCKET_FD, asked },
    signal: value(SIGNAL) as NodeJS.Signals | undefined,
    handover: value(HANDOVER),
  };
}

/** What the child says. */
export type SuccessorWord =
  | { readonly word: 'ready'; readonly handover: Handover | undefined; readonly findsWorkers: boolean }
  | { readonly word: 'held' | 'given' }
  | { readonly refused: string };
/** What it is told. */
export type SuccessorOrder = 'hold' | 'give';

/** The new version can't start, or can't be given the socket; the message is one line that says why. */
export class RestartRefused extends Error {
  override readonly name = 'RestartRefused';
}

/** The child that has rehearsed the new version's start, and then holds the listening socket. */
export class Successor {
  readonly #child: ChildProcess;
  readonly #asked: string;
  /** Resolves with how. */
  readonly #exited: Promise<string>;
  #lastWords = '';
  #handover: Handover | undefined;
  #findsWorkers = true;

  private constructor(running: Running) {
    this.#asked = running.clients;
    const what = [REHEARSE, `${RUNNING}${JSON.stringify(running)}`];
    this.#child = spawn(process.execPath, [...commandLine(this.#asked), ...what], {
      env: startedWith(),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString('utf8')).slice(-2000);
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        resolve(signal === null ? `exit code ${String(code)}` : `killed by ${signal}`);
      });
      this.#child.once('error', (error) => resolve(error.message));
    });
  }

  /**
   * Starts the new version on trial, with the settings of now.
   * @throws RestartRefused if it wouldn't start
   */
  static async rehearse(running: Running): Promise<Successor> {
    const successor = new Successor(running);
    try {
      const { said } = await successor.#hear('ready', REHEARSAL_MS);
      // Not by the handover: without one the message has no such field.
      if ('findsWorkers' in said) {
        successor.#handover = said.handover;
        successor.#findsWorkers = said.findsWorkers;
      }
    } catch (error) {
      await successor.dismiss();
      throw error;
    }
    return successor;
  }

  /** Whether the new version will find the workers of this one. */
  get findsWorkers(): boolean {
    return this.#findsWorkers;
  }

  /** Gives the child the listening socket to hold. @throws RestartRefused */
  async hold(server: Server): Promise<void> {
    // The bare handle: a server would accept connections over there as soon as it arrives.
    const { _handle: handle } = server as unknown as { _handle: SendHandle };
    const held = this.#hear('held', STEP_MS);
    this.#child.send('hold' satisfies SuccessorOrder, handle);
    await held;
  }

  /** Takes the socket back, onto descriptor 0; this process must have closed its own. @throws RestartRefused */
  async giveBack(): Promise<void> {
    const given = this.#hear('given', STEP_MS);
    // The lowest free descriptor is what a received socket gets.
    closeSync(SOCKET_FD);
    this.#child.send('give' satisfies SuccessorOrder);
    const handle = (await given).handle as { fd?: number } | undefined;
    if (handle?.fd !== SOCKET_FD) throw new RestartRefused('the listening socket could not be passed on');
    await this.#exited;
  }

  /** Becomes the new version. Only returns by throwing. */
  become(signal: NodeJS.Signals | undefined): never {
    const late = signal === undefined ? [] : [`${SIGNAL}${signal}`];
    const left = this.#handover === undefined ? [] : [`${HANDOVER}${this.#handover.digest}`];
    if (process.execve === undefined) throw new RestartRefused('this platform has no execve');
    return process.execve(
      process.execPath,
      [process.execPath, ...commandLine(this.#asked), ...late, ...left],
      startedWith(),
    );
  }

  /** Ends the child, waits until it has ended, and removes what it left. */
  async dismiss(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    if (this.#handover !== undefined) rmSync(this.#handover.file, { force: true });
  }

  #hear(word: string, ms: number): Promise<{ said: SuccessorWord; handle: unknown }> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#child.off('message', onMessage);
      };
      const fail = (why: string): void => {
        done();
        reject(new RestartRefused(why));
      };
      const onMessage = (message: unknown, handle: unknown): void => {
        const said = message as SuccessorWord;
        if ('refused' in said) fail(said.refused);
        else if (said.word === word) {
          done();
          resolve({ said, handle });
        }
      };
      const timer = setTimeout(() => fail(`the new version didn't get there within ${ms / 1000} s`), ms);
      this.#child.on('message', onMessage);
      void this.#exited.then((how) => fail(`the new version ended: ${lastLine(this.#lastWords) || how}`));
    });
  }
}

/** The arguments after the program's name: Node's own, the entry, and where the socket is. */
function commandLine(asked: string): string[] {
  return [...process.execArgv, process.argv[1] ?? '', `${SOCKET}${asked}`];
}

/**
 * The environment as this process got it. process.env also has what --env-file added, and would keep the new version
 * from reading a changed file.
 */
function startedWith(): NodeJS.ProcessEnv {
  let env: NodeJS.ProcessEnv;
  try {
    const entries = readFileSync('/proc/self/environ', 'utf8').split('\0').filter(Boolean);
    env = Object.fromEntries(
      entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    );
  } catch {
    env = { ...process.env };
  }
  // Whoever started this one may have had a channel to it, which doesn't survive.
  delete env['NODE_CHANNEL_FD'];
  delete env['NODE_CHANNEL_SERIALIZATION_MODE'];
  return env;
}

function lastLine(text: string): string {
  const lines = text.trim().split('\n');
  // Of an uncaught error the interesting line is the one with its name.
  return lines.find((line) => /^\w*(Error|Fault)\b/.test(line)) ?? lines.at(-1) ?? '';
}
