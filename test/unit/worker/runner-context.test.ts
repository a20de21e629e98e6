import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunnerRig, THREE, ok } from './runner-rig.ts';

describe('Runner', () => {
  let rig: RunnerRig;

  beforeEach(() => {
    rig = new RunnerRig();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  describe('the context', () => {
    it('has what the contract names, and nothing else', () => {
      rig.take(7, { ms: 5000 });
      rig.runner.pump();
      const { context } = rig.invoked[0]!;
      expect(Object.keys(context).sort()).toEqual(['backend', 'callId', 'deadline', 'signal']);
      expect(context).toMatchObject({ backend: 'pool', callId: '7', deadline: Date.now() + 5000 });
      expect(context.signal).toBeInstanceOf(AbortSignal);
      expect(context.signal).toBe(context.signal);
      expect({ ...context }.signal).toBe(context.signal);
    });

    it('aborts at the deadline, and costs no timer unless somebody looks', async () => {
      rig.take(1, { ms: 100, index: THREE });
      rig.take(2, { ms: 100, index: THREE });
      rig.runner.pump();
      expect(vi.getTimerCount()).toBe(0);
      const { signal } = rig.invoked[0]!.context;
      expect(vi.getTimerCount()).toBe(1);
      vi.advanceTimersByTime(99);
      expect(signal.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(signal.aborted).toBe(true);
      await rig.invoked[0]!.end(ok('1'));
    });

    it('is aborted at the first look after the deadline, without a timer', async () => {
      rig.take(1, { ms: 100 });
      rig.runner.pump();
      vi.advanceTimersByTime(150);
      expect(rig.invoked[0]!.context.signal.aborted).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
      await rig.invoked[0]!.end(ok('1'));
    });

    it('is not aborted at once where the deadline is further away than a timer can be', async () => {
      rig.take(1, { ms: 2 ** 31 });
      rig.runner.pump();
      const { signal } = rig.invoked[0]!.context;
      vi.advanceTimersByTime(1000);
      expect(signal.aborted).toBe(false);
      await rig.invoked[0]!.end(ok('1'));
    });

    it.each([1, -1])('ends when its time is over, though the clock is set by %i hour', async (hours) => {
      rig.take(1, { ms: 5000 });
      vi.setSystemTime(Date.now() + hours * 3_600_000);
      rig.runner.pump();
      const { signal } = rig.invoked[0]!.context;
      expect(rig.runner.busy()).toEqual({ running: 1, remainingMs: 5000 });
      vi.advanceTimersByTime(4999);
      expect(signal.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(signal.aborted).toBe(true);
      await rig.invoked[0]!.end(ok('1'));
    });

    it('leaves no timer behind, whether it is looked at before the end or after', async () => {
      rig.take(1, { index: THREE });
      rig.take(2, { index: THREE });
      rig.runner.pump();
      expect(rig.invoked[0]!.context.signal.aborted).toBe(false);
      for (const call of rig.invoked) await call.end(ok('1'));
      expect(rig.invoked[1]!.context.signal.aborted).toBe(false);
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  describe('a new connection', () => {
    it('gets no answers to calls of the one before, but word when the last of them has ended', async () => {
      for (let id = 1; id <= 2; id += 1) rig.take(id, { index: THREE });
      rig.runner.pump();
      rig.runner.newEpoch();
      expect(rig.runner.busy()).toEqual({ running: 2, remainingMs: 5000 });
      await rig.invoked[0]!.end(ok('1'));
      expect(rig.answers).toEqual([]);
      await rig.invoked[1]!.end(ok('2'));
      expect(rig.answers).toEqual(['idle 0']);
      expect(rig.runner.busy()).toEqual({ running: 0, remainingMs: 0 });
    });

    it('forgets calls that were not started', async () => {
      rig.take(1);
      rig.take(2);
      rig.runner.pump();
      rig.runner.newEpoch();
      await rig.invoked[0]!.end(ok('1'));
      expect([rig.invoked.length, rig.answers]).toEqual([1, ['idle 0']]);
    });

    it('can’t cancel a call of the one before that had the same id', () => {
      rig.take(1);
      rig.runner.pump();
      rig.runner.newEpoch();
      rig.runner.cancel(1);
      expect(rig.invoked[0]!.context.signal.aborted).toBe(false);
    });

    it('starts no call while one of the one before runs', async () => {
      rig.take(1);
      rig.runner.pump();
      rig.runner.newEpoch();
      rig.take(1, { params: '["new"]' });
      rig.runner.pump();
      expect(rig.invoked).toHaveLength(1);
      await rig.invoked[0]!.end(ok('"old"'));
      await rig.invoked[1]!.end(ok('"new"'));
      expect(rig.answers).toEqual(['idle 0', 'result 1 "new"']);
    });

    it('is told of the longest time that is left', () => {
      rig.take(1, { index: THREE, ms: 300 });
      rig.take(2, { index: THREE, ms: 900 });
      rig.runner.pump();
      vi.advanceTimersByTime(400);
      expect(rig.runner.busy()).toEqual({ running: 2, remainingMs: 500 });
      vi.advanceTimersByTime(1000);
      expect(rig.runner.busy()).toEqual({ running: 2, remainingMs: 0 });
    });
  });
});
