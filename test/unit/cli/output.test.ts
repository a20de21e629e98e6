import { describe, expect, it } from 'vitest';
import { Output, type Stream } from '../../../src/cli/output.ts';

/** A stream that keeps what is written. */
function stream(terminal: Partial<Stream> = {}): Stream & { written: string } {
  return {
    written: '',
    ...terminal,
    write(text) {
      this.written += text;
    },
  };
}

const TERMINAL = { isTTY: true, columns: 120, rows: 40 };

describe('colours', () => {
  it.each([
    ['a terminal', true, true, true],
    ['an answer that goes to a file', false, true, true],
    ['notes that go to a file', true, false, true],
    ['neither on a terminal', false, false, true],
    ['a program’s output', true, true, false],
  ])('%s', (_, outIsTerminal, errIsTerminal, forPeople) => {
    const out = stream(outIsTerminal ? TERMINAL : {});
    const err = stream(errIsTerminal ? TERMINAL : {});
    const output = new Output(!forPeople, out, err, false);
    output.line(output.tone('good', 'ready'));
    output.note('took 3 ms', 'faint');
    expect(out.written.includes('\u001b')).toBe(outIsTerminal && forPeople);
    expect(err.written.includes('\u001b')).toBe(errIsTerminal && forPeople);
  });

  it('are none where NO_COLOR says so', () => {
    const [out, err] = [stream(TERMINAL), stream(TERMINAL)];
    const output = new Output(false, out, err, true);
    output.line(output.tone('good', 'ready'));
    output.note('took 3 ms', 'faint');
    expect(out.written + err.written).toBe('ready\ntook 3 ms\n');
  });
});

describe('the size', () => {
  it('is the terminal’s, and a common one where it says 0 or nothing', () => {
    const sizeOf = (terminal: Partial<Stream>): unknown =>
      new Output(false, stream(terminal), stream(), false).size;
    expect(sizeOf(TERMINAL)).toEqual({ columns: 120, rows: 40 });
    expect(sizeOf({ isTTY: true, columns: 0, rows: 0 })).toEqual({ columns: 80, rows: 24 });
    expect(sizeOf({})).toEqual({ columns: 80, rows: 24 });
  });
});
