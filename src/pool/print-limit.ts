/** How many of the lines that functions print reach the operator. Pure; shared with the worker program. */

/** So many lines a second go on for long, and so many at once. */
const LINES_PER_SECOND = 20;
const BURST_LINES = 100;
/** How much of a line goes on, in characters. */
const LINE_CHARACTERS = 1000;

/** One limit: of a slot process, or of a function in the cloud. */
export class PrintLimit {
  #tokens = BURST_LINES;
  #at: number;
  #leftOut = 0;
  #told = false;

  /** @param now milliseconds of any steady clock */
  constructor(now: number) {
    this.#at = now;
  }

  /** @returns the line as it goes on, with how many before it were left out; undefined: it is left out itself. */
  pass<L extends { readonly text: string }>(
    line: L,
    now: number,
  ): (L & { readonly leftOut?: number }) | undefined {
    this.#tokens = Math.min(BURST_LINES, this.#tokens + ((now - this.#at) / 1000) * LINES_PER_SECOND);
    this.#at = now;
    if (this.#tokens > BURST_LINES / 2) this.#told = false;
    if (this.#tokens < 1) {
      this.#leftOut += 1;
      if (this.#told) return undefined;
      // Said once, since no further line may come that could say how many were left out.
      this.#told = true;
      return { ...line, text: `(prints too much: over ${LINES_PER_SECOND} lines a second are left out)` };
    }
    this.#tokens -= 1;
    const leftOut = this.#leftOut === 0 ? {} : { leftOut: this.#leftOut };
    this.#leftOut = 0;
    return { ...line, ...leftOut, text: line.text.slice(0, LINE_CHARACTERS) };
  }
}
