import { pino, type Logger } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallLog, LogLines } from '../../../src/admin/call-log.ts';
import { ok, observed, spec, TURNED_AWAY } from './calls.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const add = spec('add');

function rig(level: string): { calls: CallLog; log: Logger; written: string[] } {
  const lines = new LogLines();
  const written: string[] = [];
  const write = (line: string): void => {
    lines.take(line);
    written.push(line);
  };
  const log = pino({ level }, { write });
  return { calls: new CallLog(log, lines), log, written };
}

const read = (lines: readonly string[]): Record<string, unknown>[] =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>);

describe('a call', () => {
  it('is one line at debug', () => {
    const { calls, written } = rig('debug');
    calls.answered(observed(7, add), ok);
    expect(read(written)).toMatchObject([
      {
        level: 20,
        msg: 'call',
        callId: '7',
        function: 'add',
        place: 'pool',
        worker: 'w1',
        queueMs: 1,
        runMs: 2,
        outcome: 'ok',
      },
    ]);
    expect(calls.recent('7')).toHaveLength(1);
  });

  it('is known to who asks, though the log says nothing of it', () => {
    const { calls, written, log } = rig('info');
    calls.placed(observed(7, add), 'queue', 'short wait');
    vi.advanceTimersByTime(5);
    log.info({ callId: '7', function: 'add' }, 'printed');
    vi.advanceTimersByTime(5);
    calls.placedAgain(observed(7, add), 'worker lost');
    calls.answered(observed(7, add), TURNED_AWAY);
    calls.answered(observed(8, add), ok);
    expect(written).toHaveLength(1);
    expect(read(calls.recent('7')).map(({ msg }) => msg)).toEqual([
      'placed',
      'printed',
      'placed again',
      'call',
    ]);
    expect(read(calls.recent('7')).at(-1)).toMatchObject({ outcome: 'Overloaded', place: 'none' });
    expect(calls.recent(undefined)).toHaveLength(5);
  });

  it.each([-3_600_000, 0, 1])('is told in order where the clock goes on by %d ms', (step) => {
    const { calls, log } = rig('info');
    const tick = (): void => void vi.setSystemTime(Date.now() + step);
    calls.placed(observed(7, add), 'cloud', 'would wait too long');
    tick();
    log.info({ callId: '7', function: 'add' }, 'printed');
    tick();
    calls.answered(observed(7, add), ok);
    tick();
    log.info({ callId: '7', function: 'add' }, 'printed late');
    expect(read(calls.recent('7')).map(({ msg }) => msg)).toEqual([
      'placed',
      'sending calls to the cloud: would wait too long',
      'printed',
      'call',
      'printed late',
    ]);
  });

  it('is told to those who follow it, and to no others', () => {
    const { calls, log } = rig('info');
    const heard: string[] = [];
    const stop = calls.follow('7', (line) => heard.push(line));
    calls.answered(observed(7, add), ok);
    calls.answered(observed(8, add), ok);
    log.info({ callId: '7' }, 'printed');
    log.info('something else');
    stop();
    calls.answered(observed(7, add), ok);
    expect(read(heard).map(({ msg }) => msg)).toEqual(['call', 'printed']);
  });
});

describe('sending calls away', () => {
  it('is said at info once in ten seconds for each reason, with how many there were', () => {
    const { calls, written } = rig('info');
    for (let id = 1; id <= 50; id += 1) calls.placed(observed(id, add), 'cloud', 'would wait too long');
    calls.placed(observed(51, add), 'reject', 'queue full');
    calls.placed(observed(52, add), 'queue', 'short wait');
    vi.advanceTimersByTime(10_000);
    calls.placed(observed(53, add), 'cloud', 'would wait too long');
    expect(read(written).map(({ msg, alikeSinceTheLastLine }) => [msg, alikeSinceTheLastLine])).toEqual([
      ['sending calls to the cloud: would wait too long', undefined],
      ['turning calls away: queue full', undefined],
      ['sending calls to the cloud: would wait too long', 49],
    ]);
  });
});

describe('what is kept', () => {
  it('is bounded', () => {
    const { calls, log } = rig('info');
    for (let id = 1; id <= 5000; id += 1) {
      calls.answered(observed(id, add), ok);
      log.info({ callId: String(id) }, 'printed');
    }
    expect(calls.recent(undefined)).toHaveLength(3000);
    expect(calls.recent('1')).toEqual([]);
    expect(calls.recent('5000')).toHaveLength(2);
  });
});
