import { describe, expect, it } from 'vitest';
import { OPEN, judge, maySpill, type Guard } from '../../../src/dispatch/guard.ts';

function after(calls: number, guard: Guard, tookMs: number, expectedMs: number, nowMs: number): Guard {
  let next = guard;
  for (let at = 0; at < calls; at++) next = judge(next, { place: 'cloud', tookMs, expectedMs }, nowMs);
  return next;
}

describe('the guard', () => {
  it('stays open while offloading pays', () => {
    expect(after(300, OPEN, 100, 120, 0)).toMatchObject({ state: 'open', losses: 0 });
  });

  it('suspends a function whose offloaded calls lose, with the figures', () => {
    expect(after(29, OPEN, 200, 100, 0).state).toBe('open');
    const guard = after(30, OPEN, 200, 100, 0);
    expect(guard).toMatchObject({ state: 'suspended', probeAt: 30_000, losses: 1 });
    expect(guard.reason).toContain('took 6000 ms, here they would have taken 3000 ms');
    expect(maySpill(guard, 29_999)).toBe(false);
    expect(maySpill(guard, 30_000)).toBe(true);
  });

  it('corrects what was expected by how the calls that stayed turned out', () => {
    let guard: Guard = OPEN;
    for (let at = 0; at < 200; at++) guard = judge(guard, { place: 'pool', tookMs: 50, expectedMs: 100 }, 0);
    // Expected to be sooner by a fifth, but the estimates were twice too long.
    expect(after(30, guard, 80, 100, 0).state).toBe('suspended');
  });

  it('probes with a few calls: opens when they win, else pauses twice as long', () => {
    const suspended = after(30, OPEN, 200, 100, 0);
    expect(after(10, suspended, 50, 100, 30_000)).toMatchObject({ state: 'open', losses: 0 });
    const again = after(10, suspended, 200, 100, 30_000);
    expect(again).toMatchObject({ state: 'suspended', probeAt: 90_000, losses: 2 });
  });

  it('ignores answers of calls sent before it was suspended', () => {
    const suspended = after(30, OPEN, 200, 100, 0);
    expect(after(50, suspended, 1, 100, 1000)).toEqual(suspended);
  });
});
