/** Reads a trace from CSV: a header `timestampMs,durationMs`, and optionally `method,bytes,deadlineMs`, in any order. */
import { MOST_SPAN_MS, TraceBuilder, type Trace } from './trace.ts';

const REQUIRED = ['timestampMs', 'durationMs'] as const;
const COLUMNS = [...REQUIRED, 'method', 'bytes', 'deadlineMs'] as const;
type Column = (typeof COLUMNS)[number];

/** A fault in a trace; the message names the file, the line and the value. */
export class TraceFault extends Error {
  override readonly name = 'TraceFault';
}

/**
 * Parses a trace. Timestamps may be in any order and start anywhere (epoch milliseconds too).
 * @throws TraceFault at the first fault
 */
export function parseTrace(text: string, file: string): Trace {
  let line = 0;
  const fail = (what: string): never => {
    throw new TraceFault(`${file}, line ${line}: ${what}`);
  };
  const builder = new TraceBuilder();
  const span = new Span();
  let columns: Column[] | undefined;
  for (const row of rowsOf(text)) {
    line++;
    if (row.trim() === '') continue;
    if (columns === undefined) {
      columns = readHeader(row, fail);
    } else {
      span.take(addCall(builder, columns, row, fail), line, fail);
    }
  }
  if (columns === undefined) fail(`the file is empty; it needs the header ${REQUIRED.join(',')}`);
  if (builder.length === 0) fail('no call follows the header');
  return builder.build(file, 'with the first call');
}

type Fail = (what: string) => never;

const DAY_MS = 86_400_000;

/** The earliest and the latest call so far. */
class Span {
  #earliest = { atMs: Infinity, line: 0 };
  #latest = { atMs: -Infinity, line: 0 };

  /** Takes one more call; a fault where it is too far from another. */
  take(atMs: number, line: number, fail: Fail): void {
    if (atMs < this.#earliest.atMs) this.#earliest = { atMs, line };
    if (atMs > this.#latest.atMs) this.#latest = { atMs, line };
    const spanMs = this.#latest.atMs - this.#earliest.atMs;
    if (spanMs <= MOST_SPAN_MS) return;
    const other = this.#latest.line === line ? this.#earliest : this.#latest;
    const [days, most] = [Math.ceil(spanMs / DAY_MS), MOST_SPAN_MS / DAY_MS];
    fail(
      `timestampMs ${atMs} is ${days} days from ${other.atMs} in line ${other.line}; a trace may span ${most}: ` +
        'mend the wrong one, or cut the trace',
    );
  }
}

function readHeader(row: string, fail: Fail): Column[] {
  const names = cellsOf(row, fail);
  for (const [at, name] of names.entries()) {
    if (!COLUMNS.includes(name as Column))
      fail(`unknown column ${quote(name)}; known are ${COLUMNS.join(', ')}`);
    if (names.indexOf(name) !== at) fail(`column ${quote(name)} appears twice`);
  }
  for (const name of REQUIRED) {
    if (!names.includes(name)) fail(`the header ${quote(row)} lacks the column ${name}`);
  }
  return names as Column[];
}

/** @returns when it arrived */
function addCall(builder: TraceBuilder, columns: readonly Column[], row: string, fail: Fail): number {
  const cells = cellsOf(row, fail);
  if (cells.length !== columns.length) {
    fail(`${cells.length} values for ${columns.length} columns: ${quote(row)}`);
  }
  let arrivalMs = 0;
  let durationMs = 0;
  const rest: { deadlineMs?: number; method?: string; bytes?: number } = {};
  for (let at = 0; at < columns.length; at++) {
    const column = columns[at]!;
    const value = cells[at]!;
    const optional = at !== columns.indexOf('timestampMs') && at !== columns.indexOf('durationMs');
    if (optional && value === '') continue;
    if (column === 'timestampMs') arrivalMs = numeral(column, value, fail);
    else if (column === 'durationMs') durationMs = atLeast(0, column, value, fail);
    else if (column === 'bytes') rest.bytes = atLeast(0, column, value, fail);
    else if (column === 'deadlineMs')
      rest.deadlineMs = atMost(MOST_SPAN_MS, column, atLeast(1, column, value, fail), fail);
    else rest.method = value;
  }
  try {
    builder.add({ arrivalMs, durationMs, ...rest });
  } catch (error) {
    fail((error as Error).message);
  }
  return arrivalMs;
}

function numeral(column: Column, value: string, fail: Fail): number {
  const read = value === '' ? NaN : Number(value);
  return Number.isFinite(read) ? read : fail(`${column} ${quote(value)} is not a number`);
}

function atLeast(least: number, column: Column, value: string, fail: Fail): number {
  const read = numeral(column, value, fail);
  return read >= least ? read : fail(`${column} ${quote(value)} is less than ${least}`);
}

function atMost(most: number, column: Column, value: number, fail: Fail): number {
  return value <= most ? value : fail(`${column} ${value} is more than ${most}`);
}

/** The lines of a text, without their ends and without a byte order mark. */
function* rowsOf(text: string): Generator<string> {
  let start = text.startsWith('\uFEFF') ? 1 : 0;
  while (start < text.length) {
    const found = text.indexOf('\n', start);
    const end = found === -1 ? text.length : found;
    yield text.slice(start, text[end - 1] === '\r' ? end - 1 : end);
    start = end + 1;
  }
}

/** A value in quotes, in which commas and doubled quotes may stand, or one without; and what ends it. */
const CELL = /(?:\s*"([^"]*(?:""[^"]*)*)"\s*|(?!\s*")([^,]*))(,|$)/y;

/** The values of a line, without their quotes and the spaces round them. */
function cellsOf(row: string, fail: Fail): string[] {
  if (!row.includes('"')) return row.split(',').map((cell) => cell.trim());
  const cells: string[] = [];
  CELL.lastIndex = 0;
  for (;;) {
    const [, quoted, plain = '', end] = CELL.exec(row) ?? fail(`the quotes in ${quote(row)} ${QUOTING}`);
    cells.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
    if (end === '') return cells;
  }
}

const QUOTING = 'have to stand round a whole value, within one line; a quote inside it is written twice';

/** The value as it is quoted in a message: cut, since a line may be a megabyte. */
function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
