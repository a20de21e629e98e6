/** Counts what becomes of calls. On the path of calls: arrays and counters, made readable only when somebody asks. */
import type { CallObserver, ObservedCall } from '../dispatch/observer.ts';
import type { Outcome } from '../dispatch/call.ts';
import type { CallErrorName } from '../errors.ts';
import type { FunctionSpec } from '../functions/manifest.ts';
import { Histogram } from './histogram.ts';
import type { DecisionEntry, PlaceFigures, Snapshot } from './operations.ts';

/** Where a call was answered; none: it never ran. */
export type Place = 'pool' | 'cloud' | 'none';

/** One function's calls in one place. */
export class Cell {
  ok = 0;
  readonly failed = new Map<CallErrorName, number>();
  /** From arrival to answer, as the balancer sees it. */
  readonly latency = new Histogram();
  /** The function's own time. */
  readonly run = new Histogram();

  get calls(): number {
    return this.ok + this.failures;
  }

  get failures(): number {
    let sum = 0;
    for (const count of this.failed.values()) sum += count;
    return sum;
  }

  figures(): PlaceFigures {
    const { calls, failures: failed, latency } = this;
    const [p50Ms, p99Ms] = [latency.quantileMs(0.5), latency.quantileMs(0.99)];
    return { calls, failed, meanMs: latency.meanMs, p50Ms, p99Ms };
  }
}

/** One function's calls by place. */
export type Cells = Readonly<Record<Place, Cell>>;

/** How many of the last decisions are kept. */
const DECISIONS = 50;
/** So many different reasons are told apart; more would be a metric that grows without bound. */
const MAX_REASONS = 100;
const OTHER = 'other';
const SECOND_MS = 1000;
const SLOT_FREE = 'slot free';

/** What a worker went through. */
export type WorkerEvent =
  'ready' | 'resumed' | 'ejected' | 'readmitted' | 'lost' | 'slot ended' | 'paused' | 'restart';

/** Listens to dispatch for the balancer's whole life. */
export class Recorder implements CallObserver {
  /** By name: a function keeps its figures when it is loaded again. */
  readonly functions = new Map<string, Cells>();
  readonly queueWait: Readonly<Record<'pool' | 'cloud', Histogram>> = {
    pool: new Histogram(),
    cloud: new Histogram(),
  };
  readonly placements = new Counters();
  readonly retries = new Counters();
  readonly workerEvents = new Counters();
  readonly #bySpec = new WeakMap<FunctionSpec, Cells>();
  readonly #seconds = { pool: new Seconds(), cloud: new Seconds() };
  readonly #decisions: (Omit<DecisionEntry, 'callId'> & { readonly callId: number })[] = [];
  #nextDecision = 0;

  placed(
    { callId, request }: ObservedCall,
    place: DecisionEntry['place'],
    reason: string,
    expected?: { readonly localMs?: number; readonly cloudMs?: number },
  ): void {
    this.placements.add(place, reason);
    if (reason === SLOT_FREE) return; // most calls: nobody wants to read of each
    const entry = { at: Date.now(), callId, method: request.spec.name, place, reason };
    this.#decisions[this.#nextDecision % DECISIONS] =
      expected === undefined ? entry : { ...entry, ...expected };
    this.#nextDecision += 1;
  }

  placedAgain(_call: ObservedCall, reason: string): void {
    this.retries.add(reason);
  }

  answered({ request }: ObservedCall, outcome: Outcome): void {
    const now = performance.now();
    const { report } = outcome;
    const place = placeOf(outcome);
    const cell = this.#cells(request.spec)[place];
    if (outcome.ok) cell.ok += 1;
    else cell.failed.set(outcome.error.name, (cell.failed.get(outcome.error.name) ?? 0) + 1);
    if (place === 'none') return;
    const latencyMs = now - request.arrivedAt;
    cell.latency.record(latencyMs);
    cell.run.record(report.runMs);
    this.queueWait[place].record(report.queueMs);
    this.#seconds[place].record(latencyMs, now);
  }

  /** Something happened to a worker. Only the part of the reason before a colon or a time tells kinds apart. */
  worker(event: WorkerEvent, reason: string): void {
    this.workerEvents.add(event, reason.replace(/(:| for \d).*/s, ''));
  }

  /** One function's figures in both places, as far as it was ever called. */
  figures(name: string): { pool: PlaceFigures; cloud: PlaceFigures } {
    const cells = this.functions.get(name) ?? UNCALLED;
    return { pool: cells.pool.figures(), cloud: cells.cloud.figures() };
  }

  /** Calls that ended in the last whole second. */
  rates(): Snapshot['rates'] {
    const now = performance.now();
    return { pool: this.#seconds.pool.rate(now), cloud: this.#seconds.cloud.rate(now) };
  }

  /** The last decisions, the newest first. */
  decisions(): DecisionEntry[] {
    const kept = Math.min(this.#nextDecision, DECISIONS);
    return Array.from({ length: kept }, (_, age) => {
      return this.#decisions[(this.#nextDecision - 1 - age) % DECISIONS];
    }).flatMap((entry) => (entry === undefined ? [] : { ...entry, callId: String(entry.callId) }));
  }

  #cells(spec: FunctionSpec): Cells {
    const known = this.#bySpec.get(spec);
    if (known !== undefined) return known;
    const cells = this.functions.get(spec.name) ?? { pool: new Cell(), cloud: new Cell(), none: new Cell() };
    this.functions.set(spec.name, cells);
    this.#bySpec.set(spec, cells);
    return cells;
  }
}

const UNCALLED: Cells = { pool: new Cell(), cloud: new Cell(), none: new Cell() };

/** Counts by one or two words. */
export class Counters {
  readonly #counts = new Map<string, Map<string, number>>();
  #reasons = 0;

  /** Counts one; beyond MAX_REASONS different ones they are counted together. */
  add(word: string, reason = ''): void {
    let counts = this.#counts.get(word);
    if (counts === undefined) this.#counts.set(word, (counts = new Map<string, number>()));
    const known = counts.get(reason);
    if (known === undefined) this.#reasons += 1;
    const key = known !== undefined || this.#reasons <= MAX_REASONS ? reason : OTHER;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }

  /** Every word, reason and count. */
  *entries(): Generator<readonly [word: string, reason: string, count: number]> {
    for (const [word, counts] of this.#counts) {
      for (const [reason, count] of counts) yield [word, reason, count];
    }
  }
}

/** Latencies of the second that runs, and of the whole second before it. */
class Seconds {
  #current = new Histogram();
  #last = new Histogram();
  #second = 0;

  record(ms: number, now: number): void {
    this.#turn(now);
    this.#current.record(ms);
  }

  rate(now: number): Snapshot['rates']['pool'] {
    this.#turn(now);
    const { count } = this.#last;
    return { perSecond: count, p50Ms: this.#last.quantileMs(0.5), p99Ms: this.#last.quantileMs(0.99) };
  }

  #turn(now: number): void {
    const second = Math.floor(now / SECOND_MS);
    if (second === this.#second) return;
    if (second === this.#second + 1) [this.#current, this.#last] = [this.#last, this.#current];
    else this.#last.clear();
    this.#current.clear();
    this.#second = second;
  }
}

/** A call that was turned away, or ended while it waited, ran nowhere. */
export function placeOf(outcome: Outcome): Place {
  const { backend, worker } = outcome.report;
  if (outcome.ok || backend === 'cloud' || worker !== undefined) return backend ?? 'none';
  const { data } = outcome.error;
  const mayHaveRun = typeof data === 'object' && data !== null && 'mayHaveRun' in data && data.mayHaveRun;
  return mayHaveRun === true ? (backend ?? 'none') : 'none';
}
