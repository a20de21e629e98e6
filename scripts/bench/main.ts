/**
 * npm run bench [-- --quick]: this balancer beside HAProxy and nginx, in turn, in one run. The load and all processes
 * share this machine's cores, so only the ratios mean anything.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haproxy, nginx, spillway, whyNot, type Contender } from './contenders.ts';
import { check, cpuMicroseconds, load, median, residentBytes, type Measured } from './load.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 3 : 5;
const SECONDS = quick ? 2 : 3;
const WARM_UP_SECONDS = 2;
/** How long every answer is looked at, which isn't timed. */
const CHECK_SECONDS = 1;
const CONNECTIONS = [1, 16, 64, 256];
const MEMORY_CALLS = 1_000_000;

const out = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

async function measure(dir: string, contenders: readonly Contender[], connections: number): Promise<void> {
  const runs = new Map<string, (Measured & { cpuUs: number })[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name, url, pids } of contenders) {
      const cpu = (): number => pids.reduce((sum, pid) => sum + cpuMicroseconds(pid), 0);
      const before = cpu();
      const measured = await load(dir, url, connections, SECONDS);
      runs.get(name)?.push({ ...measured, cpuUs: (cpu() - before) / measured.calls });
    }
  }
  const wrong = new Map<string, number>();
  for (const { name, url } of contenders) {
    wrong.set(name, (await check(dir, url, connections, CHECK_SECONDS)).errors);
  }
  const figures = contenders.map(({ name }) => {
    const measured = runs.get(name) ?? [];
    const rates = measured.map((run) => run.callsPerSecond);
    return {
      name,
      rate: median(rates),
      spread: (Math.max(...rates) - Math.min(...rates)) / median(rates),
      p50: median(measured.map((run) => run.p50Ms)),
      p99: median(measured.map((run) => run.p99Ms)),
      cpuUs: median(measured.map((run) => run.cpuUs)),
      errors: measured.reduce((sum, run) => sum + run.errors, wrong.get(name) ?? NaN),
    };
  });
  const [own] = figures;
  for (const { name, rate, spread, p50, p99, cpuUs, errors } of figures) {
    const ratio = own === undefined ? NaN : own.rate / rate;
    const cells = [
      connections,
      name,
      rate.toFixed(0),
      `±${((spread * 100) / 2).toFixed(0)}%`,
      p50.toFixed(2),
    ];
    cells.push(
      p99.toFixed(2),
      cpuUs.toFixed(0),
      errors,
      ratio.toFixed(2),
      ((own?.p50 ?? NaN) / p50).toFixed(2),
    );
    out(`| ${cells.join(' | ')} |`);
  }
}

async function memory(dir: string, contender: Contender): Promise<void> {
  out(`\nResident memory of ${contender.name} (process ${contender.pid}), in MB:`);
  let calls = 0;
  let half: number | undefined;
  out(`  before: ${(residentBytes(contender.pid) / 1e6).toFixed(0)}`);
  while (calls < MEMORY_CALLS) {
    calls += (await load(dir, contender.url, 64, 5)).calls;
    if (calls >= MEMORY_CALLS / 2) half ??= residentBytes(contender.pid);
  }
  const end = residentBytes(contender.pid);
  out(`  after half a million calls: ${((half ?? end) / 1e6).toFixed(0)}`);
  out(`  after ${calls} calls: ${(end / 1e6).toFixed(0)}`);
}

const dir = mkdtempSync(join(tmpdir(), 'spw-bench-'));
const contenders: Contender[] = [];
try {
  const missing = whyNot('wrk');
  if (missing !== undefined) throw new Error(missing);
  contenders.push(await spillway(dir));
  for (const [program, start] of [
    ['haproxy', haproxy],
    ['nginx', nginx],
  ] as const) {
    const why = whyNot(program);
    if (why === undefined) contenders.push(await start(dir));
    else out(`left out: ${why}`);
  }
  for (const { url } of contenders) await load(dir, url, 64, WARM_UP_SECONDS);
  if (!quick) for (const contender of contenders.slice(0, 1)) await memory(dir, contender);
  out(
    `\nadd, ${ROUNDS} rounds of ${SECONDS} s each in turn; medians. Ratios are spillway's over the row's.\n`,
  );
  out(
    '| connections | front | calls/s | spread | p50 ms | p99 ms | CPU µs a call | errors | rate ratio | p50 ratio |',
  );
  out('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const connections of CONNECTIONS) await measure(dir, contenders, connections);
} finally {
  await Promise.all(contenders.map((contender) => contender.stop()));
  rmSync(dir, { recursive: true, force: true });
}
