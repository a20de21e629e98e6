/** Load from wrk, which costs least of what Debian ships. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Work } from './work.ts';

const run = promisify(execFile);

/** What one run of load showed. Times in milliseconds. */
export interface Measured {
  /** Calls, not requests: a batch holds several. */
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly calls: number;
  /** Wrong answers and connections that failed. */
  readonly errors: number;
}

/** Where to send, over how many kept-alive connections, for how long. */
export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** How long a connection pauses after each answer, in milliseconds: load below saturation. */
  readonly pauseMs?: number;
  /** The body's content type, and the body where it isn't the work's own. */
  readonly type?: string;
  readonly body?: string;
  readonly expected?: string;
}

const SEND = `
local file = io.open("@BODY@", "rb")
wrk.method = "POST"
wrk.headers["content-type"] = "@TYPE@"
wrk.body = file:read("*a")
file:close()
`;

const PAUSE = `
function delay() return @PAUSE@ end
`;

const TIMED = `
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"us":%d,"p50":%d,"p99":%d,"p999":%d,"errors":%d}\\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.status + e.connect + e.read + e.write + e.timeout))
end
`;

/** Looks at every answer. That costs wrk several times what the rest of a request costs it, so it isn't timed. */
const CHECKED = `
local expected = io.open("@EXPECTED@", "rb"):read("*a")
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() wrong = 0 end
function response(status, headers, body)
  local found, from = 0, 1
  while true do
    local first, last = body:find(expected, from, true)
    if first == nil then break end
    found, from = found + 1, last + 1
  end
  if status ~= 200 or found ~= @CALLS@ then wrong = wrong + 1 end
end
function done(summary)
  local bad = 0
  for _, thread in ipairs(threads) do bad = bad + thread:get("wrong") end
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"us":%d,"p50":0,"p99":0,"p999":0,"errors":%d}\\n', summary.requests,
    summary.duration, bad + e.connect + e.read + e.write + e.timeout))
end
`;

/** Calls over and over from one thread; times, and counts HTTP errors. */
export async function load(dir: string, work: Work, options: Load): Promise<Measured> {
  return await wrk(dir, work, TIMED, options);
}

/** The same, but compares every answer with the right one; its times mean nothing. */
export async function check(dir: string, work: Work, options: Load): Promise<Measured> {
  return await wrk(dir, work, CHECKED, options);
}

let scripts = 0;

async function wrk(dir: string, work: Work, ending: string, options: Load): Promise<Measured> {
  const { url, connections, seconds, pauseMs, type = 'application/json' } = options;
  scripts += 1;
  const script = join(dir, `load-${scripts}.lua`);
  const body = join(dir, `body-${scripts}`);
  const expected = join(dir, `expected-${scripts}`);
  writeFileSync(body, options.body ?? work.body);
  writeFileSync(expected, options.expected ?? work.expected);
  const text = `${SEND}${pauseMs === undefined ? '' : PAUSE}${ending}`
    .replace('@BODY@', body)
    .replace('@TYPE@', type)
    .replace('@PAUSE@', String(Math.round(pauseMs ?? 0)))
    .replace('@EXPECTED@', expected)
    .replace('@CALLS@', String(work.calls));
  writeFileSync(script, text);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url];
  const { stdout } = await run('wrk', args);
  const line = stdout.split('\n').find((part) => part.startsWith('RESULT '));
  if (line === undefined) throw new Error(`wrk said nothing of use:\n${stdout}`);
  const raw = JSON.parse(line.slice('RESULT '.length)) as Record<
    'requests' | 'us' | 'p50' | 'p99' | 'p999' | 'errors',
    number
  >;
  const calls = raw.requests * work.calls;
  return {
    callsPerSecond: calls / (raw.us / 1e6),
    p50Ms: raw.p50 / 1000,
    p99Ms: raw.p99 / 1000,
    p999Ms: raw.p999 / 1000,
    calls,
    errors: raw.errors,
  };
}
