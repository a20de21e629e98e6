import { describe, expect, it } from 'vitest';
import { READY, nextHealth, wantsRepair, type Health, type HealthEvent } from '../../../src/cloud/health.ts';

/** Without chance: the whole wait. */
const SURE = 0;

function walk(...events: readonly (readonly [now: number, event: HealthEvent])[]): Health {
  return events.reduce((health, [now, event]) => nextHealth(health, event, now, SURE), READY);
}

const failed = (reason: 'unreachable' | 'throttled' | 'failing'): HealthEvent => ({ kind: 'failed', reason });
const probeFailed: HealthEvent = { kind: 'probe failed', reason: 'unreachable' };
const answered: HealthEvent = { kind: 'answered' };

describe('health', () => {
  it('bears two failures and falls ill at the third', () => {
    expect(walk([0, failed('unreachable')], [1, failed('unreachable')]).state).toBe('ready');
    expect(
      walk([0, failed('unreachable')], [1, failed('unreachable')], [2, failed('unreachable')]),
    ).toMatchObject({
      state: 'degraded',
      reason: 'unreachable',
      probeAt: 1002,
    });
  });

  it('counts failures in a row only', () => {
    const health = walk(
      [0, failed('failing')],
      [1, failed('failing')],
      [2, answered],
      [3, failed('failing')],
      [4, failed('failing')],
    );
    expect(health.state).toBe('ready');
  });

  it('falls ill at once where every call would fail', () => {
    expect(walk([5, failed('throttled')])).toMatchObject({
      state: 'degraded',
      reason: 'throttled',
      probeAt: 1005,
    });
  });

  it('probes after 1, 2, 4 … 60 seconds', () => {
    let health = walk([0, failed('throttled')]);
    const waits: number[] = [];
    for (let probe = 0; probe < 9; probe++) {
      const now = health.probeAt;
      health = nextHealth(health, probeFailed, now, SURE);
      waits.push(health.probeAt - now);
    }
    expect(waits).toEqual([2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
    expect(health.reason).toBe('unreachable');
  });

  it('spreads the probes by up to half', () => {
    expect(nextHealth(READY, failed('throttled'), 0, 1).probeAt).toBe(500);
  });

  it('is cured by one answer, and then waits for three failures again', () => {
    const cured = walk([0, failed('throttled')], [1000, answered]);
    expect(cured).toEqual(READY);
    expect(walk([0, failed('throttled')], [1000, answered], [1001, failed('failing')]).state).toBe('ready');
  });

  it("isn't put off by late failures of calls sent before", () => {
    const ill = walk([0, failed('throttled')]);
    expect(nextHealth(ill, failed('unreachable'), 900, SURE)).toBe(ill);
  });

  it('probes at once after a change, but only while ill', () => {
    expect(walk([0, failed('throttled')], [100, { kind: 'changed' }]).probeAt).toBe(100);
    expect(walk([100, { kind: 'changed' }])).toBe(READY);
  });

  it('wants the deployment looked at after every third failed probe', () => {
    let health = walk([0, failed('throttled')]);
    const wanted: boolean[] = [];
    for (let probe = 0; probe < 6; probe++) {
      health = nextHealth(health, probeFailed, health.probeAt, SURE);
      wanted.push(wantsRepair(health));
    }
    expect(wanted).toEqual([false, false, true, false, false, true]);
    expect(wantsRepair(READY)).toBe(false);
  });
});
