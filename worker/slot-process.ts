/** One slot process as the control process sees it: started, watched, ended, with a private folder for its files. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { EndedBy } from './comebacks.ts';
import { LINK_FD, LinkType, readLink, say, type SlotOrder } from './link.ts';
import { Prints, type PrintedLine } from './prints.ts';
import { wipe } from './wipe.ts';

/** A slot whose event loop hasn't answered a ping for this long is stuck, in milliseconds (DESIGN decision 2). */
const STUCK_MS = 250;
/** Largest thing a slot may say on the link, in bytes: its code cache. */
const SAID_MAX_BYTES = 64 * 1024 * 1024;
/** How long what it printed may take to arrive after its end, in milliseconds. */
const LAST_WORDS_MS = 50;

/** The bundle, as each slot process gets it. */
export interface Bundle {
  readonly hash: string;
  readonly code: Buffer;
  readonly env: Readonly<Record<string, string>>;
  readonly maxResultBytes: number;
  /** V8's code cache, once a slot has made one. */
  cache: Buffer | undefined;
}

/** What doesn't change from one slot process to the next. */
export interface SlotSettings {
  readonly socket: string;
  readonly worker: string;
  /** slot.js. */
  readonly program: string;
  /** V8's old-space limit, in MB. */
  readonly memoryMb: number;
  /** The folder under which each slot process gets one of its own. */
  readonly tmp: string;
}

/** What the control process wants to hear of a slot process. */
export interface SlotEvents {
  loaded(manifest: string): void;
  failed(reason: string): void;
  /** `lastWords` is the end of what it printed. */
  ended(reason: string, lastWords: string, by: EndedBy): void;
  /** A function printed a line. */
  printed(line: PrintedLine): void;
}

/** A running slot process. */
export class SlotProcess {
  /** Proves to the balancer that a data connection is this process's. */
  readonly key = randomBytes(16).toString('hex');
  #loaded = false;
  readonly #child: ChildProcess;
  readonly #link: Socket;
  readonly #tmp: string;
  #stuckTimer: NodeJS.Timeout | undefined;
  readonly #prints: Prints;
  /** Why it was ended, if this process ended it. */
  #endedFor: string | undefined;
  /** Its process is gone: its pid may be another's. */
  #exited = false;
  #ended = false;

  constructor(settings: SlotSettings, bundle: Bundle, events: SlotEvents) {
    this.#prints = new Prints(performance.now(), (line) => events.printed(line));
    this.#tmp = join(settings.tmp, this.key);
    mkdirSync(this.#tmp, { recursive: true, mode: 0o700 });
    try {
      this.#child = this.#spawn(settings, bundle);
    } catch (error) {
      // Its variables are too long, or there is no memory: whoever tries again makes another folder.
      wipe(this.#tmp);
      throw error;
    }
    // Without a file descriptor to be had there are no pipes: 'error' tells.
    this.#link = ((this.#child.stdio as ChildProcess['stdio'] | undefined)?.[LINK_FD] ??
      new Socket()) as Socket;
    this.#listen(bundle, events);
    this.#preferAsVictim();
    const order: SlotOrder = {
      socket: settings.socket,
      worker: settings.worker,
      key: this.key,
      maxResultBytes: bundle.maxResultBytes,
      wantsCache: bundle.cache === undefined,
    };
    say(this.#link, LinkType.ORDER, JSON.stringify(order));
    if (bundle.cache !== undefined) say(this.#link, LinkType.CACHE, bundle.cache);
    say(this.#link, LinkType.CODE, bundle.code);
  }

  #spawn({ program, memoryMb }: SlotSettings, { env }: Bundle): ChildProcess {
    const args = [
      '--permission',
      `--allow-fs-read=${program}`,
      `--allow-fs-read=${this.#tmp}/*`,
      `--allow-fs-write=${this.#tmp}/*`,
      `--max-old-space-size=${memoryMb}`,
      '--disable-sigusr1',
      program,
    ];
    return spawn(process.execPath, args, {
      env: { ...env, TMPDIR: this.#tmp },
      cwd: '/',
      detached: true, // a process group of its own, so that it can be ended whole
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
  }

  /** Whether it has loaded its bundle. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Ends it at once, whatever it does. `why` is what is said of it. */
  kill(why: string): void {
    if (this.#exited || this.#child.pid === undefined) return;
    this.#endedFor ??= why;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL'); // the group isn't there yet, or no more
    }
  }

  /** Ends it if its event loop doesn't turn within STUCK_MS; `why` as above. */
  killIfStuck(why: string): void {
    if (this.#stuckTimer !== undefined || this.#exited) return;
    this.#stuckTimer = setTimeout(() => {
      this.kill(why);
    }, STUCK_MS);
    say(this.#link, LinkType.PING);
  }

  #listen(bundle: Bundle, events: SlotEvents): void {
    this.#link.on('error', () => {
      // The process is ending; 'exit' tells.
    });
    readLink(this.#link, SAID_MAX_BYTES, (type, payload) => {
      if (type === LinkType.PONG) {
        clearTimeout(this.#stuckTimer);
        this.#stuckTimer = undefined;
      } else if (type === LinkType.NEW_CACHE && !this.#loaded) {
        bundle.cache ??= payload;
      } else if (type === LinkType.LOADED && !this.#loaded) {
        this.#loaded = true;
        events.loaded(payload.toString('utf8'));
      } else if (type === LinkType.FAILED && !this.#loaded) {
        events.failed(payload.toString('utf8'));
      }
    });
    for (const name of ['stdout', 'stderr'] as const) {
      this.#child[name]?.on('data', (chunk: Buffer) => {
        process.stdout.write(this.#prints.take(name, chunk, performance.now()));
      });
    }
    this.#child.on('error', (error) => {
      this.#end(`could not be started: ${error.message}`, events, 'itself');
    });
    this.#child.on('exit', (code, signal) => {
      this.#exited = true;
      const how = this.#endedFor ?? howItEnded(code, signal);
      const end = (): void => {
        clearTimeout(timer);
        this.#end(
          how,
          events,
          this.#endedFor !== undefined ? 'us' : signal === 'SIGKILL' ? 'kernel' : 'itself',
        );
      };
      const timer = setTimeout(end, LAST_WORDS_MS);
      this.#child.on('close', end);
    });
  }

  #end(how: string, events: SlotEvents, by: EndedBy): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#stuckTimer);
    this.#link.destroy();
    wipe(this.#tmp);
    const { lastWords } = this.#prints;
    const outOfMemory = lastWords.includes('heap out of memory');
    events.ended(outOfMemory ? `${how}, out of memory` : how, lastWords, by);
  }

  /** Asks the kernel to take the slot, not the worker, when the container runs out of memory. */
  #preferAsVictim(): void {
    try {
      writeFileSync(`/proc/${this.#child.pid}/oom_score_adj`, '1000');
    } catch {
      // Not Linux, or already gone: V8's own limit still holds.
    }
  }
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === null) return `exit code ${String(code)}`;
  // The kernel says nothing to a process that it ends for want of memory, and hardly anyone else uses this signal.
  const hint = ' (out of memory? see SPILLWAY_WORKER_MEMORY and SPILLWAY_WORKER_SLOTS)';
  return `killed by ${signal}${signal === 'SIGKILL' ? hint : ''}`;
}
