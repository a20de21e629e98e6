/**
 * The balancer's figures for Prometheus. Everything is read at the moment of a scrape; nothing is counted here, and
 * prom-client isn't loaded before the first one.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type * as PromClient from 'prom-client';
import type { Counter, Gauge, Registry } from 'prom-client';
import type { Histogram } from './histogram.ts';
import type { Status } from './operations.ts';
import type { Recorder } from './recorder.ts';
import type { WorkerState } from '../pool/worker-state.ts';

/** What the metrics are read from. */
export interface MetricsSources {
  readonly status: () => Status;
  readonly recorder: Recorder;
  /** How many retries the budget has left. */
  readonly retriesLeft: () => number;
}

/** The metrics of one balancer. */
export interface Metrics {
  collect(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Measures nothing any more. */
  close(): void;
}

const MS = 1000;
const NS = 1e9;
const US = 1e6;
/** How often the event loop's delay is sampled, in milliseconds. */
const SAMPLE_MS = 20;
const WORKER_STATES = [
  'starting',
  'ready',
  'ejected',
  'draining',
  'standby',
] as const satisfies WorkerState[];
const CLOUD_STATES = ['off', 'deploying', 'ready', 'degraded'] as const;

/** Makes the metrics; nothing is loaded or measured before they are collected. */
export function createMetrics(sources: MetricsSources): Metrics {
  let registry: Promise<Registry> | undefined;
  let loopDelay: LoopDelay | undefined;
  return {
    async collect() {
      if (loopDelay === undefined) {
        loopDelay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
        loopDelay.enable();
      }
      const delay = loopDelay;
      registry ??= import('prom-client').then((prom) => {
        const made = new prom.Registry();
        describe(prom, made, sources, delay);
        return made;
      });
      const ready = await registry;
      const text = await ready.metrics();
      delay.reset();
      return { contentType: ready.contentType, text };
    },
    close() {
      loopDelay?.disable();
    },
  };
}

type LoopDelay = ReturnType<typeof monitorEventLoopDelay>;
type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

function describe(
  prom: typeof PromClient,
  registry: Registry,
  { status, recorder, retriesLeft }: MetricsSources,
  delay: LoopDelay,
): void {
  const registers = [registry];

  const gauge = (name: string, help: string, read: () => number | readonly Sample[]): void => {
    const labelNames = labelNamesOf(name);
    const collect = fill(read);
    new prom.Gauge({ name: `spillway_${name}`, help, labelNames, registers, collect });
  };
  const counter = (name: string, help: string, read: () => number | readonly Sample[]): void => {
    const labelNames = labelNamesOf(name);
    const collect = fill(read);
    new prom.Counter({ name: `spillway_${name}`, help, labelNames, registers, collect });
  };
  const histogram = (name: string, help: string, read: () => readonly [Labels, Histogram][]): void => {
    const full = `spillway_${name}`;
    const get = (): unknown => ({
      name: full,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: read().flatMap(([labels, cell]) => shownBuckets(full, labels, cell)),
    });
    // prom-client's own histograms would have to be told of every call.
    registry.registerMetric({ name: full, get: () => Promise.resolve(get()) } as unknown as Gauge);
  };

  gauge('build_info', 'The version that runs.', () => [[{ version: status().version }, 1]]);
  // Worked out once: the clocks' difference trembles, and a start that moves would look like a restart.
  const startedAt = (Date.now() - status().uptimeMs) / MS;
  gauge('start_time_seconds', 'When the balancer was started, since the epoch.', () => startedAt);

  counter('calls_total', 'Calls answered, by how they ended.', () => [...callsOf(recorder)]);
  histogram('call_duration_seconds', 'From a call’s arrival to its answer.', () =>
    cellsOf(recorder).map(([labels, cell]) => [labels, cell.latency]),
  );
  histogram('call_run_seconds', 'How long the function itself ran.', () =>
    cellsOf(recorder).map(([labels, cell]) => [labels, cell.run]),
  );
  histogram('call_queue_seconds', 'How long calls waited before they were started.', () => [
    [{ backend: 'pool' }, recorder.queueWait.pool],
    [{ backend: 'cloud' }, recorder.queueWait.cloud],
  ]);
  counter('placements_total', 'Where calls were placed, and why.', () =>
    Array.from(recorder.placements.entries(), ([decision, reason, count]) => [{ decision, reason }, count]),
  );
  counter('retries_total', 'Calls that were placed a second time.', () =>
    Array.from(recorder.retries.entries(), ([reason, , count]) => [{ reason }, count]),
  );
  gauge('retry_budget', 'How many retries the budget has left.', retriesLeft);

  gauge('slots', 'Slots of the pool.', () => status().pool.slots);
  gauge('calls_running', 'Calls that run in the pool.', () => status().pool.running);
  gauge('calls_queued', 'Calls that wait for a slot.', () => status().pool.queued);
  gauge('load_ratio', 'Slots that calls occupy, over all slots.', () => {
    const { busySlots, slots } = status().pool;
    return slots === 0 ? 0 : busySlots / slots;
  });
  gauge('expected_wait_seconds', 'What a call that comes now would wait for a slot.', () => {
    return status().pool.expectedWaitMs / MS;
  });
  gauge('workers', 'Workers by state.', () => {
    const { pool } = status();
    return WORKER_STATES.map((state) => [{ state }, pool[state]]);
  });
  gauge('workers_min', 'The fewest workers the pool may have.', () => status().pool.min);
  gauge('workers_max', 'The most workers the pool may have.', () => status().pool.max);
  // From its first reading on, unlike a series that begins with a reason: of those nobody sees the first increase.
  counter('workers_lost_total', 'Workers lost, for whatever reason.', () =>
    [...recorder.workerEvents.entries()].reduce(
      (sum, [event, , count]) => (event === 'lost' ? sum + count : sum),
      0,
    ),
  );
  counter('worker_events_total', 'What workers went through, and why.', () =>
    Array.from(recorder.workerEvents.entries(), ([event, reason, count]) => [{ event, reason }, count]),
  );

  gauge('cloud_state', '1 for the state that the cloud is in.', () => {
    const { cloud } = status();
    return CLOUD_STATES.map((state) => [{ state }, cloud.state === state ? 1 : 0]);
  });
  gauge('cloud_calls_in_flight', 'Calls that run in the cloud.', () => status().cloud.inFlight);
  gauge('cloud_cost_today_usd', 'What the cloud has cost this UTC day.', () => status().cloud.costTodayUsd);
  gauge('cloud_budget_usd', 'What the cloud may cost in a UTC day.', () => status().cloud.budgetUsd);

  gauge('event_loop_delay_seconds', 'How late the event loop was since the last scrape.', () => {
    if (delay.count === 0) return [];
    // The sampling interval itself is in every sample.
    const late = (ns: number): number => Math.max(0, ns / NS - SAMPLE_MS / MS);
    return [
      [{ quantile: '0.5' }, late(delay.percentile(50))],
      [{ quantile: '0.99' }, late(delay.percentile(99))],
      [{ quantile: '1' }, late(delay.max)],
    ];
  });
  gauge('process_resident_memory_bytes', 'Memory of the balancer’s process.', () =>
    process.memoryUsage.rss(),
  );
  gauge('process_heap_bytes', 'What is used of its heap.', () => process.memoryUsage().heapUsed);
  counter('process_cpu_seconds_total', 'CPU time of the balancer’s process.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / US;
  });
}

/** The labels of each metric that has some: prom-client wants to know them before. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  build_info: ['version'],
  calls_total: ['function', 'backend', 'outcome'],
  placements_total: ['decision', 'reason'],
  retries_total: ['reason'],
  workers: ['state'],
  worker_events_total: ['event', 'reason'],
  cloud_state: ['state'],
  event_loop_delay_seconds: ['quantile'],
};

function labelNamesOf(name: string): string[] {
  return [...(LABELS[name] ?? [])];
}

/** Sets a metric afresh at each scrape. */
function fill(read: () => number | readonly Sample[]): (this: Gauge | Counter) => void {
  return function () {
    this.reset();
    const found = read();
    if (typeof found === 'number') this.inc(found);
    else for (const [labels, value] of found) this.inc(labels, value);
  };
}

function cellsOf(recorder: Recorder): [Labels, { latency: Histogram; run: Histogram }][] {
  return [...recorder.functions].flatMap(([name, cells]) =>
    (['pool', 'cloud'] as const).flatMap((backend): [Labels, { latency: Histogram; run: Histogram }][] =>
      cells[backend].calls === 0 ? [] : [[{ function: name, backend }, cells[backend]]],
    ),
  );
}

function* callsOf(recorder: Recorder): Generator<Sample> {
  for (const [name, cells] of recorder.functions) {
    for (const backend of ['pool', 'cloud', 'none'] as const) {
      const { ok, failed } = cells[backend];
      if (ok > 0) yield [{ function: name, backend, outcome: 'ok' }, ok];
      for (const [outcome, count] of failed) yield [{ function: name, backend, outcome }, count];
    }
  }
}

function shownBuckets(name: string, labels: Labels, cell: Histogram): unknown[] {
  const bucket = (le: number | string, value: number): unknown => ({
    metricName: `${name}_bucket`,
    labels: { ...labels, le },
    value,
  });
  return [
    ...cell.shown().map(({ le, count }) => bucket(le, count)),
    bucket('+Inf', cell.count),
    { metricName: `${name}_sum`, labels, value: cell.sumMs / MS },
    { metricName: `${name}_count`, labels, value: cell.count },
  ];
}
