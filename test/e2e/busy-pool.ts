/** Operations whose figures move as those of a busy balancer do: a burst comes, the pool fills, the rest spills over. */
import type { DecisionEntry, FunctionStatus, Snapshot, WorkerStatus } from '../../src/admin/operations.ts';
import { FakeOperations, sampleStatus } from '../fakes/operations.ts';

const N = 4;
const SLOTS = 2;
/** A burst comes every so many snapshots. */
const PERIOD = 90;
const SNAPSHOT_MS = 1000;

const TUPLE = 'https://json-schema.org/draft/2020-12/schema';

/** Every snapshot is a second later than the one before, however fast they are taken. */
export class BusyPool extends FakeOperations {
  readonly #startedAt: number;
  #tick = 0;
  #total = 48_200;
  #offloaded = 3120;
  #decisions: DecisionEntry[] = [];
  /** Replaces parts of the next snapshots. */
  change: (snapshot: Snapshot) => Snapshot = (snapshot) => snapshot;

  /** @param startedAt the time of the first snapshot, in milliseconds since the epoch */
  constructor(startedAt: number) {
    super();
    this.#startedAt = startedAt;
    this.state = {
      ...sampleStatus(),
      pool: { ...sampleStatus().pool, id: 'brook', runtime: 'docker', n: N, min: N, max: 2 * N },
      functions: busyFunctions(0).map(({ name }) => name),
    };
    this.list = busyFunctions(0);
  }

  override snapshot(): Snapshot {
    const tick = this.#tick++;
    const at = this.#startedAt + tick * SNAPSHOT_MS;
    // 0 … 1.2: how full the pool would be if it were not let go.
    const demand =
      0.35 + 0.85 * Math.max(0, Math.sin((2 * Math.PI * tick) / PERIOD)) + 0.06 * Math.sin(tick * 2.1);
    const slots = 6 * SLOTS;
    const running = Math.min(slots, Math.round(demand * slots));
    const over = Math.max(0, demand - 0.9);
    const poolRate = Math.round(running * 21 + 9 * Math.sin(tick * 1.3));
    const cloudRate = Math.round(over * 190);
    this.#total += poolRate + cloudRate;
    this.#offloaded += cloudRate;
    if (over > 0) this.#decide(at, tick, over);
    const { cloud } = this.state;
    this.list = busyFunctions(tick);
    this.state = {
      ...this.state,
      uptimeMs: 11_520_000 + tick * SNAPSHOT_MS,
      pool: {
        ...this.state.pool,
        ready: 6,
        starting: 1,
        ejected: 1,
        draining: 0,
        standby: 2,
        slotsPerWorker: SLOTS,
        slots,
        busySlots: running,
        running,
        queued: Math.round(over * 60),
        expectedWaitMs: over * 190,
        workers: busyWorkers(at, running, tick),
        scaling: { at, target: 8, reason: 'steady' },
        scaled: { at: at - 12_000, target: 8, reason: 'calls waited for 4 s in a row' },
      },
      cloud: {
        ...cloud,
        functionName: 'spillway-brook',
        calls: this.#offloaded,
        inFlight: Math.round(over * 24),
        costTodayUsd: this.#offloaded * 0.000_098,
      },
      calls: { total: this.#total, failed: 14, offloaded: this.#offloaded, retried: 37 },
    };
    return this.change({
      at,
      status: this.state,
      functions: this.list,
      rates: {
        pool: { perSecond: poolRate, p50Ms: 24 + 14 * demand, p99Ms: 60 + 90 * demand },
        cloud: { perSecond: cloudRate, p50Ms: 74 + 5 * Math.sin(tick), p99Ms: 170 + 25 * Math.sin(tick / 3) },
      },
      decisions: this.#decisions,
    });
  }

  #decide(at: number, tick: number, over: number): void {
    const method = ['thumbnail', 'fibonacci', 'markdown'][tick % 3]!;
    const localMs = 60 + over * 400;
    const entry = { at, callId: (0x9a40_0000 + tick * 977).toString(36), method };
    const decision: DecisionEntry =
      tick % 7 === 0
        ? { ...entry, place: 'queue', reason: 'throttled' }
        : { ...entry, place: 'cloud', reason: 'would wait too long', localMs, cloudMs: 78 };
    this.#decisions = [decision, ...this.#decisions].slice(0, 50);
  }
}

function busyWorkers(at: number, running: number, tick: number): WorkerStatus[] {
  const ready = Array.from({ length: 6 }, (_, index): WorkerStatus => {
    const busy = Math.min(SLOTS, Math.max(0, running - index * SLOTS));
    return {
      ...worker(index, at - 11_000_000 + index * 400_000),
      state: 'ready',
      busySlots: busy,
      running: busy,
      calls: 7000 - index * 380 + tick * 17,
      failures: index === 2 ? 3 : 0,
      cpu: (busy / SLOTS) * 0.93 + 0.02,
      memoryMb: 118 + index * 9 + (tick % 5),
    };
  });
  const idle = { busySlots: 0, running: 0, calls: 0, failures: 0 };
  return [
    ...ready,
    { ...worker(6, at - 400), ...idle, state: 'starting' },
    {
      ...worker(7, at - 7_000_000),
      ...idle,
      calls: 4210,
      failures: 9,
      state: 'ejected',
      reason: 'silent for 3 s',
    },
    { ...worker(8, at - 9_000_000), ...idle, calls: 5120, state: 'standby', memoryMb: 46, cpu: 0 },
    { ...worker(9, at - 8_000_000), ...idle, calls: 3377, state: 'standby', memoryMb: 47, cpu: 0 },
  ];
}

function worker(
  index: number,
  startedAt: number,
): Pick<WorkerStatus, 'id' | 'slots' | 'startedAt' | 'containerId'> {
  const containerId = (0x3f9a_c1d2 + index * 0x1357_9bdf)
    .toString(16)
    .padStart(12, '4')
    .repeat(6)
    .slice(0, 64);
  return {
    id: `w${index + 1}-${(0x5a1c + index * 7919).toString(36)}`,
    slots: SLOTS,
    startedAt,
    containerId,
  };
}

function busyFunctions(tick: number): FunctionStatus[] {
  const usual = { timeoutMs: 30_000, idempotent: true, offload: true, concurrency: 1 };
  const figures = (calls: number, meanMs: number, failed = 0): FunctionStatus['pool'] => {
    return { calls, failed, meanMs, p50Ms: meanMs * 0.9, p99Ms: meanMs * 3.1 };
  };
  const none = { calls: 0, failed: 0, meanMs: 0, p50Ms: 0, p99Ms: 0 };
  const tuple = (name: string, schema: object): object => {
    return {
      $schema: TUPLE,
      type: 'array',
      minItems: 1,
      prefixItems: [{ title: name, ...schema }],
      items: false,
    };
  };
  return [
    {
      ...usual,
      name: 'fibonacci',
      summary: 'The n-th Fibonacci number by naive recursion: F(0) = 0.',
      params: tuple('n', { type: 'integer', minimum: 0, maximum: 40 }),
      pool: figures(21_304 + tick * 40, 31.4, 2),
      cloud: figures(1822 + tick, 82),
    },
    {
      ...usual,
      name: 'markdown',
      summary: 'Markdown to HTML.',
      params: tuple('text', { type: 'string', maxLength: 1_000_000 }),
      pool: figures(12_990 + tick * 31, 0.62),
      cloud: none,
    },
    {
      ...usual,
      name: 'sleep',
      summary: 'Waits for so many milliseconds, and gives the number back.',
      params: tuple('ms', { type: 'integer', minimum: 0, maximum: 60_000 }),
      idempotent: false,
      pool: figures(311, 250),
      cloud: none,
    },
    {
      ...usual,
      name: 'thumbnail',
      summary: 'Scales a PNG or JPEG, in base64, to a width in pixels, keeping its shape.',
      params: {
        $schema: TUPLE,
        type: 'object',
        properties: {
          image: {
            type: 'string',
            minLength: 1,
            contentEncoding: 'base64',
            description: 'A PNG or JPEG in base64',
          },
          width: { type: 'integer', minimum: 1, maximum: 1024 },
        },
        required: ['image', 'width'],
        additionalProperties: false,
      },
      pool: figures(9877 + tick * 22, 118, 12),
      cloud: figures(1298 + tick, 154),
    },
    {
      ...usual,
      name: 'wordcount',
      summary: 'Counts words, lines and characters of a text.',
      params: tuple('text', { type: 'string' }),
      pool: figures(3720, 0.08),
      cloud: none,
      suspended: 'the cloud was slower for the last 20 calls',
    },
  ];
}
