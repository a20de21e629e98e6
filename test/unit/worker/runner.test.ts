import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CPU_UNKNOWN, HEADER_BYTES } from '../../../src/pool/frames.ts';
import type { InvokeOutcome } from '../../../worker/bundle.ts';
import { MAX_RESULT_BYTES, RunnerRig, THREE, ok } from './runner-rig.ts';

describe('Runner', () => {
  let rig: RunnerRig;

  beforeEach(() => {
    rig = new RunnerRig();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs calls in their order, one after the other', async () => {
    rig.take(1, { params: '["a"]' });
    rig.take(2, { params: '["b"]' });
    rig.runner.pump();
    expect(rig.invoked.map(({ name, params }) => [name, params])).toEqual([['one', '["a"]']]);
    await rig.invoked[0]!.end(ok('1'));
    expect(rig.invoked.map(({ params }) => params)).toEqual(['["a"]', '["b"]']);
    await rig.invoked[1]!.end(ok('2'));
    expect(rig.answers).toEqual(['result 1 1', 'result 2 2']);
  });

  it('runs as many at once as the function allows', async () => {
    for (let id = 1; id <= 4; id += 1) rig.take(id, { index: THREE });
    rig.runner.pump();
    expect(rig.invoked).toHaveLength(3);
    await rig.invoked[1]!.end(ok('2'));
    expect(rig.invoked).toHaveLength(4);
    for (const [i, call] of rig.invoked.entries()) if (i !== 1) await call.end(ok(String(i + 1)));
    expect(rig.answers).toEqual(['result 2 2', 'result 1 1', 'result 3 3', 'result 4 4']);
  });

  it('waits for an outcome though a function has put another Promise in the place of Node’s', async () => {
    rig.take(1);
    vi.stubGlobal('Promise', class extends Promise<unknown> {});
    rig.runner.pump();
    vi.unstubAllGlobals();
    expect(rig.answers).toEqual([]);
    await rig.invoked[0]!.end(ok('1'));
    expect(rig.answers).toEqual(['result 1 1']);
  });

  it('hands a call without params on as that', () => {
    rig.take(1);
    rig.runner.pump();
    expect(rig.invoked[0]?.params).toBeUndefined();
  });

  it('answers for a function it doesn’t have as the bundle does', () => {
    rig.atOnce.set('x', { ok: false, kind: 'MethodNotFound', message: 'none' });
    rig.take(1, { index: 77, params: 'x' });
    rig.runner.pump();
    expect(rig.invoked[0]?.name).toBe('');
    expect(rig.answers[0]).toMatch(/^failure 1 .*MethodNotFound/);
  });

  it('tells how long a call ran, and its CPU time where it was measured', async () => {
    rig.take(1);
    rig.runner.pump();
    vi.advanceTimersByTime(12);
    await rig.invoked[0]!.end(ok('1'));
    rig.atOnce.set('s', ok('2'));
    rig.take(2, { params: 's', short: true });
    rig.runner.pump();
    const times = rig.frames.map((frame) => [
      frame.readUInt32BE(HEADER_BYTES),
      frame.readUInt32BE(HEADER_BYTES + 4) === CPU_UNKNOWN,
    ]);
    expect(times).toEqual([
      [12_000, false],
      [0, true],
    ]);
  });

  it('measures no CPU time of calls that ran side by side', async () => {
    rig.take(1, { index: THREE });
    rig.take(2, { index: THREE });
    rig.runner.pump();
    await rig.invoked[0]!.end(ok('1'));
    expect(rig.frames[0]?.readUInt32BE(HEADER_BYTES + 4)).toBe(CPU_UNKNOWN);
  });

  it('fails a call with what the bundle says', async () => {
    rig.take(1);
    rig.runner.pump();
    await rig.invoked[0]!.end({
      ok: false,
      kind: 'FunctionError',
      message: 'boom',
      name: 'TypeError',
      data: [1],
    });
    expect(JSON.parse(rig.answers[0]!.slice('failure 1 '.length))).toEqual({
      ok: false,
      kind: 'FunctionError',
      message: 'boom',
      name: 'TypeError',
      data: [1],
    });
  });

  it.each([
    ['a result', (size: number): InvokeOutcome => ok(`"${'x'.repeat(size - 2)}"`)],
    ['a result in bytes', (size: number): InvokeOutcome => ok(`"${'€'.repeat(Math.floor((size - 2) / 3))}"`)],
  ])('sends %s up to the limit, and TooLarge beyond it', (_case, result) => {
    rig.atOnce.set('fits', result(MAX_RESULT_BYTES));
    rig.atOnce.set('over', result(MAX_RESULT_BYTES + 3));
    rig.take(1, { params: 'fits' });
    rig.take(2, { params: 'over' });
    rig.runner.pump();
    expect(rig.answers[0]).toMatch(/^result 1 "/);
    expect(rig.answers[1]).toMatch(/^failure 2 .*"TooLarge"/);
  });

  it('sends TooLarge for a failure over the limit', () => {
    rig.atOnce.set('x', { ok: false, kind: 'FunctionError', message: 'x'.repeat(500) });
    rig.take(1, { params: 'x' });
    rig.runner.pump();
    expect(rig.answers).toEqual([expect.stringMatching(/^failure 1 .*"TooLarge"/)]);
  });

  describe('flushing', () => {
    it('sends answers before it starts a call not known to be short', () => {
      rig.atOnce.set('x', ok('1'));
      rig.take(1, { params: 'x', short: true });
      rig.take(2, { params: 'x', short: true });
      rig.take(3);
      rig.runner.pump();
      expect(rig.said).toEqual(['result 1 1', 'result 2 1', 'flush']);
      expect(rig.invoked).toHaveLength(3);
    });

    it('sends answers of short calls that took long enough together, before it goes on', () => {
      rig.atOnce.set('x', ok('1'));
      rig.atOnceMs = 0.15;
      for (let callId = 1; callId <= 7; callId += 1) rig.take(callId, { params: 'x', short: true });
      rig.runner.pump();
      const said = rig.said.map((word) => (word === 'flush' ? '|' : word.split(' ')[1])).join('');
      expect(said).toBe('123|456|7');
      // Whoever pumped has sent the last ones.
      rig.said.length = 0;
      for (let callId = 8; callId <= 11; callId += 1) rig.take(callId, { params: 'x', short: true });
      rig.runner.pump();
      expect(rig.said.indexOf('flush')).toBe(3);
    });

    it('sends what ended in a later turn, before and after what starts then', async () => {
      rig.atOnce.set('x', ok('2'));
      rig.take(1);
      rig.take(2, { params: 'x', short: true });
      rig.runner.pump();
      rig.said.length = 0;
      await rig.invoked[0]!.end(ok('1'));
      expect(rig.said).toEqual(['result 1 1', 'flush', 'result 2 2', 'flush']);
    });
  });

  describe('cancelling', () => {
    it('gives back a call that waits, and aborts one that runs', async () => {
      rig.take(1);
      rig.take(2);
      rig.runner.pump();
      rig.runner.cancel(2);
      expect(rig.answers).toEqual(['dropped 2']);
      const { signal } = rig.invoked[0]!.context;
      expect(signal.aborted).toBe(false);
      rig.runner.cancel(1);
      expect([signal.aborted, (signal.reason as DOMException).name]).toEqual([true, 'TimeoutError']);
      await rig.invoked[0]!.end(ok('1'));
      expect([rig.answers, rig.invoked.length]).toEqual([['dropped 2', 'result 1 1'], 1]);
    });

    it('is seen by a function that only looks later', () => {
      rig.take(1);
      rig.runner.pump();
      rig.runner.cancel(1);
      expect(rig.invoked[0]!.context.signal.aborted).toBe(true);
    });

    it('by taking back leaves a running call alone', () => {
      rig.take(1);
      rig.take(2);
      rig.runner.pump();
      rig.runner.takeBack(1);
      rig.runner.takeBack(2);
      expect(rig.answers).toEqual(['dropped 2']);
      expect(rig.invoked[0]!.context.signal.aborted).toBe(false);
    });

    it('of a call it doesn’t have does nothing', () => {
      rig.runner.cancel(9);
      rig.runner.takeBack(9);
      expect(rig.said).toEqual([]);
    });
  });
});
