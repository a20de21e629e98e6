/** What a command says: to a person on a terminal in colour, to a file without, to a program as JSON. */
import { styleText } from 'node:util';

/** The colours in use, by what they mean. */
export type Tone = 'good' | 'bad' | 'warning' | 'faint' | 'strong';

const STYLES = {
  good: 'green',
  bad: 'red',
  warning: 'yellow',
  faint: 'dim',
  strong: 'bold',
} as const satisfies Record<Tone, string>;

/** Where output goes: process.stdout and process.stderr, or what a test has in their place. */
export interface Stream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/** The output of one command. */
export class Output {
  readonly json: boolean;
  readonly stdout: Stream;
  readonly #stderr: Stream;
  readonly #colour: boolean;
  readonly #noteColour: boolean;

  /** @param plain no colours, whatever the streams are (NO_COLOR) */
  constructor(json: boolean, stdout: Stream, stderr: Stream, plain: boolean) {
    this.json = json;
    this.stdout = stdout;
    this.#stderr = stderr;
    this.#colour = !plain && !json && stdout.isTTY === true;
    this.#noteColour = !plain && !json && stderr.isTTY === true;
  }

  get onTerminal(): boolean {
    return this.stdout.isTTY === true;
  }

  /** The terminal's size. One that doesn't know its own says 0. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns = 0, rows = 0 } = this.stdout;
    return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
  }

  /** One line of the answer. */
  line(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  /** One line beside the answer. */
  note(text: string, tone?: Tone): void {
    this.#stderr.write(`${tone !== undefined && this.#noteColour ? styled(tone, text) : text}\n`);
  }

  /** The answer as a program wants it, in one line. */
  value(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  /** The text in its colour, where the answer has colours. */
  tone(tone: Tone, text: string): string {
    return this.#colour ? styled(tone, text) : text;
  }

  /** Rows under a heading, in columns as wide as they need to be. */
  table(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
    const widths = heading.map((cell, column) =>
      Math.max(visible(cell), ...rows.map((row) => visible(row[column] ?? ''))),
    );
    const laid = (row: readonly string[]): string =>
      row
        .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - visible(cell))))
        .join('  ')
        .trimEnd();
    return [this.tone('faint', laid(heading)), ...rows.map(laid)];
  }
}

function styled(tone: Tone, text: string): string {
  return styleText(STYLES[tone], text, { validateStream: false });
}

/** How many columns a text takes, its colours aside. */
function visible(text: string): number {
  return Array.from(text.replace(/\u001b\[[0-9;]*m/g, '')).length;
}

/** Milliseconds for people: 0.12 ms, 12 ms, 1.2 s. */
export function ms(value: number | undefined): string {
  if (value === undefined) return '–';
  if (value >= 1000) return `${(value / 1000).toFixed(value >= 10_000 ? 0 : 1)} s`;
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(2)} ms`;
}

/** Dollars for people: six digits behind the point, since a call costs millionths. */
export function usd(value: number): string {
  return value >= 1 ? `$${value.toFixed(2)}` : `$${value.toFixed(6)}`;
}
