import { describe, expect, it } from 'vitest';
import { Prints, type PrintedLine } from '../../../worker/prints.ts';
import { StreamMarks, markLines, readMark } from '../../../worker/tags.ts';

const printer = { callId: 7, name: 'add' };

function rig(): { prints: Prints; lines: PrintedLine[] } {
  const lines: PrintedLine[] = [];
  return { prints: new Prints(0, (line) => lines.push(line)), lines };
}

describe('marks', () => {
  it('stand before each line that begins, and come off again', () => {
    const marked = markLines('one\ntwo\n', false, printer);
    expect(marked.split('\n').map((line) => readMark(line))).toEqual([
      { text: 'one', callId: '7', function: 'add' },
      { text: 'two', callId: '7', function: 'add' },
      { text: '' },
    ]);
    expect(markLines('rest\n', true, printer)).toBe('rest\n');
    expect(markLines('no call', false, undefined)).toBe('no call');
  });

  it('leave whole what is written in pieces, of any encoding', () => {
    const marks = new StreamMarks();
    const [first, second] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)];
    const written =
      marks.mark(first, undefined, printer) +
      marks.mark(second, undefined, printer) +
      marks.mark('6869', 'hex', printer) +
      marks.mark('\n', undefined, printer);
    expect(written.split('\n').map((line) => readMark(line).text)).toEqual(['éhi', '']);
    expect(readMark(marks.mark('next', 'latin1', printer))).toEqual({
      text: 'next',
      callId: '7',
      function: 'add',
    });
  });

  it('that are broken are text', () => {
    expect(readMark('\u001ebroken')).toEqual({ text: '\u001ebroken' });
  });
});

describe('prints', () => {
  it('become lines, however they are cut, and keep the two streams apart', () => {
    const { prints, lines } = rig();
    const bytes = Buffer.from(markLines('größer\nunfinished', false, printer));
    let plain = '';
    for (const byte of bytes) plain += prints.take('stdout', Buffer.from([byte]), 0);
    plain += prints.take('stderr', Buffer.from('a crash\n'), 0);
    expect(lines).toEqual([
      { text: 'größer', stream: 'stdout', callId: '7', function: 'add' },
      { text: 'a crash', stream: 'stderr' },
    ]);
    expect(plain).toBe('größer\na crash\n');
    expect(prints.lastWords).toBe('größer\na crash\nunfinished');
  });

  it('of more than 20 lines a second are left out, and it is said', () => {
    const { prints, lines } = rig();
    prints.take('stdout', Buffer.from('x\n'.repeat(1000)), 0);
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)?.text).toContain('left out');
    prints.take('stdout', Buffer.from('y\n'.repeat(1000)), 1000);
    expect(lines).toHaveLength(121);
    expect(lines[101]).toMatchObject({ text: 'y', leftOut: 900 });
    expect(lines[102]).toEqual({ text: 'y', stream: 'stdout' });
  });

  it('are bounded in memory and in length', () => {
    const { prints, lines } = rig();
    for (let i = 0; i < 100; i += 1) prints.take('stdout', Buffer.alloc(10_000, 'x'), 0);
    expect(lines.length).toBeGreaterThan(10);
    expect(lines[0]?.text).toHaveLength(1000);
    expect(prints.lastWords.length).toBeLessThanOrEqual(2000);
  });
});
