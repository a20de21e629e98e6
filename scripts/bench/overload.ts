/**
 * Ten times the load that the pool can do: `node scripts/bench/overload.ts [--quick] [--json]`. The real daemon with two
 * workers as processes, and an open load: calls come at their times, whether or not earlier ones are answered. It
 * measures its own capacity first, with a closed load. CPU-bound and sleeping calls apart.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readOptions } from '../options.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { percentile } from './percentile.ts';
import { cpuMicroseconds, memoryBytes } from './processes.ts';
import { OpenClient, type Told } from './open-client.ts';

const { quick, json } = readOptions('node scripts/bench/overload.ts [--quick] [--json]', {
  quick: 'switch',
  json: 'switch',
});
/** A pool of two on two cores, of which clients and balancer take their part too. */
const WORKERS = 2;
const TIMES_CAPACITY = 10;
const WARM_UP_CALLS = 60;
const CAPACITY_MS = quick ? 3000 : 8000;
const BURST_MS = quick ? 5000 : 20_000;
/**
 * Calls that come within this are sent together, in milliseconds: a timer for each took half of the client's CPU, which
 * is the pool's.
 */
const OFFER_EVERY_MS = 10;
/** Probes after the burst: so far apart, for so long, in milliseconds. */
const PROBE_EVERY_MS = 100;
const PROBES_MS = 3000;
/** A probe is as quick as before the burst if it takes at most so many times what a call does that is alone: another one may still run. */
const NORMAL_TIMES = 3;
const LONE_CALLS = 20;
const TARGETS = { goodput: 0.9, rejectionP99Ms: 10, recoveryMs: 1000 };

/** One kind of load. */
interface Kind {
  readonly name: string;
  readonly method: string;
  readonly params: readonly unknown[];
  /** The whole time of a call, in milliseconds. */
  readonly timeoutMs: number;
}

const KINDS: readonly Kind[] = [
  { name: 'CPU-bound, deadline 1 s', method: 'fibonacci', params: [33], timeoutMs: 1000 },
  { name: 'CPU-bound, deadline 30 s', method: 'fibonacci', params: [33], timeoutMs: 30_000 },
  { name: 'sleeping, deadline 1 s', method: 'sleep', params: [50], timeoutMs: 1000 },
  { name: 'sleeping, deadline 30 s', method: 'sleep', params: [50], timeoutMs: 30_000 },
];

/** What one kind of load showed. Times in milliseconds. */
interface Result {
  readonly load: string;
  readonly capacityPerS: number;
  readonly offeredPerS: number;
  readonly goodput: number;
  readonly answered: number;
  readonly rejected: number;
  readonly late: number;
  readonly other: number;
  readonly rejectionP50Ms: number;
  readonly rejectionP99Ms: number;
  readonly recoveryMs: number;
  /** Cores' worth of CPU time that the balancer, and this client, took from the pool's during the burst. */
  readonly balancerCores: number;
  readonly clientCores: number;
  readonly memoryBeforeMb: number;
  readonly memoryMostMb: number;
  readonly memoryAfterMb: number;
}

/** What a call takes that has the pool for itself, in milliseconds; warms the pool up. */
async function measureAlone(client: OpenClient, load: Kind): Promise<number> {
  const kind = { ...load, timeoutMs: 30_000 };
  for (let i = 0; i < WARM_UP_CALLS; i += WORKERS) {
    await Promise.all(Array.from({ length: WORKERS }, () => client.call(kind)));
  }
  const times: number[] = [];
  for (let i = 0; i < LONE_CALLS; i++) times.push((await client.call(kind)).ms);
  return percentile(times, 0.5);
}

/** Two calls a worker under way, always: what the pool can do, in calls a second. */
async function measureCapacity(client: OpenClient, load: Kind): Promise<number> {
  const kind = { ...load, timeoutMs: 30_000 };
  const startedAt = performance.now();
  let done = 0;
  const loops = Array.from({ length: WORKERS * 2 }, async () => {
    while (performance.now() - startedAt < CAPACITY_MS) {
      const { outcome } = await client.call(kind);
      if (outcome !== 'ok') throw new Error(`a call under no overload was answered with ${outcome}`);
      done += 1;
    }
  });
  await Promise.all(loops);
  return (done * 1000) / (performance.now() - startedAt);
}

/** Calls at a steady pace, whatever becomes of them. */
async function offer(client: OpenClient, kind: Kind, perS: number, forMs: number): Promise<Promise<Told>[]> {
  const startedAt = performance.now();
  const calls: Promise<Told>[] = [];
  for (let elapsed = 0; elapsed < forMs; elapsed = performance.now() - startedAt) {
    while (calls.length < (elapsed * perS) / 1000) calls.push(client.call(kind));
    await sleep(OFFER_EVERY_MS);
  }
  return calls;
}

/** How long after the burst the first probe was that is as quick as ever, with all that follow it. */
async function recover(client: OpenClient, kind: Kind, aloneMs: number): Promise<number> {
  const startedAt = performance.now();
  const probes: Promise<{ at: number; normal: boolean }>[] = [];
  for (let at = 0; at < PROBES_MS; at = performance.now() - startedAt) {
    const sentAt = at;
    probes.push(
      client.call(kind).then(({ outcome, ms }) => ({
        at: sentAt,
        normal: outcome === 'ok' && ms <= NORMAL_TIMES * aloneMs,
      })),
    );
    await sleep(PROBE_EVERY_MS);
  }
  const told = await Promise.all(probes);
  const lastSlow = told.findLastIndex(({ normal }) => !normal);
  return lastSlow === -1 ? 0 : (told[lastSlow + 1]?.at ?? Infinity);
}

async function measure(daemon: Daemon, client: OpenClient, kind: Kind): Promise<Result> {
  const aloneMs = await measureAlone(client, kind);
  const before = await measureCapacity(client, kind);
  const megabytes = (): number => Math.round(memoryBytes(daemon.pid, 'VmRSS') / 1e6);
  const memoryBeforeMb = megabytes();
  let memoryMostMb = memoryBeforeMb;
  const memoryTimer = setInterval(() => (memoryMostMb = Math.max(memoryMostMb, megabytes())), 100);
  const cpu = (): { client: number; balancer: number } => ({
    client: cpuMicroseconds(process.pid).own,
    balancer: cpuMicroseconds(daemon.pid).own,
  });
  const cpuBefore = cpu();
  const startedAt = performance.now();
  const calls = await offer(client, kind, TIMES_CAPACITY * before, BURST_MS);
  const endedAt = performance.now();
  const cpuAfter = cpu();
  const burstUs = (endedAt - startedAt) * 1000;
  const recoveryMs = await recover(client, kind, aloneMs);
  const told = await Promise.all(calls);
  clearInterval(memoryTimer);
  // The machine isn't the same all the time: what it can do is taken from both sides of the burst.
  const perS = (before + (await measureCapacity(client, kind))) / 2;
  const of = (outcome: string): Told[] => told.filter((one) => one.outcome === outcome);
  const ok = of('ok').filter(({ at }) => at <= endedAt).length;
  const rejections = of('Overloaded').map(({ ms }) => ms);
  const counted = { answered: of('ok').length, rejected: rejections.length, late: of('Timeout').length };
  return {
    load: kind.name,
    capacityPerS: perS,
    offeredPerS: (told.length * 1000) / (endedAt - startedAt),
    goodput: (ok * 1000) / (endedAt - startedAt) / perS,
    ...counted,
    other: told.length - counted.answered - counted.rejected - counted.late,
    rejectionP50Ms: percentile(rejections, 0.5),
    rejectionP99Ms: percentile(rejections, 0.99),
    recoveryMs,
    balancerCores: (cpuAfter.balancer - cpuBefore.balancer) / burstUs,
    clientCores: (cpuAfter.client - cpuBefore.client) / burstUs,
    memoryBeforeMb,
    memoryMostMb,
    memoryAfterMb: megabytes(),
  };
}

const COLUMNS: readonly (readonly [string, (result: Result) => string | number])[] = [
  ['load', ({ load }) => load],
  ['capacity/s', ({ capacityPerS }) => capacityPerS.toFixed(1)],
  ['offered/s', ({ offeredPerS }) => offeredPerS.toFixed(0)],
  ['goodput', ({ goodput }) => goodput.toFixed(2)],
  ['answered', ({ answered }) => answered],
  ['Overloaded', ({ rejected }) => rejected],
  ['Timeout', ({ late }) => late],
  ['other', ({ other }) => other],
  ['rejection p50 ms', ({ rejectionP50Ms }) => rejectionP50Ms.toFixed(1)],
  ['p99 ms', ({ rejectionP99Ms }) => rejectionP99Ms.toFixed(1)],
  ['normal after ms', ({ recoveryMs }) => recoveryMs.toFixed(0)],
  ['balancer’s cores', ({ balancerCores }) => balancerCores.toFixed(2)],
  ['client’s', ({ clientCores }) => clientCores.toFixed(2)],
  ['MB before', ({ memoryBeforeMb }) => memoryBeforeMb],
  ['most', ({ memoryMostMb }) => memoryMostMb],
  ['after', ({ memoryAfterMb }) => memoryAfterMb],
];

const dir = mkdtempSync(join(tmpdir(), 'spw-overload-'));
const results: Result[] = [];
try {
  for (const kind of KINDS) {
    // A daemon of its own each: what one kind leaves behind is not the other's.
    const daemon = await startDaemon(join(dir, String(results.length)), WORKERS);
    const client = new OpenClient(daemon.url);
    try {
      results.push(await measure(daemon, client, kind));
    } finally {
      client.close();
      await daemon.stop();
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
if (json) console.log(JSON.stringify(results));
else {
  console.log(`| ${COLUMNS.map(([title]) => title).join(' | ')} |`);
  console.log(`|${' --- |'.repeat(COLUMNS.length)}`);
  for (const result of results) console.log(`| ${COLUMNS.map(([, cell]) => cell(result)).join(' | ')} |`);
}
const missed = results.filter(
  ({ goodput, rejectionP99Ms, recoveryMs }) =>
    goodput < TARGETS.goodput || rejectionP99Ms > TARGETS.rejectionP99Ms || recoveryMs > TARGETS.recoveryMs,
);
if (missed.length > 0) process.exitCode = 1;
