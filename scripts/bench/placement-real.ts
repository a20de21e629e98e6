/**
 * Policies against each other on a real pool and an emulated AWS: `node scripts/bench/placement-real.ts [--quick]`
 *
 * One daemon (workers are processes) runs through it all; the policy is changed by the admin API between segments, in another
 * order each round, and each round repeats the same arrivals for every policy. A proxy before the data plane adds a round trip
 * and slows the cloud's CPU. The functions wait instead of computing: the emulated cloud has no cores of its own.
 * Needs scripts/ministack.sh install.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'node:http';
import { Home, until, type Balancer } from '../../test/support/balancer.ts';
import { cloudEnv } from '../../test/support/cloud-env.ts';
import { findMiniStack, startMiniStack } from '../../test/support/ministack.ts';
import { mean } from '../../src/cloud/samples.ts';
import { freePort } from '../../test/support/free-port.ts';
import { Admin } from '../admin.ts';
import { readOptions } from '../options.ts';
import { exponential, seededRandom, type Random } from '../simulate/random.ts';
import { percentile } from './percentile.ts';
import { startDelayingProxy } from './placement-proxy.ts';

const values = readOptions(
  'node scripts/bench/placement-real.ts [--quick] [--round-trip MS] [--slowdown TIMES] [--rounds N] [--seconds S]',
  { quick: 'switch', 'round-trip': 'number', slowdown: 'number', rounds: 'count', seconds: 'number' },
);
const { 'round-trip': roundTripMs = 60, slowdown = 1.5 } = values;

const POLICIES = ['never', 'threshold', 'predictive'] as const;
type Policy = (typeof POLICIES)[number];
const ROUNDS = values.rounds ?? (values.quick ? 1 : 3);
const SEGMENT_MS = (values.seconds ?? (values.quick ? 4 : 8)) * 1000;
/** N; the pool may grow to twice that. */
const WORKERS = 2;
/** Load in slots: most of the time the pool has room, for the last third it has not. */
const CALM_LOAD = 1;
const BURST_LOAD = 6;
/**
 * So many calls at once, so often, go to the cloud before it begins. The emulated cloud starts a process for each call that
 * finds none idle, on this machine's cores: 0.3 s of CPU each, which no cloud would take from the pool.
 */
const WARM_INSTANCES = 32;
const WARM_UP_ROUNDS = 3;
/** An unanswered call counts as this, in milliseconds: its whole time. */
const TIMEOUT_MS = 10_000;

interface Call {
  readonly atMs: number;
  readonly method: string;
  readonly ms: number;
  readonly padding: number;
}

/** The next call of a workload: its function, its time, and how many characters tell of that. */
type Draw = (random: Random) => Omit<Call, 'atMs'>;

interface Workload {
  readonly meanMs: number;
  readonly draw: Draw;
}

const WORKLOADS: Readonly<Record<string, Workload>> = {
  short: { meanMs: 30, draw: oneOf(['brisk', 10], ['medium', 20], ['lengthy', 60]) },
  long: { meanMs: 533, draw: oneOf(['brisk', 200], ['medium', 400], ['lengthy', 1000]) },
  heavy: {
    meanMs: 62,
    draw: (random) => {
      const kind = random();
      if (kind < 0.6) return { method: 'brisk', ms: 10, padding: 0 };
      // Pareto, alpha 1.5: six in ten take less than twice the least, one in a thousand fifty times it.
      const ms = Math.min(3000, 50 / (1 - random()) ** (1 / 1.5));
      return kind < 0.9 ? { method: 'medium', ms, padding: ms } : { method: 'lengthy', ms, padding: 0 };
    },
  },
};

function oneOf(...kinds: readonly (readonly [string, number])[]): Draw {
  return (random) => {
    const [method, ms] = kinds[Math.floor(random() * kinds.length)] ?? ['brisk', 10];
    return { method, ms, padding: 0 };
  };
}

/** Poisson arrivals, calm first and then a burst. */
function arrivals({ meanMs, draw }: Workload, seed: number): Call[] {
  const random = seededRandom(seed);
  const calls: Call[] = [];
  let atMs = 0;
  for (;;) {
    const load = (atMs % SEGMENT_MS) / SEGMENT_MS < 2 / 3 ? CALM_LOAD : BURST_LOAD;
    atMs += exponential(random, meanMs / load);
    if (atMs >= SEGMENT_MS) return calls;
    calls.push({ atMs, ...draw(random) });
  }
}

interface Figures {
  readonly latencyMs: number[];
  late: number;
  offloaded: number;
  costUsd: number;
  /** p99 of each round: how far they lie apart. */
  readonly p99sMs: number[];
}

const agent = new Agent({ keepAlive: true, maxSockets: 512 });

/** One call. @returns its latency in milliseconds; undefined if it wasn't answered with a result */
async function makeCall(
  url: string,
  { method, ms, padding }: Call,
  headersOfCall: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const params = [ms, 'x'.repeat(Math.round(padding))];
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const startedAt = performance.now();
  const text = await new Promise<string>((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...headersOfCall,
    };
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      let received = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
      answer.on('end', () => resolve(received));
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
  const ok = (JSON.parse(text) as { result?: unknown }).result !== undefined;
  return ok ? performance.now() - startedAt : undefined;
}

/** Starts the cloud's instances, and lets each function be measured in both places. */
async function warmUp(url: string): Promise<void> {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    for (const method of ['brisk', 'medium', 'lengthy']) {
      const call = { atMs: 0, method, ms: 200, padding: 0 };
      const inCloud = Array.from({ length: WARM_INSTANCES }, () =>
        makeCall(url, call, { 'spillway-backend': 'cloud' }),
      );
      const inPool = Array.from({ length: 2 * WORKERS }, () => makeCall(url, call));
      await Promise.all([...inCloud, ...inPool]);
    }
  }
}

async function segment(
  balancer: Balancer,
  admin: Admin,
  policy: Policy,
  calls: readonly Call[],
  figures: Figures,
): Promise<void> {
  await admin.order('offload.set', { policy });
  const before = await admin.status();
  const startedAt = performance.now();
  const latencies = await Promise.all(
    calls.map(async (call) => {
      await sleep(Math.max(0, call.atMs - (performance.now() - startedAt)));
      return await makeCall(balancer.url, call);
    }),
  );
  await until('the cloud is idle', async () => (await admin.status()).cloud.inFlight === 0);
  const after = await admin.status();
  const counted = latencies.map((ms) => ms ?? TIMEOUT_MS);
  figures.latencyMs.push(...counted);
  figures.late += latencies.filter((ms) => ms === undefined).length;
  figures.p99sMs.push(percentile(counted, 0.99));
  figures.offloaded += after.calls.offloaded - before.calls.offloaded;
  figures.costUsd += after.cloud.costTodayUsd - before.cloud.costTodayUsd;
}

const NONE = (): Figures => ({ latencyMs: [], late: 0, offloaded: 0, costUsd: 0, p99sMs: [] });

function report(table: ReadonlyMap<string, ReadonlyMap<Policy, Figures>>): void {
  console.log(
    '| workload | policy | calls | mean ms | p50 ms | p99 ms | p99 by round, ms | offloaded | failed | US dollars |',
  );
  console.log('| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |');
  for (const [workload, policies] of table) {
    for (const [policy, { latencyMs, late, offloaded, costUsd, p99sMs }] of policies) {
      const cells = [
        workload,
        policy,
        latencyMs.length,
        (mean(latencyMs) ?? NaN).toFixed(0),
        percentile(latencyMs, 0.5).toFixed(0),
        percentile(latencyMs, 0.99).toFixed(0),
        p99sMs.map((ms) => ms.toFixed(0)).join(', '),
        offloaded,
        late,
        costUsd.toFixed(5),
      ];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
}

const found = findMiniStack('the comparison of policies');
if (found.missing !== undefined) process.exit(1);
const aws = await startMiniStack(found.program, 1);
const distance = { roundTripMs, slowdown };
const proxy = await startDelayingProxy(aws.url, distance);
const home = new Home();
try {
  const stateDir = join(home.dir, 'state');
  const adminPort = await freePort();
  const balancer = await home.start({
    ...cloudEnv(home, aws.url),
    SPILLWAY_FUNCTIONS: join(import.meta.dirname, 'placement'),
    SPILLWAY_GATEWAY_URL: `${proxy.url}/_aws/execute-api`,
    SPILLWAY_WORKERS: String(WORKERS),
    SPILLWAY_TIMEOUT_MS: String(TIMEOUT_MS),
    SPILLWAY_OFFLOAD: 'never',
    SPILLWAY_ADMIN_PORT: String(adminPort),
  });
  await until('the cloud is ready', () => balancer.lines('cloud: ready at').length > 0, 60_000);
  const admin = new Admin(stateDir, adminPort);
  await warmUp(balancer.url);
  const table = new Map(
    Object.keys(WORKLOADS).map((name) => [name, new Map(POLICIES.map((policy) => [policy, NONE()]))]),
  );
  const startedAt = performance.now();
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % POLICIES.length;
    const order = [...POLICIES.slice(first), ...POLICIES.slice(0, first)];
    for (const [name, workload] of Object.entries(WORKLOADS)) {
      const calls = arrivals(workload, round + 1);
      for (const policy of order) {
        const figures = table.get(name)?.get(policy) ?? NONE();
        await segment(balancer, admin, policy, calls, figures);
      }
    }
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(
    `${ROUNDS} rounds of ${SEGMENT_MS / 1000} s, ${seconds} s in all; N ${WORKERS}; the proxy adds ${distance.roundTripMs} ms, and run time × ${distance.slowdown}\n`,
  );
  report(table);
} finally {
  agent.destroy();
  await home.rm({ docker: false });
  await proxy.stop();
  await aws.stop();
}
