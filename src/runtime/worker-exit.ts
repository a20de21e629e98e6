/** How a worker's end is put into words, the same in every runtime. */

import { constants } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import type { WorkerExit } from './launcher.ts';

/** Enough for a stack trace with its message; more would bury the log. */
const MAX_LINES = 20;

/** A longer line is cut: the lines end up in one log entry. */
const MAX_LINE_LENGTH = 1000;

/** What V8 prints when a heap is full, before it ends the process by a signal that differs by version and by pid. */
const HEAP_EXHAUSTED = /JavaScript heap out of memory/;

/** What the operating system or the engine said of an ended process. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The kernel ended something in the worker for want of memory. */
  readonly oomKilled?: boolean;
}

/** The end of an ended worker, for the operator. */
export function workerExit(end: ProcessEnd, lastLines: readonly string[]): WorkerExit {
  const signal = end.signal ?? signalOf(end.code);
  return { reason: reasonOf(end, signal, lastLines), lastLines };
}

function reasonOf(end: ProcessEnd, signal: string | null, lastLines: readonly string[]): string {
  // A slot that ran out of memory also sets the flag; only with SIGKILL was it the control process itself.
  if (end.oomKilled === true && signal === 'SIGKILL') return 'out of memory';
  if (signal !== null && lastLines.some((line) => HEAP_EXHAUSTED.test(line))) return 'out of memory';
  return signal === null ? `exit code ${end.code}` : `killed by ${signal}`;
}

/** Engines and shells report a death by signal n as exit code 128 + n: 137 is SIGKILL. */
function signalOf(code: number | null): string | null {
  if (code === null || code <= 128) return null;
  const found = Object.entries(constants.signals).find(([, number]) => number === code - 128);
  return found === undefined ? null : found[0];
}

/** Keeps the last lines of several streams, in the order in which the lines were finished. */
export class LastLines {
  readonly #lines: string[] = [];
  readonly #unfinished = new Map<string, string>();

  /** Takes a piece of what `stream` printed; a line may come in several pieces. */
  push(stream: string, piece: string): void {
    const pieces = ((this.#unfinished.get(stream) ?? '') + piece).split('\n');
    // Only the start of a line is ever shown, so an endless one needs no more room than this.
    this.#unfinished.set(stream, (pieces.pop() ?? '').slice(0, 2 * MAX_LINE_LENGTH));
    this.#lines.push(...pieces.map(clean).filter((line) => line !== ''));
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, this.#lines.length - MAX_LINES);
  }

  /** The lines so far, oldest first, unfinished ones last. */
  get(): string[] {
    const unfinished = [...this.#unfinished.values()].map(clean).filter((line) => line !== '');
    return [...this.#lines, ...unfinished].slice(-MAX_LINES);
  }
}

/** User code may print anything; what goes to the operator's terminal is plain text. */
function clean(line: string): string {
  const text = stripVTControlCharacters(line.slice(0, MAX_LINE_LENGTH));
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '').trimEnd();
}
