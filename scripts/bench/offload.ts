/**
 * What offloading adds: the whole path of a call to the cloud (ledger on disk, event, connection, answer, settlement)
 * against a bare kept-alive fetch of the same URL, and a placement by itself. `node scripts/bench/offload.ts [--json]`
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudCalls } from '../../src/cloud/calls.ts';
import { openChannel } from '../../src/cloud/channel.ts';
import { encodeEvent } from '../../src/cloud/event.ts';
import { Ledger } from '../../src/cloud/ledger.ts';
import { openLedgerStore } from '../../src/cloud/ledger-store.ts';
import { pricesOf } from '../../src/cloud/prices.ts';
import { place, type Observation } from '../../src/dispatch/placement.ts';
import type { FunctionSpec } from '../../src/functions/manifest.ts';
import { percentile } from './percentile.ts';

const WARM_UP = 300;
const SAMPLES = 2000;
/** Both ways take turns in blocks, so that a busy moment of the machine hits both. */
const BLOCK = 100;
const PLACEMENTS = 5_000_000;
const TARGET_ADDED_MS = 1;
const TARGET_PLACEMENT_US = 2;

const spec: FunctionSpec = {
  name: 'fibonacci',
  style: 'any',
  idempotent: true,
  offload: true,
  concurrency: 1,
};
const head = {
  method: 'fibonacci',
  callId: '1',
  remainingMs: 5000,
  bundle: 'bench',
  maxResultBytes: 1_000_000,
  logGroup: '',
};

async function measureOffload(): Promise<{ fetch: number[]; offload: number[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-bench-'));
  const stub = fork(join(import.meta.dirname, 'stub-gateway.ts'));
  const port = await new Promise((resolve) => stub.once('message', resolve));
  const url = `http://127.0.0.1:${String(port)}/v1/call`;
  const { past, store } = await openLedgerStore(join(folder, 'ledger.sqlite'), Date.now());
  const calls = new CloudCalls({
    channel: openChannel({ url, apiKey: 'key' }),
    ledger: new Ledger(1e15, past, store),
    rate: { prices: pricesOf('eu-central-1').prices, memoryMb: 1769, architecture: 'x86_64' },
    bundleHash: 'bench',
    maxResultBytes: 1_000_000,
    logGroup: '',
    health: () => undefined,
  });
  const offload = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const call = { callId: '1', spec, params: '[10]', deadline: performance.now() + 5000, timeoutMs: 5000 };
      calls.call(call, (outcome) =>
        outcome.ok ? resolve(outcome.json) : reject(new Error('the call failed')),
      );
    });
  const bare = async (): Promise<unknown> => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'x-api-key': 'key' },
      body: encodeEvent(head, '[10]'),
    });
    return answer.arrayBuffer();
  };
  const times = { fetch: [] as number[], offload: [] as number[] };
  try {
    await measure(bare, WARM_UP);
    await measure(offload, WARM_UP);
    for (let block = 0; block < SAMPLES / BLOCK; block++) {
      times.fetch.push(...(await measure(bare, BLOCK)));
      times.offload.push(...(await measure(offload, BLOCK)));
    }
  } finally {
    calls.close();
    await store.close();
    stub.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
  return times;
}

async function measure(work: () => Promise<unknown>, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < count; run++) {
    const startedAt = performance.now();
    await work();
    times.push(performance.now() - startedAt);
  }
  return times;
}

/** Microseconds of one placement, over observations that take every way through it. */
function measurePlacement(): number {
  const base: Observation = {
    policy: 'threshold',
    offloadWaitMs: 50,
    forced: undefined,
    slotFree: false,
    noRoom: undefined,
    waitedMs: 0,
    expectedWaitMs: 100,
    offload: true,
    fitsEvent: true,
    cloudRunMs: 10,
    cloud: undefined,
  };
  const seen: readonly Observation[] = [
    base,
    { ...base, slotFree: true },
    { ...base, expectedWaitMs: 10 },
    { ...base, expectedWaitMs: undefined, waitedMs: 60 },
    { ...base, cloud: 'throttled' },
    { ...base, noRoom: 'queue full', offload: false },
    { ...base, policy: 'always' },
    { ...base, policy: 'never' },
  ];
  let offloaded = 0;
  const run = (count: number): void => {
    for (let at = 0; at < count; at++)
      if (place(seen[at % seen.length] ?? base).place === 'cloud') offloaded += 1;
  };
  run(PLACEMENTS / 10);
  const startedAt = performance.now();
  run(PLACEMENTS);
  const us = ((performance.now() - startedAt) * 1000) / PLACEMENTS;
  if (offloaded === 0) throw new Error('nothing was offloaded');
  return us;
}

const { fetch: bare, offload } = await measureOffload();
const result = {
  fetchP50Ms: percentile(bare, 0.5),
  fetchP99Ms: percentile(bare, 0.99),
  offloadP50Ms: percentile(offload, 0.5),
  offloadP99Ms: percentile(offload, 0.99),
  addedP50Ms: percentile(offload, 0.5) - percentile(bare, 0.5),
  placementUs: measurePlacement(),
};

if (process.argv.includes('--json')) console.log(JSON.stringify(result));
else {
  const ms = (value: number): string => `${value.toFixed(3)} ms`;
  console.log(`bare fetch     p50 ${ms(result.fetchP50Ms)}   p99 ${ms(result.fetchP99Ms)}`);
  console.log(`offload path   p50 ${ms(result.offloadP50Ms)}   p99 ${ms(result.offloadP99Ms)}`);
  console.log(`added          p50 ${ms(result.addedP50Ms)}   (target: at most ${TARGET_ADDED_MS} ms)`);
  console.log(
    `placement      ${result.placementUs.toFixed(4)} µs   (target: at most ${TARGET_PLACEMENT_US} µs)`,
  );
}
if (result.addedP50Ms > TARGET_ADDED_MS || result.placementUs > TARGET_PLACEMENT_US) process.exitCode = 1;
