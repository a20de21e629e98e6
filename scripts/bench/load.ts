/** Load from wrk, which costs least of what Debian ships, and what the kernel says a process used. */
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ADD } from './contenders.ts';

const run = promisify(execFile);

/** What one run of load showed. Times in milliseconds. */
export interface Measured {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly calls: number;
  /** Wrong answers and connections that failed. */
  readonly errors: number;
}

const CALL = `
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '${ADD}'
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {"calls":%d,"us":%d,"p50":%d,"p99":%d,"errors":%d}\\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
`;

/** Looks at every answer. That costs wrk several times what the rest of a request costs it, so it isn't timed. */
const CHECKED_CALL = `${CALL}
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() wrong = 0 end
function response(status, headers, body)
  if status ~= 200 or body:find('"result":42', 1, true) == nil then wrong = wrong + 1 end
end
function done(summary)
  local bad = 0
  for _, thread in ipairs(threads) do bad = bad + thread:get("wrong") end
  local e = summary.errors
  io.write(string.format('RESULT {"calls":%d,"us":%d,"p50":0,"p99":0,"errors":%d}\\n', summary.requests,
    summary.duration, bad + e.connect + e.read + e.write + e.timeout))
end
`;

/** Calls `url` over `connections` kept-alive connections for `seconds`, from one thread; times, and counts HTTP errors. */
export async function load(
  dir: string,
  url: string,
  connections: number,
  seconds: number,
): Promise<Measured> {
  return await wrk(dir, 'call.lua', CALL, url, connections, seconds);
}

/** The same, but compares every answer with the right one; its times mean nothing. */
export async function check(
  dir: string,
  url: string,
  connections: number,
  seconds: number,
): Promise<Measured> {
  return await wrk(dir, 'checked-call.lua', CHECKED_CALL, url, connections, seconds);
}

async function wrk(
  dir: string,
  name: string,
  text: string,
  url: string,
  connections: number,
  seconds: number,
): Promise<Measured> {
  const script = join(dir, name);
  writeFileSync(script, text);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url];
  const { stdout } = await run('wrk', args);
  const line = stdout.split('\n').find((part) => part.startsWith('RESULT '));
  if (line === undefined) throw new Error(`wrk said nothing of use:\n${stdout}`);
  const raw = JSON.parse(line.slice('RESULT '.length)) as Record<
    'calls' | 'us' | 'p50' | 'p99' | 'errors',
    number
  >;
  return {
    callsPerSecond: raw.calls / (raw.us / 1e6),
    p50Ms: raw.p50 / 1000,
    p99Ms: raw.p99 / 1000,
    calls: raw.calls,
    errors: raw.errors,
  };
}

/** Resident memory of a process, in bytes (Linux). */
export function residentBytes(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((text) => text.startsWith('VmRSS'));
  return Number(line?.replace(/\D/g, '')) * 1024;
}

/** CPU time of a process and of all it started that still run, in microseconds (Linux). */
export function cpuMicroseconds(pid: number): number {
  const stats = new Map<number, { parent: number; ticks: number }>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const text = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // The name before the last bracket may hold spaces.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      stats.set(Number(entry), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) });
    } catch {
      // It ended meanwhile.
    }
  }
  const own = (id: number): number => {
    let ticks = stats.get(id)?.ticks ?? 0;
    for (const [child, { parent }] of stats) if (parent === id) ticks += own(child);
    return ticks;
  };
  return own(pid) * TICK_MICROSECONDS;
}

/** Linux counts CPU time in hundredths of a second. */
const TICK_MICROSECONDS = 10_000;

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
