import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CloudCall, CloudOutcome } from '../../../src/cloud/backend.ts';
import { CloudCalls, type ProbeFailure } from '../../../src/cloud/calls.ts';
import type { Channel, Exchange } from '../../../src/cloud/channel.ts';
import { HEADERS, decodeEvent } from '../../../src/cloud/event.ts';
import { Ledger, type LedgerRecord, type LedgerStore } from '../../../src/cloud/ledger.ts';
import { callNanoUsd, pricesOf, refusedNanoUsd, worstNanoUsd, type Rate } from '../../../src/cloud/prices.ts';
import type { FunctionSpec } from '../../../src/functions/manifest.ts';

const rate: Rate = { prices: pricesOf('us-east-1').prices, memoryMb: 1024, architecture: 'arm64' };
const spec: FunctionSpec = { name: 'add', style: 'any', idempotent: true, offload: true, concurrency: 1 };

/** A request that was sent and not answered. */
interface Sent {
  readonly body: string;
  readonly timeoutMs: number;
  readonly done: (exchange: Exchange) => void;
}

let sent: Sent[];
let records: LedgerRecord[];
let store: LedgerStore & { fault?: Error };
let ledger: Ledger;
let health: ProbeFailure[];
let calls: CloudCalls;

function setUp(budgetNano: number): void {
  sent = [];
  records = [];
  health = [];
  store = {
    append: async (batch) => {
      if (store.fault !== undefined) throw store.fault;
      records.push(...batch);
    },
    close: async () => undefined,
  };
  ledger = new Ledger(budgetNano, { nextId: 1, days: new Map(), unsettled: 0 }, store);
  const channel: Channel = {
    send: (body, timeoutMs, done) => sent.push({ body, timeoutMs, done }),
    close: () => undefined,
  };
  calls = new CloudCalls({
    channel,
    ledger,
    rate,
    bundleHash: 'abc',
    maxResultBytes: 1000,
    health: (failure) => health.push(failure),
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  setUp(1e9);
});

afterEach(() => {
  vi.useRealTimers();
});

function start(timeoutMs = 5000): { outcomes: CloudOutcome[]; cancel: () => void } {
  const outcomes: CloudOutcome[] = [];
  const call: CloudCall = {
    callId: '9',
    spec,
    params: '[1,2]',
    deadline: performance.now() + timeoutMs,
    timeoutMs,
  };
  const pending = calls.call(call, (outcome) => outcomes.push(outcome));
  expect(outcomes).toEqual([]);
  return { outcomes, cancel: () => pending.cancel() };
}

const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

function handlerSays(outcome: string, body: string, more: Record<string, string> = {}): Exchange {
  const headers = { [HEADERS.outcome]: outcome, [HEADERS.bundle]: 'abc', [HEADERS.runMs]: '20', ...more };
  return { ok: true, status: 200, headers, body: Buffer.from(body) };
}

function gatewaySays(status: number, message = 'no'): Exchange {
  return { ok: true, status, headers: {}, body: Buffer.from(JSON.stringify({ message })) };
}

const settled = (): LedgerRecord | undefined => records.findLast(({ kind }) => kind === 'settle');

describe('a call that succeeds', () => {
  it('is entered before it is sent, at its worst case, and settled at its cost', async () => {
    const { outcomes } = start();
    expect(sent).toEqual([]);
    await turn();
    expect(records).toMatchObject([{ kind: 'enter', what: 'add', worstNano: worstNanoUsd(rate, 5000) }]);
    expect(decodeEvent(sent[0]!.body)).toEqual({
      head: { method: 'add', callId: '9', bundle: 'abc', maxResultBytes: 1000, remainingMs: 5000 },
      params: '[1,2]',
    });
    expect(sent[0]!.timeoutMs).toBe(8000);
    expect(calls).toMatchObject({ sent: 1, inFlight: 1 });
    sent[0]!.done(
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
    expect(settled()).toMatchObject({ costNano, known: true });
    expect(health).toEqual([undefined]);
    expect(calls).toMatchObject({ sent: 1, inFlight: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a function's own failure", () => {
  it('is final, and a sign of health', async () => {
    const { outcomes } = start();
    await turn();
    sent[0]!.done(handlerSays('failure', '{"kind":"FunctionError","message":"boom","name":"RangeError"}'));
    expect(outcomes).toMatchObject([
      { ok: false, error: { name: 'FunctionError', message: 'boom', data: { name: 'RangeError' } } },
    ]);
    expect(health).toEqual([undefined]);
  });

  it('is TooLarge with the limit of the pool', async () => {
    const { outcomes } = start();
    await turn();
    sent[0]!.done(handlerSays('failure', '{"kind":"TooLarge","message":""}'));
    expect(outcomes).toMatchObject([{ error: { name: 'TooLarge', data: { limitBytes: 1000 } } }]);
  });

  it('that is no failure at all is the cloud’s', async () => {
    const { outcomes } = start();
    await turn();
    sent[0]!.done(handlerSays('failure', 'nonsense'));
    expect(outcomes).toMatchObject([{ failure: { reason: 'failing', mayHaveRun: true } }]);
  });
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
    const { outcomes } = start();
    await turn();
    sent[0]!.done(exchange);
    await turn();
    expect(outcomes).toMatchObject([{ ok: false, failure, report: { costUsd: costNano / 1e9 } }]);
    expect(settled()).toMatchObject({ costNano });
    expect(health).toMatchObject([{ reason: failure.reason }]);
  });

  it('for being too large alone is no sign of illness', async () => {
    const { outcomes } = start();
    await turn();
    sent[0]!.done(gatewaySays(413));
    expect(outcomes).toMatchObject([{ failure: { mayHaveRun: false } }]);
    expect(health).toEqual([]);
  });

  it('with another bundle never ran, and is a sign of illness', async () => {
    const { outcomes } = start();
    await turn();
    sent[0]!.done(handlerSays('wrong-bundle', '{}', { [HEADERS.bundle]: 'old' }));
    expect(outcomes).toMatchObject([{ failure: { reason: 'wrong bundle', mayHaveRun: false } }]);
    expect(health).toMatchObject([{ reason: 'wrong bundle' }]);
  });
});

describe('the deadline', () => {
  it('answers Timeout when it passes, and the true cost is still waited for', async () => {
    const { outcomes } = start();
    await turn();
    await vi.advanceTimersByTimeAsync(4999);
    expect(outcomes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(outcomes).toMatchObject([
      { error: { name: 'Timeout', data: { timeoutMs: 5000, mayHaveRun: true } } },
    ]);
    expect(settled()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(100);
    sent[0]!.done(handlerSays('result', '3'));
    await turn();
    expect(outcomes).toHaveLength(1);
    expect(settled()).toMatchObject({
      costNano: callNanoUsd(rate, { billedMs: 25, resultBytes: 1, logBytes: 0 }),
      known: true,
    });
  });

  it('that the handler enforced by ending its process is no sign of illness', async () => {
    const { outcomes } = start(40_000);
    await turn();
    // The handler stops at 28 s, whatever is left.
    await vi.advanceTimersByTimeAsync(28_300);
    sent[0]!.done(gatewaySays(502));
    expect(outcomes).toMatchObject([{ failure: { reason: 'timeout', mayHaveRun: true } }]);
    expect(health).toEqual([]);
  });

  it('that has passed before the call was sent ends it unsent and unpaid', async () => {
    const { outcomes } = start(0);
    await turn();
    expect(sent).toEqual([]);
    expect(outcomes).toMatchObject([{ error: { name: 'Timeout', data: { mayHaveRun: false } } }]);
    expect(settled()).toMatchObject({ costNano: 0, known: true });
  });
});

describe('a client that goes away', () => {
  it('before the call was sent: it never is', async () => {
    const { outcomes, cancel } = start();
    cancel();
    await turn();
    expect(sent).toEqual([]);
    expect(settled()).toMatchObject({ costNano: 0 });
    expect(outcomes).toEqual([]);
  });

  it('after that: the call goes on and is paid for', async () => {
    const { outcomes, cancel } = start();
    await turn();
    cancel();
    sent[0]!.done(handlerSays('result', '3'));
    await turn();
    expect(outcomes).toEqual([]);
    expect(settled()).toMatchObject({ known: true });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the money', () => {
  it('stops calls at the budget, counting those in flight', async () => {
    setUp(worstNanoUsd(rate, 5000) * 2);
    const all = [start(), start(), start()];
    await turn();
    expect(sent).toHaveLength(2);
    expect(all[2]!.outcomes).toMatchObject([{ failure: { reason: 'budget spent', mayHaveRun: false } }]);
    sent[0]!.done(gatewaySays(403));
    const next = start();
    await turn();
    expect(sent).toHaveLength(3);
    expect(next.outcomes).toEqual([]);
  });

  it('sends nothing that the ledger could not keep', async () => {
    store.fault = new Error('disk full');
    const { outcomes } = start();
    await turn();
    expect(sent).toEqual([]);
    expect(outcomes).toMatchObject([{ failure: { reason: 'failing', mayHaveRun: false } }]);
    expect(health).toMatchObject([{ reason: 'failing', detail: "the ledger can't be written: disk full" }]);
    expect(ledger.usedNano(Date.now())).toBe(0);
  });
});

describe('a probe', () => {
  it('is content with the right bundle, and paid for', async () => {
    const probe = calls.probe();
    await turn();
    expect(decodeEvent(sent[0]!.body).head.method).toBe('rpc.probe');
    sent[0]!.done(handlerSays('probe', '{}'));
    expect(await probe).toBeUndefined();
    expect(records[0]).toMatchObject({ what: 'probe' });
  });

  it('tells of another bundle, and of a gateway that refuses', async () => {
    const first = calls.probe();
    const second = calls.probe();
    await turn();
    sent[0]!.done(handlerSays('probe', '{}', { [HEADERS.bundle]: 'old' }));
    sent[1]!.done(gatewaySays(403, 'Forbidden'));
    expect(await first).toMatchObject({ reason: 'wrong bundle' });
    expect(await second).toMatchObject({ reason: 'access denied' });
  });

  it("isn't sent without money", async () => {
    setUp(0);
    expect(await calls.probe()).toMatchObject({ reason: 'budget spent' });
  });
});

it('is idle once every call has ended', async () => {
  await calls.whenIdle();
  start();
  start();
  await turn();
  let idle = false;
  void calls.whenIdle().then(() => (idle = true));
  sent[0]!.done(handlerSays('result', '1'));
  await turn();
  expect(idle).toBe(false);
  sent[1]!.done(handlerSays('result', '1'));
  await turn();
  expect(idle).toBe(true);
});
