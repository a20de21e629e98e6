/** What the operator gets to read of calls in the cloud. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallLog, LogLines } from '../../src/admin/call-log.ts';
import type { CloudCall, CloudEnd, CloudListener } from '../../src/cloud/backend.ts';
import { cloudEvents } from '../../src/cloud-events.ts';
import { spec } from './admin/calls.ts';

type Line = Record<string, unknown>;

let calls: CallLog;
let events: CloudListener;
let logged: Line[];

beforeEach(() => {
  vi.useFakeTimers();
  const lines = new LogLines();
  logged = [];
  const write = (line: string): void => {
    lines.take(line);
    logged.push(JSON.parse(line) as Line);
  };
  const log = pino({ level: 'info' }, { write });
  calls = new CallLog(log, lines);
  events = cloudEvents(log, calls);
});
afterEach(() => void vi.useRealTimers());

const call = (callId: string, name = 'add'): CloudCall => ({
  callId,
  spec: spec(name),
  params: undefined,
  deadline: 1000,
  timeoutMs: 1000,
});

const end = (more: Partial<CloudEnd> = {}): CloudEnd => ({
  outcome: 'ok',
  answered: true,
  mayHaveRun: true,
  report: { elapsedMs: 40, costUsd: 0.0000042, runMs: 20, billedMs: 25, coldStart: true, requestId: 'r-1' },
  prints: [],
  printsLeftOut: 0,
  logGroup: '/aws/lambda/spillway-p',
  ...more,
});

const known = (callId: string): Line[] => calls.recent(callId).map((line) => JSON.parse(line) as Line);
const print = (text: string): CloudEnd['prints'][number] => ({ stream: 'stdout', text });

it('a call’s way is known to who asks, step by step', () => {
  events.sent(call('7'));
  vi.advanceTimersByTime(5);
  events.ended(call('7'), end({ prints: [print('hello')] }));
  events.sent(call('8'));
  expect(known('7')).toMatchObject([
    { msg: 'sent to the cloud', callId: '7', function: 'add' },
    { msg: 'hello', place: 'cloud' },
    {
      msg: 'answer of the cloud',
      place: 'cloud',
      outcome: 'ok',
      runMs: 20,
      billedMs: 25,
      coldStart: true,
      requestId: 'r-1',
      costUsd: 0.0000042,
    },
  ]);
  expect(known('7')[2]).not.toHaveProperty('logGroup');
  expect(known('8')).toHaveLength(1);
});

describe('what a call prints', () => {
  it('is in the log as in the pool, with its place and Lambda’s name for it', () => {
    const prints = [print('\u001b[31mred\u001b[0m'), { stream: 'stderr', text: 'beware' } as const];
    events.ended(call('7'), end({ prints }));
    expect(logged).toMatchObject([
      {
        level: 30,
        msg: 'red',
        place: 'cloud',
        callId: '7',
        function: 'add',
        stream: 'stdout',
        requestId: 'r-1',
      },
      { level: 30, msg: 'beware', callId: '7', function: 'add', stream: 'stderr' },
    ]);
  });

  it('is said to be more than that, and where the rest is', () => {
    events.ended(call('7'), end({ prints: [print('one')], printsLeftOut: 9, logStream: 's-1' }));
    expect(logged[1]).toMatchObject({
      msg: '(prints more: 9 lines are only in the log group /aws/lambda/spillway-p)',
      ...{ callId: '7', requestId: 'r-1', logGroup: '/aws/lambda/spillway-p', logStream: 's-1' },
    });
    expect(known('7').at(-1)).toMatchObject({
      msg: 'answer of the cloud',
      logGroup: '/aws/lambda/spillway-p',
    });
  });

  it('is limited for each function, so that a loud one doesn’t drown the others', () => {
    for (let id = 1; id <= 50; id += 1)
      events.ended(call(String(id)), end({ prints: Array.from({ length: 10 }, (_, at) => print(`x${at}`)) }));
    events.ended(call('51', 'mul'), end({ prints: [print('hello')] }));
    expect(logged).toHaveLength(102);
    expect(logged[100]).toMatchObject({
      msg: expect.stringContaining('left out') as string,
      function: 'add',
    });
    expect(logged[101]).toMatchObject({ msg: 'hello', function: 'mul' });
    vi.advanceTimersByTime(1000);
    events.ended(call('52'), end({ prints: [print('again')] }));
    expect(logged.at(-1)).toMatchObject({ msg: 'again', leftOut: 400 });
  });
});

describe('a call without an answer', () => {
  const lost = end({
    outcome: 'timeout',
    answered: false,
    report: { elapsedMs: 29_000, costUsd: 0.001 },
    detail: '504 Endpoint request timed out',
    gatewayRequestId: 'g-1',
  });

  it('says where its prints are to be looked for', () => {
    events.ended(call('7'), lost);
    const where = { gatewayRequestId: 'g-1', logGroup: '/aws/lambda/spillway-p' };
    expect(logged).toMatchObject([
      {
        level: 40,
        msg: 'a call in the cloud has no answer: timeout',
        callId: '7',
        function: 'add',
        ...where,
      },
    ]);
    expect(known('7')).toMatchObject([
      {
        msg: 'no answer of the cloud',
        outcome: 'timeout',
        mayHaveRun: true,
        detail: '504 Endpoint request timed out',
        costUsd: 0.001,
        ...where,
      },
      { msg: 'a call in the cloud has no answer: timeout', ...where },
    ]);
  });

  it('is said once in ten seconds, with how many there were', () => {
    for (let id = 1; id <= 30; id += 1) events.ended(call(String(id)), lost);
    expect(logged).toHaveLength(1);
    vi.advanceTimersByTime(10_000);
    events.ended(call('31'), lost);
    expect(logged[1]).toMatchObject({ callId: '31', alikeSinceTheLastLine: 29 });
    expect(known('12')).toHaveLength(1);
  });

  it('has nothing to look for where it never ran', () => {
    events.ended(call('7'), { ...lost, outcome: 'throttled', mayHaveRun: false });
    expect(logged).toEqual([]);
    expect(known('7')).toMatchObject([
      { msg: 'no answer of the cloud', outcome: 'throttled', mayHaveRun: false },
    ]);
    expect(known('7')[0]).not.toHaveProperty('logGroup');
  });
});
