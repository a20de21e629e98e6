import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../../../src/admin/metrics.ts';
import type { Status } from '../../../src/admin/operations.ts';
import { Recorder } from '../../../src/admin/recorder.ts';
import { sampleStatus } from '../../fakes/operations.ts';
import { ok, observed, spec, TURNED_AWAY } from './calls.ts';

const BEGUN_AT = 1_790_000_000_000;

// Which bucket a call is in must not depend on how long the test takes to record it.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date'], now: BEGUN_AT }));
afterEach(() => void vi.useRealTimers());

async function scrape(recorder: Recorder): Promise<string> {
  const metrics = createMetrics({ status: sampleStatus, recorder, retriesLeft: () => 42 });
  try {
    return (await metrics.collect()).text;
  } finally {
    metrics.close();
  }
}

const value = (text: string, line: string): string | undefined =>
  text
    .split('\n')
    .find((one) => one.startsWith(`${line} `))
    ?.slice(line.length + 1);

describe('the metrics', () => {
  it('have the state and the money', async () => {
    const text = await scrape(new Recorder());
    expect(value(text, 'spillway_workers{state="ready"}')).toBe('2');
    expect(value(text, 'spillway_workers{state="draining"}')).toBe('1');
    expect(value(text, 'spillway_load_ratio')).toBe('0.5');
    expect(value(text, 'spillway_expected_wait_seconds')).toBe('0.0125');
    expect(value(text, 'spillway_retry_budget')).toBe('42');
    expect(value(text, 'spillway_cloud_state{state="ready"}')).toBe('1');
    expect(value(text, 'spillway_cloud_state{state="off"}')).toBe('0');
    expect(Number(value(text, 'spillway_cloud_cost_today_usd'))).toBe(0.000_012);
  });

  it('have a load in slots, of which calls may share one', async () => {
    const { pool, ...rest } = sampleStatus();
    const status = (): Status => ({ ...rest, pool: { ...pool, running: 5, busySlots: 0.5 } });
    const metrics = createMetrics({ status, recorder: new Recorder(), retriesLeft: () => 42 });
    const { text } = await metrics.collect();
    metrics.close();
    expect(value(text, 'spillway_load_ratio')).toBe('0.25');
    expect(value(text, 'spillway_calls_running')).toBe('5');
  });

  it('have calls and their times by function, place and outcome', async () => {
    const recorder = new Recorder();
    const fibonacci = spec('fibonacci');
    recorder.answered(observed(1, fibonacci, 100), ok);
    recorder.answered(observed(2, fibonacci), TURNED_AWAY);
    recorder.placed(observed(2, fibonacci), 'reject', 'queue full');
    recorder.worker('lost', 'its process ended: exit code 1');
    const text = await scrape(recorder);
    const calls = 'spillway_calls_total{function="fibonacci"';
    expect(value(text, `${calls},backend="pool",outcome="ok"}`)).toBe('1');
    expect(value(text, `${calls},backend="none",outcome="Overloaded"}`)).toBe('1');
    const bucket = (le: string): string | undefined =>
      value(text, `spillway_call_duration_seconds_bucket{function="fibonacci",backend="pool",le="${le}"}`);
    expect([bucket('0.0625'), bucket('0.125'), bucket('64'), bucket('+Inf')]).toEqual(['0', '1', '1', '1']);
    expect(value(text, 'spillway_call_run_seconds_sum{function="fibonacci",backend="pool"}')).toBe('0.002');
    expect(value(text, 'spillway_placements_total{decision="reject",reason="queue full"}')).toBe('1');
    expect(value(text, 'spillway_worker_events_total{event="lost",reason="its process ended"}')).toBe('1');
  });

  it('are the same at a second scrape: nothing adds up', async () => {
    const recorder = new Recorder();
    recorder.answered(observed(1, spec('add')), ok);
    const metrics = createMetrics({ status: sampleStatus, recorder, retriesLeft: () => 42 });
    await metrics.collect();
    const { text, contentType } = await metrics.collect();
    metrics.close();
    expect(value(text, 'spillway_calls_total{function="add",backend="pool",outcome="ok"}')).toBe('1');
    expect(value(text, 'spillway_slots')).toBe('2');
    expect(contentType).toContain('text/plain');
  });

  it('have one start of the balancer, whenever they are scraped', async () => {
    let uptimeMs = 61_000;
    const status = (): Status => ({ ...sampleStatus(), uptimeMs });
    const metrics = createMetrics({ status, recorder: new Recorder(), retriesLeft: () => 42 });
    const starts: (string | undefined)[] = [];
    for (let scrape = 0; scrape < 3; scrape++) {
      starts.push(value((await metrics.collect()).text, 'spillway_start_time_seconds'));
      vi.advanceTimersByTime(1001);
      uptimeMs += 1000; // rounded
    }
    metrics.close();
    expect(starts).toEqual(Array<string>(3).fill(String((BEGUN_AT - 61_000) / 1000)));
  });

  it('follow the house: names begin with spillway_, each with help and type, and no value is missing', async () => {
    const text = await scrape(new Recorder());
    const lines = text.split('\n').filter((line) => line !== '');
    for (const line of lines) expect(line).toMatch(/^(# (HELP|TYPE) )?spillway_/);
    for (const line of lines.filter((one) => !one.startsWith('#'))) expect(line).toMatch(/ [\d.e+-]+$/);
    const count = (kind: string): number => lines.filter((line) => line.startsWith(kind)).length;
    expect(count('# HELP')).toBe(count('# TYPE'));
    expect(count('# HELP')).toBeGreaterThan(25);
  });
});
