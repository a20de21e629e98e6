/** What one slot process prints, on its way to the balancer: cut into lines, and no more of them than anybody can read. */
import { PrintLimit } from '../src/pool/print-limit.ts';
import { readMark } from './tags.ts';

/** A line longer than this is cut in two, lest an endless one fill the memory. */
const UNFINISHED_CHARACTERS = 64 * 1024;
/** How much of what was printed is kept to explain the end of the process. */
const LAST_WORDS_CHARACTERS = 2000;

/** A line that goes on. */
export interface PrintedLine {
  readonly text: string;
  readonly stream: 'stdout' | 'stderr';
  readonly callId?: string;
  readonly function?: string;
  /** So many lines before it were left out. */
  readonly leftOut?: number;
}

/** The prints of one slot process. */
export class Prints {
  readonly #onLine: (line: PrintedLine) => void;
  readonly #unfinished = { stdout: '', stderr: '' };
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  #lastWords = '';
  readonly #limit: PrintLimit;

  /** @param now milliseconds of any steady clock */
  constructor(now: number, onLine: (line: PrintedLine) => void) {
    this.#limit = new PrintLimit(now);
    this.#onLine = onLine;
  }

  /** The end of what it printed, without marks. */
  get lastWords(): string {
    const { stdout, stderr } = this.#unfinished;
    return (this.#lastWords + readMark(stdout).text + readMark(stderr).text).slice(-LAST_WORDS_CHARACTERS);
  }

  /** Takes what came out of the process. Returns it in whole lines without marks, for the worker's own output. */
  take(stream: 'stdout' | 'stderr', chunk: Buffer, now: number): string {
    const text = this.#unfinished[stream] + this.#decoders[stream].decode(chunk, { stream: true });
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    if (rest.length > UNFINISHED_CHARACTERS) lines.push(rest);
    this.#unfinished[stream] = rest.length > UNFINISHED_CHARACTERS ? '' : rest;
    let plain = '';
    for (const line of lines) {
      const marked = readMark(line);
      plain += `${marked.text}\n`;
      if (marked.text.trim() !== '') this.#pass({ ...marked, stream }, now);
    }
    this.#lastWords = (this.#lastWords + plain).slice(-LAST_WORDS_CHARACTERS);
    return plain;
  }

  #pass(line: PrintedLine, now: number): void {
    const passed = this.#limit.pass(line, now);
    if (passed !== undefined) this.#onLine(passed);
  }
}
