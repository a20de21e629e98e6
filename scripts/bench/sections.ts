/** The comparisons, by name. */
import { compare, median, type Effort, type Entry, type Figures } from './compare.ts';
import type { Contender } from './contenders.ts';
import { load } from './load.ts';
import { afterManyCalls, whileWaiting } from './memory.ts';
import { tableHead, tableRows } from './report.ts';
import { ADD, FIBONACCI, NAP, batch, echo, type Work } from './work.ts';

/** What a section works with. */
export interface Bench {
  readonly dir: string;
  readonly effort: Effort;
  readonly contenders: readonly Contender[];
  readonly out: (text: string) => void;
}

/** The origin's design starts a process for each call: more connections only wait longer. */
const ORIGIN_CONNECTIONS = 64;
/** The share of its own best rate at which latency below saturation is measured. */
const BELOW_SATURATION = 0.8;

function named({ contenders }: Bench, ...names: string[]): Contender[] {
  return names.flatMap((name) => contenders.filter((contender) => contender.name === name));
}

async function table(bench: Bench, entries: readonly Entry[], connections: number): Promise<Figures[]> {
  const figures = await compare(bench.dir, entries, connections, bench.effort);
  const [own] = figures;
  if (own !== undefined) bench.out(tableRows(figures, own));
  return figures;
}

function all(contenders: readonly Contender[], work: Work): Entry[] {
  return contenders.map((contender) => ({ contender, work }));
}

/** add, one call a request. */
export async function singles(bench: Bench): Promise<Figures[]> {
  bench.out(`\n${tableHead()}`);
  const figures: Figures[] = [];
  for (const connections of [1, 16, 64, 256, 1024]) {
    const contenders = bench.contenders.filter(
      ({ says }) => says === undefined || connections <= ORIGIN_CONNECTIONS,
    );
    figures.push(...(await table(bench, all(contenders, ADD), connections)));
  }
  return figures;
}

/** Texts there and back, and the delay that large ones cause to small ones. */
export async function payloads(bench: Bench): Promise<void> {
  const fronts = named(bench, 'spillway', 'haproxy', 'nginx');
  bench.out(`\n${tableHead()}`);
  for (const connections of [16, 64])
    await table(bench, all(fronts, echo('echo 10 KB', 10_000)), connections);
  const large = echo('echo 1 MB', 1_000_000);
  await table(bench, all(fronts, large), 4);
  bench.out('\nadd over 8 connections while 4 others send 1 MB:');
  for (const { name, url } of fronts) {
    const runs: { p50Ms: number; p99Ms: number }[] = [];
    for (let round = 0; round < bench.effort.rounds; round += 1) {
      const { seconds } = bench.effort;
      const [small] = await Promise.all([
        load(bench.dir, ADD, { url, connections: 8, seconds }),
        load(bench.dir, large, { url, connections: 4, seconds }),
      ]);
      runs.push(small);
    }
    const p50 = median(runs.map((run) => run.p50Ms)).toFixed(2);
    const p99 = median(runs.map((run) => run.p99Ms)).toFixed(2);
    bench.out(`  ${name}: p50 ${p50} ms, p99 ${p99} ms`);
  }
}

/** CPU work, and calls that only wait. */
export async function functions(bench: Bench): Promise<void> {
  const fronts = named(bench, 'spillway', 'haproxy', 'nginx', 'jayson');
  bench.out(`\n${tableHead()}`);
  for (const connections of [16, 64]) await table(bench, all(fronts, FIBONACCI), connections);
  for (const connections of [256, 1024]) await table(bench, all(fronts, NAP), connections);
}

/** Batches here, against single calls there; and whole batches forwarded there. */
export async function batches(bench: Bench): Promise<void> {
  const [own] = named(bench, 'spillway');
  const peers = named(bench, 'haproxy');
  if (own === undefined) return;
  bench.out(`\n${tableHead()}`);
  for (const calls of [1, 10, 100]) {
    const entries = peers.flatMap((contender) => [
      { contender, work: ADD },
      { contender, work: batch(calls) },
    ]);
    await table(bench, [{ contender: own, work: batch(calls) }, ...entries], 16);
  }
}

/** Each at 80% of its own best rate: connections pause between calls. */
export async function belowSaturation(bench: Bench): Promise<void> {
  const connections = 64;
  const entries: Entry[] = [];
  for (const contender of named(bench, 'spillway', 'haproxy', 'nginx')) {
    const { url } = contender;
    const { callsPerSecond } = await load(bench.dir, ADD, {
      url,
      connections,
      seconds: bench.effort.seconds,
    });
    // In whole milliseconds, which is what wrk knows: so more connections than at saturation, each pausing longer.
    const pauseMs = (4 * connections * 1000) / (callsPerSecond * BELOW_SATURATION);
    entries.push({ contender, work: { ...ADD, name: 'add at 80%' }, pauseMs });
  }
  bench.out(`\n${tableHead()}`);
  await table(bench, entries, 4 * connections);
}

/** The balancer's memory. */
export async function memory(bench: Bench): Promise<void> {
  const [own] = named(bench, 'spillway');
  if (own === undefined) return;
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);
  const { bytesEach, answered } = await whileWaiting(own);
  bench.out(
    `\n10,000 waiting calls: ${(bytesEach / 1024).toFixed(1)} KB each; ${answered} answered afterwards`,
  );
  const { before, half, end, calls } = await afterManyCalls(bench.dir, own);
  bench.out(
    `Resident before the calls ${mb(before)} MB, after half ${mb(half)} MB, after ${calls} ${mb(end)} MB`,
  );
}
