/** What ends or stops a call in the cloud: its deadline, its client, the money; and probes. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HEADERS, decodeEvent } from '../../../src/cloud/event.ts';
import { callNanoUsd, worstNanoUsd } from '../../../src/cloud/prices.ts';
import { CallsBench, gatewaySays, handlerSays, rate, turn } from './calls-bench.ts';

let bench: CallsBench;

beforeEach(() => {
  vi.useFakeTimers();
  bench = new CallsBench();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the deadline', () => {
  it('answers Timeout when it passes, and the true cost is still waited for', async () => {
    const { outcomes } = bench.start();
    await turn();
    await vi.advanceTimersByTimeAsync(4999);
    expect(outcomes).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(outcomes).toMatchObject([
      { error: { name: 'Timeout', data: { timeoutMs: 5000, mayHaveRun: true } } },
    ]);
    expect(bench.settled).toBeUndefined();
    await vi.advanceTimersByTimeAsync(100);
    bench.sent[0]!.done(handlerSays('result', '3'));
    await turn();
    expect(outcomes).toHaveLength(1);
    expect(bench.settled).toMatchObject({
      costNano: callNanoUsd(rate, { billedMs: 25, resultBytes: 1, logBytes: 0 }),
      known: true,
    });
  });

  it('that the handler enforced by ending its process is no sign of illness', async () => {
    const { outcomes } = bench.start(40_000);
    await turn();
    // The handler stops at 28 s, whatever is left.
    await vi.advanceTimersByTimeAsync(28_300);
    bench.sent[0]!.done(gatewaySays(502));
    expect(outcomes).toMatchObject([{ failure: { reason: 'timeout', mayHaveRun: true } }]);
    expect(bench.health).toEqual([]);
  });

  it.each([
    ['the handler’s limit, not the call’s deadline: the cloud failed it', 40_000, '28001', 'timeout'],
    ['a failure long before that is the function’s own', 40_000, '27000', undefined],
    ['the call’s own deadline is its end', 28_000, '28001', undefined],
  ])('a signal that ended the function: %s', async (_, timeoutMs, runMs, reason) => {
    const { outcomes } = bench.start(timeoutMs);
    await turn();
    const aborted = JSON.stringify({ kind: 'FunctionError', name: 'AbortError', message: 'aborted' });
    bench.sent[0]!.done(handlerSays('failure', aborted, { [HEADERS.runMs]: runMs }));
    await turn();
    const ended =
      reason === undefined ? { error: { name: 'FunctionError' } } : { failure: { reason, mayHaveRun: true } };
    expect(outcomes).toMatchObject([ended]);
    expect(bench.health).toEqual([undefined]);
    expect(bench.told.at(-1)).toMatchObject({ outcome: reason ?? 'FunctionError' });
  });

  it('a result that only the cloud can’t carry is its failure', async () => {
    const { outcomes } = bench.start();
    await turn();
    bench.sent[0]!.done(handlerSays('oversize', JSON.stringify({ kind: 'TooLarge', message: 'over' })));
    expect(outcomes).toMatchObject([{ failure: { reason: 'result too large', mayHaveRun: true } }]);
    expect(bench.health).toEqual([undefined]);
  });

  it('that has passed before the call was sent ends it unsent and unpaid', async () => {
    const { outcomes } = bench.start(0);
    await turn();
    expect(bench.sent).toEqual([]);
    expect(outcomes).toMatchObject([{ error: { name: 'Timeout', data: { mayHaveRun: false } } }]);
    expect(bench.settled).toMatchObject({ costNano: 0, known: true });
  });
});

describe('a client that goes away', () => {
  it('before the call was sent: it never is', async () => {
    const { outcomes, cancel } = bench.start();
    cancel();
    await turn();
    expect(bench.sent).toEqual([]);
    expect(bench.settled).toMatchObject({ costNano: 0 });
    expect(outcomes).toEqual([]);
  });

  it('after that: the call goes on and is paid for', async () => {
    const { outcomes, cancel } = bench.start();
    await turn();
    cancel();
    bench.sent[0]!.done(handlerSays('result', '3'));
    await turn();
    expect(outcomes).toEqual([]);
    expect(bench.settled).toMatchObject({ known: true });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the money', () => {
  it('stops calls at the budget, counting those in flight', async () => {
    bench = new CallsBench(worstNanoUsd(rate, 5000) * 2);
    const all = [bench.start(), bench.start(), bench.start()];
    await turn();
    expect(bench.sent).toHaveLength(2);
    expect(all[2]!.outcomes).toMatchObject([{ failure: { reason: 'budget spent', mayHaveRun: false } }]);
    bench.sent[0]!.done(gatewaySays(403));
    const next = bench.start();
    await turn();
    expect(bench.sent).toHaveLength(3);
    expect(next.outcomes).toEqual([]);
  });

  it('sends nothing that the ledger could not keep', async () => {
    bench.fault = new Error('disk full');
    const { outcomes } = bench.start();
    await turn();
    expect(bench.sent).toEqual([]);
    expect(outcomes).toMatchObject([{ failure: { reason: 'failing', mayHaveRun: false } }]);
    expect(bench.health).toMatchObject([
      { reason: 'failing', detail: "the ledger can't be written: disk full" },
    ]);
    expect(bench.ledger.usedNano(Date.now())).toBe(0);
  });
});

describe('a probe', () => {
  it('is content with the right bundle, and paid for', async () => {
    const probe = bench.calls.probe();
    await turn();
    expect(decodeEvent(bench.sent[0]!.body).head.method).toBe('rpc.probe');
    bench.sent[0]!.done(handlerSays('probe', '{}'));
    expect(await probe).toBeUndefined();
    expect(bench.records[0]).toMatchObject({ what: 'probe' });
  });

  it('tells of another bundle, and of a gateway that refuses', async () => {
    const first = bench.calls.probe();
    const second = bench.calls.probe();
    await turn();
    bench.sent[0]!.done(handlerSays('probe', '{}', { [HEADERS.bundle]: 'old' }));
    bench.sent[1]!.done(gatewaySays(403, 'Forbidden'));
    expect(await first).toMatchObject({ reason: 'wrong bundle' });
    expect(await second).toMatchObject({ reason: 'access denied' });
  });

  it("isn't sent without money", async () => {
    bench = new CallsBench(0);
    expect(await bench.calls.probe()).toMatchObject({ reason: 'budget spent' });
  });
});

it('is idle once every call has ended', async () => {
  await bench.calls.whenIdle();
  bench.start();
  bench.start();
  await turn();
  let idle = false;
  void bench.calls.whenIdle().then(() => (idle = true));
  bench.sent[0]!.done(handlerSays('result', '1'));
  await turn();
  expect(idle).toBe(false);
  bench.sent[1]!.done(handlerSays('result', '1'));
  await turn();
  expect(idle).toBe(true);
});
