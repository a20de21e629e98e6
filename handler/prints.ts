/**
 * What a call prints in the cloud, gathered for its answer. A process here runs one call at a time, but what an earlier one
 * left running may print under a later one: each print is told by whose code it came from, and such a one belongs to no
 * call. It is in the log all the same.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { StringDecoder } from 'node:string_decoder';
import { MAX_LINE_CHARACTERS, PrintsHeader } from '../src/cloud/prints.ts';

type Stream = 'stdout' | 'stderr';

const calls = new AsyncLocalStorage<CallPrints>();
let running: CallPrints | undefined;

/** Gathers what `work` prints, until its end. */
export async function gatherPrints<T>(work: () => Promise<T>): Promise<{ ended: T; prints: CallPrints }> {
  const prints = new CallPrints();
  running = prints;
  try {
    return { ended: await calls.run(prints, work), prints };
  } finally {
    running = undefined;
    prints.end();
  }
}

/** Something was written: it goes to the call whose code wrote it. What no call began belongs to the one that runs. */
export function printed(stream: Stream, data: Buffer): void {
  if (running === undefined) return;
  if ((calls.getStore() ?? running) === running) running.take(stream, data);
}

/** The prints of one call. Costs next to nothing until the first of them. */
export class CallPrints {
  /** Lines that didn't fit. */
  leftOut = 0;
  #header: PrintsHeader | undefined;
  readonly #unfinished: Record<Stream, string> = { stdout: '', stderr: '' };
  #decoders: Record<Stream, StringDecoder> | undefined;

  /** For the answer; empty: nothing was printed. */
  get header(): string {
    return this.#header?.value ?? '';
  }

  /** Takes what was written. */
  take(stream: Stream, data: Buffer): void {
    this.#decoders ??= { stdout: new StringDecoder(), stderr: new StringDecoder() };
    const lines = this.#decoders[stream].write(data).split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      this.#add(stream, this.#unfinished[stream] + line);
      this.#unfinished[stream] = '';
    }
    // No more than can go on: a line may be endless.
    this.#unfinished[stream] = (this.#unfinished[stream] + rest).slice(0, MAX_LINE_CHARACTERS);
  }

  /** Takes the lines that had no end yet. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#unfinished[stream] !== '') this.#add(stream, this.#unfinished[stream]);
      this.#unfinished[stream] = '';
    }
  }

  #add(stream: Stream, text: string): void {
    this.#header ??= new PrintsHeader();
    // After the first that doesn't fit, none: a gap in the middle would mislead.
    if (this.leftOut > 0 || !this.#header.add({ stream, text })) this.leftOut += text.trim() === '' ? 0 : 1;
  }
}
