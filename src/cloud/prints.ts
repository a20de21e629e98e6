/**
 * What a call printed in the cloud, on its way to the balancer in a header of the answer: base64, since a header holds
 * neither line breaks nor more than latin1. It is bundled into the handler, so it may import nothing but types. Pure.
 */

/** A line that a function printed. */
export interface PrintedLine {
  readonly stream: 'stdout' | 'stderr';
  /** Without its line break. */
  readonly text: string;
}

/** The longest header, in characters. The gateway takes 10,240 bytes of headers in all; the others need about 1,000. */
export const MAX_PRINTS_CHARACTERS = 6000;
/** What fits into it before it becomes base64, in bytes. */
const MAX_BYTES = (MAX_PRINTS_CHARACTERS / 4) * 3;
/** How much of a line goes on, in characters: as much as of one that is printed in the pool. */
export const MAX_LINE_CHARACTERS = 1000;

/** Before each line: which stream it went to. */
const MARKS = { stdout: 'o', stderr: 'e' } as const;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Gathers lines for as long as they fit. */
export class PrintsHeader {
  #text = '';
  #room = MAX_BYTES;

  /** @returns whether the line fitted in; after one that didn't, shorter ones may. A blank line takes no room. */
  add({ stream, text }: PrintedLine): boolean {
    if (text.trim() === '') return true;
    const entry = `${MARKS[stream]}${text.slice(0, MAX_LINE_CHARACTERS)}\n`;
    const bytes = Buffer.byteLength(entry);
    if (bytes > this.#room) return false;
    this.#room -= bytes;
    this.#text += entry;
    return true;
  }

  /** The header's value; empty: nothing was added. */
  get value(): string {
    return Buffer.from(this.#text).toString('base64');
  }
}

/** Undoes PrintsHeader. What isn't its work gives no lines: the header came over the network, and is only for the log. */
export function decodePrints(value: unknown): PrintedLine[] {
  if (typeof value !== 'string' || value.length > MAX_PRINTS_CHARACTERS) return [];
  if (value.length % 4 !== 0 || !BASE64.test(value)) return [];
  const lines: PrintedLine[] = [];
  for (const entry of Buffer.from(value, 'base64').toString('utf8').split('\n')) {
    const stream = entry.startsWith(MARKS.stdout) ? 'stdout' : 'stderr';
    if (entry === '') continue;
    if (stream === 'stderr' && !entry.startsWith(MARKS.stderr)) return [];
    const text = entry.slice(1, 1 + MAX_LINE_CHARACTERS);
    if (text.trim() !== '') lines.push({ stream, text });
  }
  return lines;
}
