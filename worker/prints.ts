/** What one slot process prints, on its way to the balancer: cut into lines, and no more of them than anybody can read. */
import { readMark } from './tags.ts';

/** So many lines a second go on for long, and so many at once. */
const LINES_PER_SECOND = 20;
const BURST_LINES = 100;
/** How much of a line goes on, in characters. */
const LINE_CHARACTERS = 1000;
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
  #tokens = BURST_LINES;
  #at: number;
  #leftOut = 0;
  #told = false;

  /** @param now milliseconds of any steady clock */
  constructor(now: number, onLine: (line: PrintedLine) => void) {
    this.#at = now;
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
    this.#tokens = Math.min(BURST_LINES, this.#tokens + ((now - this.#at) / 1000) * LINES_PER_SECOND);
    this.#at = now;
    if (this.#tokens > BURST_LINES / 2) this.#told = false;
    if (this.#tokens < 1) {
      this.#leftOut += 1;
      // Said once, since no further line may come that could say how many were left out.
      if (!this.#told)
        this.#onLine({
          ...line,
          text: `(prints too much: over ${LINES_PER_SECOND} lines a second are left out)`,
        });
      this.#told = true;
      return;
    }
    this.#tokens -= 1;
    const leftOut = this.#leftOut === 0 ? {} : { leftOut: this.#leftOut };
    this.#leftOut = 0;
    this.#onLine({ ...line, ...leftOut, text: line.text.slice(0, LINE_CHARACTERS) });
  }
}
