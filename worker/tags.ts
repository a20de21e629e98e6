/**
 * Says of each line that is printed in a slot process which call printed it. The line is marked where it is written and
 * the mark taken off by the control process: what else ends up in the pipe (a crash, native code) needs no mark.
 */
import { StringDecoder } from 'node:string_decoder';

/** Control characters that no text has for itself: record separator, unit separator. */
const BEGIN = '\u001e';
const END = '\u001f';

/** The call that prints. */
export interface Printer {
  readonly callId: number;
  readonly name: string;
}

/** A line without its mark, and what the mark says. */
export interface MarkedLine {
  readonly text: string;
  readonly callId?: string;
  readonly function?: string;
}

/** Marks every line that goes to stdout or stderr from now on while `current` names a call. */
export function markPrints(current: () => Printer | undefined): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const found = Object.getOwnPropertyDescriptor(process, name);
    let marked: NodeJS.WriteStream | undefined;
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      // Most functions never print, and the stream is made when it is first asked for.
      get: () => (marked ??= mark(found?.get?.call(process) as NodeJS.WriteStream, current)),
    });
  }
}

function mark(stream: NodeJS.WriteStream, current: () => Printer | undefined): NodeJS.WriteStream {
  const write = stream.write.bind(stream) as (text: string, ...rest: unknown[]) => boolean;
  const marks = new StreamMarks();
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    const encoding = rest.find((one) => typeof one === 'string') as BufferEncoding | undefined;
    const callbacks = rest.filter((one) => typeof one === 'function');
    return write(marks.mark(chunk, encoding, current()), ...callbacks);
  };
  return stream;
}

/** Marks what is written to one stream, piece by piece. */
export class StreamMarks {
  readonly #decoder = new StringDecoder('utf8');
  #midLine = false;

  /** What to write in place of a piece. A character that is cut in two comes with its second half. */
  mark(
    piece: string | Uint8Array,
    encoding: BufferEncoding | undefined,
    printer: Printer | undefined,
  ): string {
    const text = this.#decoder.write(
      typeof piece === 'string' ? Buffer.from(piece, encoding) : Buffer.from(piece),
    );
    const marked = markLines(text, this.#midLine, printer);
    if (text !== '') this.#midLine = !text.endsWith('\n');
    return marked;
  }
}

/** Puts the mark before each line that begins in `text`. */
export function markLines(text: string, midLine: boolean, printer: Printer | undefined): string {
  if (printer === undefined) return text;
  const tag = `${BEGIN}${printer.callId} ${printer.name}${END}`;
  const lines = text.split('\n');
  return lines
    .map((line, at) =>
      (at === 0 && midLine) || (at === lines.length - 1 && line === '') ? line : tag + line,
    )
    .join('\n');
}

/** Takes the mark off a line. */
export function readMark(line: string): MarkedLine {
  if (!line.startsWith(BEGIN)) return { text: line };
  const end = line.indexOf(END);
  if (end < 0) return { text: line };
  const [callId = '', name = ''] = line.slice(1, end).split(' ');
  return { text: line.slice(end + 1), callId, function: name };
}
