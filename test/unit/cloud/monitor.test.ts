import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProbeFailure } from '../../../src/cloud/calls.ts';
import { Monitor } from '../../../src/cloud/monitor.ts';

const throttled: ProbeFailure = { reason: 'throttled', detail: '429' };
let monitor: Monitor;
let probe: ReturnType<typeof vi.fn<() => Promise<ProbeFailure>>>;
let repair: ReturnType<typeof vi.fn<() => void>>;

beforeEach(() => {
  vi.useFakeTimers();
  probe = vi.fn(() => Promise.resolve<ProbeFailure>(undefined));
  repair = vi.fn();
  monitor = new Monitor({ probe, repair, log: pino({ level: 'silent' }), random: () => 0 });
});

afterEach(() => {
  monitor.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('the monitor', () => {
  it('probes when it is due, and takes a good answer for a cure', async () => {
    monitor.report(throttled);
    expect(monitor).toMatchObject({ reason: 'throttled', detail: '429' });
    await vi.advanceTimersByTimeAsync(999);
    expect(probe).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(probe).toHaveBeenCalledOnce();
    expect(monitor).toMatchObject({ reason: undefined, detail: undefined });
  });

  it('asks for a repair when probes keep failing', async () => {
    probe.mockResolvedValue({ reason: 'access denied', detail: '403' });
    monitor.report(throttled);
    await vi.advanceTimersByTimeAsync(1000 + 2000 + 4000);
    expect(probe).toHaveBeenCalledTimes(3);
    expect(repair).toHaveBeenCalledOnce();
    expect(monitor).toMatchObject({ reason: 'access denied', detail: '403' });
  });

  it('probes at once when something changed', async () => {
    probe.mockResolvedValueOnce(throttled);
    monitor.report(throttled);
    await vi.advanceTimersByTimeAsync(1000);
    monitor.changed();
    await vi.advanceTimersByTimeAsync(0);
    expect(probe).toHaveBeenCalledTimes(2);
    expect(monitor.reason).toBeUndefined();
  });

  it('is cured by the answer to a call too, and then sends no probe', async () => {
    monitor.report(throttled);
    monitor.report(undefined);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(probe).not.toHaveBeenCalled();
  });

  it('leaves nothing running once it is stopped, also in the middle of a probe', async () => {
    let end: (failure: ProbeFailure) => void = () => undefined;
    probe.mockReturnValue(new Promise((resolve) => (end = resolve)));
    monitor.report(throttled);
    await vi.advanceTimersByTimeAsync(1000);
    monitor.stop();
    end(throttled);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(probe).toHaveBeenCalledOnce();
    expect(repair).not.toHaveBeenCalled();
  });
});
