/** What a command is, and what it may use. */
import type { Daemon } from './daemon.ts';
import type { Output } from './output.ts';

/** How a command ended, as the shell sees it. */
export const EXIT = { ok: 0, failed: 1, noDaemon: 2, usage: 64 } as const;

/** The options of a command, as node:util's parseArgs takes them. */
export type OptionTable = Readonly<Record<string, { readonly type: 'boolean' | 'string' }>>;

/** What was given on the command line. */
export interface Arguments {
  readonly words: readonly string[];
  /** A string where the option takes a value, true where it doesn't and was given. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** What a command works with. */
export interface Context {
  /** The daemon of these settings; nothing is asked of it before a method is called. */
  readonly daemon: Daemon;
  readonly output: Output;
  /** All of standard input. */
  readonly readInput: () => Promise<string>;
  /** Aborted when the user wants to leave. */
  readonly leave: AbortSignal;
}

/** One command. */
export interface Command {
  readonly name: string;
  /** What stands behind the name. */
  readonly usage: string;
  readonly summary: string;
  /** Further lines of its help. */
  readonly help?: string;
  /** Besides --json and --help, which every command has. */
  readonly options?: OptionTable;
  /** How many words it takes; [1, 1] unless it says otherwise. */
  readonly words: readonly [min: number, max: number];
  /** It looks at `leave`, and ends in its own way; any other is ended at once when the user wants to leave. */
  readonly heedsLeave?: true;
  /** Resolves with the exit code. @throws UsageFault, DaemonMissing or CommandFailed */
  run(context: Context, args: Arguments): Promise<number>;
}
