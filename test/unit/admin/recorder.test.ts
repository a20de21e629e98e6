import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Counters, Recorder } from '../../../src/admin/recorder.ts';
import { EXPIRED_RUNNING, EXPIRED_WAITING, ok, observed, spec, TURNED_AWAY } from './calls.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const add = spec('add');

describe('answers', () => {
  it('are counted by function, place and how they ended', () => {
    const recorder = new Recorder();
    for (const outcome of [ok, ok, EXPIRED_RUNNING, EXPIRED_WAITING, TURNED_AWAY, TURNED_AWAY]) {
      recorder.answered(observed(1, add), outcome);
    }
    const cells = recorder.functions.get('add')!;
    expect(cells.pool).toMatchObject({ ok: 2, calls: 3, failures: 1 });
    expect(Object.fromEntries(cells.none.failed)).toEqual({ Timeout: 1, Overloaded: 2 });
    expect(cells.cloud.calls).toBe(0);
  });

  it('have a latency from the arrival on, where they ran', () => {
    const recorder = new Recorder();
    recorder.answered(observed(1, add, 80), ok);
    recorder.answered(observed(2, add, 5000), TURNED_AWAY);
    expect(recorder.figures('add').pool).toMatchObject({ calls: 1, failed: 0, meanMs: 80 });
    expect(recorder.functions.get('add')!.pool.run.sumMs).toBe(2);
    expect(recorder.queueWait.pool.sumMs).toBe(1);
    expect(recorder.figures('unknown').pool.calls).toBe(0);
  });

  it('keep their figures when the function is loaded again', () => {
    const recorder = new Recorder();
    recorder.answered(observed(1, add), ok);
    recorder.answered(observed(2, spec('add')), ok);
    expect(recorder.figures('add').pool.calls).toBe(2);
  });
});

describe('rates', () => {
  it('are those of the last whole second, and of no other', () => {
    const recorder = new Recorder();
    vi.advanceTimersByTime(1000 - (performance.now() % 1000));
    for (let i = 0; i < 30; i += 1) recorder.answered(observed(i, add, 8), ok);
    expect(recorder.rates().pool.perSecond).toBe(0);
    vi.advanceTimersByTime(1000);
    recorder.answered(observed(31, add), ok);
    expect(recorder.rates().pool.perSecond).toBe(30);
    expect(recorder.rates().pool.p50Ms).toBeGreaterThan(7);
    expect(recorder.rates().pool.p99Ms).toBeLessThan(10);
    vi.advanceTimersByTime(1000);
    expect(recorder.rates().pool.perSecond).toBe(1);
    vi.advanceTimersByTime(5000);
    expect(recorder.rates().pool).toEqual({ perSecond: 0, p50Ms: 0, p99Ms: 0 });
    expect(recorder.rates().cloud.perSecond).toBe(0);
  });
});

describe('decisions', () => {
  it('are kept, the newest first and fifty at most, without free slots', () => {
    const recorder = new Recorder();
    recorder.placed(observed(1, add), 'pool', 'slot free');
    expect(recorder.decisions()).toEqual([]);
    for (let id = 2; id <= 61; id += 1) recorder.placed(observed(id, add), 'queue', 'short wait');
    recorder.placed(observed(62, add), 'cloud', 'would wait too long', { localMs: 80, cloudMs: 60 });
    const decisions = recorder.decisions();
    expect(decisions).toHaveLength(50);
    expect(decisions[0]).toMatchObject({
      callId: '62',
      method: 'add',
      place: 'cloud',
      localMs: 80,
      cloudMs: 60,
    });
    expect(decisions.map(({ callId }) => callId)).toEqual(
      Array.from({ length: 50 }, (_, i) => String(62 - i)),
    );
    expect([...recorder.placements.entries()]).toEqual([
      ['pool', 'slot free', 1],
      ['queue', 'short wait', 60],
      ['cloud', 'would wait too long', 1],
    ]);
  });
});

describe('Counters', () => {
  it('bound how many reasons they tell apart', () => {
    const counters = new Counters();
    for (let i = 0; i < 500; i += 1) counters.add('lost', `reason ${i}`);
    counters.add('lost', 'reason 3');
    const entries = [...counters.entries()];
    expect(entries).toHaveLength(101);
    expect(entries.find(([, reason]) => reason === 'other')?.[2]).toBe(400);
    expect(entries.find(([, reason]) => reason === 'reason 3')?.[2]).toBe(2);
  });

  it('leave what is special to one worker out of the reason', () => {
    const recorder = new Recorder();
    recorder.worker('lost', 'its process ended: killed by SIGKILL');
    recorder.worker('lost', 'its process ended: exit code 1');
    recorder.worker('ejected', 'silent for 1.5 s');
    recorder.worker('ejected', 'silent for 1.7 s');
    expect([...recorder.workerEvents.entries()]).toEqual([
      ['lost', 'its process ended', 2],
      ['ejected', 'silent', 2],
    ]);
  });
});
