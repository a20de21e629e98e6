import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HEADERS, decodeEvent } from '../../../src/cloud/event.ts';
import { callNanoUsd, refusedNanoUsd, worstNanoUsd } from '../../../src/cloud/prices.ts';
import { CallsBench, gatewaySays, handlerSays, rate, turn } from './calls-bench.ts';

let bench: CallsBench;

beforeEach(() => {
  vi.useFakeTimers();
  bench = new CallsBench();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a call that succeeds', () => {
  it('is entered before it is sent, at its worst case, and settled at its cost', async () => {
    const { outcomes } = bench.start();
    expect(bench.sent).toEqual([]);
    await turn();
    expect(bench.records).toMatchObject([
      { kind: 'enter', what: 'add', worstNano: worstNanoUsd(rate, 5000) },
    ]);
    expect(decodeEvent(bench.sent[0]!.body)).toEqual({
      head: { method: 'add', callId: '9', bundle: 'abc', maxResultBytes: 1000, remainingMs: 5000 },
      params: '[1,2]',
    });
    expect(bench.sent[0]!.timeoutMs).toBe(8000);
    expect(bench.calls).toMatchObject({ sent: 1, inFlight: 1 });
    bench.sent[0]!.done(
      handlerSays('result', '3', {
        [HEADERS.initMs]: '75',
        [HEADERS.memoryMb]: '60',
        [HEADERS.requestId]: 'r',
      }),
    );
    await turn();
    const costNano = callNanoUsd(rate, { billedMs: 100, resultBytes: 1, logBytes: 0 });
    expect(outcomes).toMatchObject([
      {
        ok: true,
        report: {
          runMs: 20,
          billedMs: 100,
          coldStart: true,
          memoryMb: 60,
          requestId: 'r',
          costUsd: costNano / 1e9,
        },
      },
    ]);
    expect(outcomes[0]).toHaveProperty('json', Buffer.from('3'));
    expect(bench.settled).toMatchObject({ costNano, known: true });
    expect(bench.health).toEqual([undefined]);
    expect(bench.calls).toMatchObject({ sent: 1, inFlight: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a function's own failure", () => {
  it('is final, and a sign of health', async () => {
    const { outcomes } = bench.start();
    await turn();
    bench.sent[0]!.done(
      handlerSays('failure', '{"kind":"FunctionError","message":"boom","name":"RangeError"}'),
    );
    expect(outcomes).toMatchObject([
      { ok: false, error: { name: 'FunctionError', message: 'boom', data: { name: 'RangeError' } } },
    ]);
    expect(bench.health).toEqual([undefined]);
  });

  it('is TooLarge with the limit of the pool', async () => {
    const { outcomes } = bench.start();
    await turn();
    bench.sent[0]!.done(handlerSays('failure', '{"kind":"TooLarge","message":""}'));
    expect(outcomes).toMatchObject([{ error: { name: 'TooLarge', data: { limitBytes: 1000 } } }]);
  });

  it('that is no failure at all is the cloud’s', async () => {
    const { outcomes } = bench.start();
    await turn();
    bench.sent[0]!.done(handlerSays('failure', 'nonsense'));
    expect(outcomes).toMatchObject([{ failure: { reason: 'failing', mayHaveRun: true } }]);
  });
});

describe('whoever listens', () => {
  const [printed] = ['o42 files\nebeware\n'].map((text) => Buffer.from(text).toString('base64'));

  it('hears that a call is sent, how it ended and what it printed, before its answer', async () => {
    const { outcomes } = bench.start();
    expect(bench.told).toEqual([]);
    await turn();
    expect(bench.told).toEqual(['9']);
    let toldBefore = 0;
    bench.onTold = () => (toldBefore = outcomes.length);
    bench.sent[0]!.done(
      handlerSays('result', '3', { [HEADERS.requestId]: 'r-1', [HEADERS.prints]: printed! }),
    );
    expect([toldBefore, outcomes.length]).toEqual([0, 1]);
    const costUsd = callNanoUsd(rate, { billedMs: 25, resultBytes: 1 + printed!.length, logBytes: 0 }) / 1e9;
    expect(bench.told.slice(1)).toEqual([
      {
        callId: '9',
        outcome: 'ok',
        answered: true,
        mayHaveRun: true,
        report: { elapsedMs: 0, costUsd, coldStart: false, runMs: 20, billedMs: 25, requestId: 'r-1' },
        prints: [
          { stream: 'stdout', text: '42 files' },
          { stream: 'stderr', text: 'beware' },
        ],
        printsLeftOut: 0,
        logGroup: '/aws/lambda/bench',
      },
    ]);
    // What is printed goes over the network, and is paid for.
    await turn();
    expect(bench.settled).toMatchObject({ costNano: Math.round(costUsd * 1e9) });
  });

  it('hears of a failure what the handler said of it, and where the rest of its prints is', async () => {
    bench.start();
    await turn();
    bench.sent[0]!.done(
      handlerSays('failure', '{"kind":"FunctionError","message":"boom","name":"RangeError"}', {
        [HEADERS.prints]: printed!,
        [HEADERS.printsLeftOut]: '17',
        [HEADERS.logStream]: '2026/11/22/[1]abc',
      }),
    );
    expect(bench.told[1]).toMatchObject({
      outcome: 'FunctionError',
      answered: true,
      printsLeftOut: 17,
      logStream: '2026/11/22/[1]abc',
    });
  });

  it('hears of a call without an answer under which names to look for it', async () => {
    bench.start();
    await turn();
    const gateway = {
      ...gatewaySays(502),
      headers: { 'x-amzn-requestid': 'g-1', [HEADERS.prints]: printed! },
    };
    bench.sent[0]!.done(gateway);
    expect(bench.told[1]).toMatchObject({
      outcome: 'failing',
      answered: false,
      mayHaveRun: true,
      detail: '502 {"message":"no"}',
      gatewayRequestId: 'g-1',
      logGroup: '/aws/lambda/bench',
      prints: [],
    });
  });

  it('hears what a call printed that was answered at its deadline, or whose client left', async () => {
    const late = bench.start(1000);
    const { cancel } = bench.start(1000);
    await turn();
    cancel();
    await vi.advanceTimersByTimeAsync(1000);
    expect(late.outcomes).toMatchObject([{ error: { name: 'Timeout' } }]);
    for (const { done } of bench.sent) done(handlerSays('result', '3', { [HEADERS.prints]: printed! }));
    expect(bench.told.slice(2)).toMatchObject([
      { outcome: 'ok', prints: [{ text: '42 files' }, { text: 'beware' }] },
      { outcome: 'ok', prints: [{ text: '42 files' }, { text: 'beware' }] },
    ]);
  });

  it('hears nothing of a call that isn’t sent', async () => {
    bench.start(0);
    await turn();
    expect(bench.told).toEqual([]);
  });

  it.each(['no base64!', Buffer.from('garbage').toString('base64'), 'A'.repeat(8000)])(
    'hears no prints where the header is garbage, and the call is answered all the same',
    async (garbage) => {
      const { outcomes } = bench.start();
      await turn();
      bench.sent[0]!.done(handlerSays('result', '3', { [HEADERS.prints]: garbage }));
      expect(outcomes).toMatchObject([{ ok: true }]);
      expect(bench.told[1]).toMatchObject({ outcome: 'ok', prints: [] });
    },
  );
});

describe('a call that the cloud fails', () => {
  it.each([
    ['429', gatewaySays(429), { reason: 'throttled', mayHaveRun: false }, refusedNanoUsd(rate)],
    ['403', gatewaySays(403), { reason: 'access denied', mayHaveRun: false }, 0],
    ['502', gatewaySays(502), { reason: 'failing', mayHaveRun: true }, worstNanoUsd(rate, 5000)],
    ['504', gatewaySays(504), { reason: 'timeout', mayHaveRun: true }, worstNanoUsd(rate, 5000)],
    [
      'no connection',
      { ok: false, sent: false, code: 'ECONNREFUSED' } as const,
      { reason: 'unreachable', mayHaveRun: false },
      0,
    ],
    [
      'a broken connection',
      { ok: false, sent: true, code: 'ECONNRESET' } as const,
      { reason: 'unreachable', mayHaveRun: true },
      worstNanoUsd(rate, 5000),
    ],
  ])('by %s', async (_, exchange, failure, costNano) => {
    const { outcomes } = bench.start();
    await turn();
    bench.sent[0]!.done(exchange);
    await turn();
    expect(outcomes).toMatchObject([{ ok: false, failure, report: { costUsd: costNano / 1e9 } }]);
    expect(bench.settled).toMatchObject({ costNano });
    expect(bench.health).toMatchObject([{ reason: failure.reason }]);
  });

  it('for being too large alone is no sign of illness', async () => {
    const { outcomes } = bench.start();
    await turn();
    bench.sent[0]!.done(gatewaySays(413));
    expect(outcomes).toMatchObject([{ failure: { mayHaveRun: false } }]);
    expect(bench.health).toEqual([]);
  });

  it('with another bundle never ran, and is a sign of illness', async () => {
    const { outcomes } = bench.start();
    await turn();
    bench.sent[0]!.done(handlerSays('wrong-bundle', '{}', { [HEADERS.bundle]: 'old' }));
    expect(outcomes).toMatchObject([{ failure: { reason: 'wrong bundle', mayHaveRun: false } }]);
    expect(bench.health).toMatchObject([{ reason: 'wrong bundle' }]);
  });
});
