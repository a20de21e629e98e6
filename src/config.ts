/**
 * Environment variables in, one checked Config out, or every fault at once. Pure: nothing is opened or resolved here.
 */
import { BlockList, isIP } from 'node:net';
import { SETTINGS, type Setting } from './settings.ts';

type Values = {
  -readonly [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer T, infer D>
    ? D extends string
      ? T
      : T | undefined
    : never;
};

/** The checked settings. Units stand in the names; the comments are at SETTINGS. */
export type Config = Readonly<
  Omit<Values, 'standbys' | 'apiKeys'> & {
    standbys: number;
    /** Whether `standbys` was set; else it is N, and follows N. */
    standbysSet: boolean;
    apiKeys: readonly string[];
  }
>;

/** The settings can't be used. `faults` has one line for each fault, none of which shows a secret. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

/**
 * Reads the settings; an empty variable counts as unset.
 * @throws ConfigFault with every fault, if there is one.
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const faults = unknownSettings(env);
  const values: Record<string, unknown> = {};
  for (const [field, entry] of Object.entries(SETTINGS)) {
    const text = env[entry.name] || entry.default;
    if (text === undefined) {
      values[field] = undefined;
      continue;
    }
    const parsed = entry.schema.safeParse(text);
    if (parsed.success) values[field] = parsed.data;
    else
      faults.push(
        `${entry.name} ${entry.secret ? 'has a faulty value' : `is ${quote(text)}`}; use ${entry.expected}`,
      );
  }
  // A field that is absent here had a fault, so the combinations below look at what is there.
  const read = values as Partial<Values>;
  faults.push(...combinedFaults(read));
  if (faults.length > 0) throw new ConfigFault(faults);
  const complete = read as Values;
  return {
    ...complete,
    standbys: complete.standbys ?? complete.workers,
    standbysSet: complete.standbys !== undefined,
    apiKeys: complete.apiKeys ?? [],
  };
}

/** Faults that no setting has alone. */
function combinedFaults(read: Partial<Values>): string[] {
  const faults: string[] = [];
  const { host, port, adminHost, adminPort, workers, standbys } = read;
  const open = 'apiKeys' in read && read.apiKeys === undefined && read.insecure === false;
  if (open && host !== undefined && !isLoopback(host)) {
    faults.push(
      `SPILLWAY_HOST is ${quote(host)}, which other machines can reach, and there are no keys; ` +
        'set SPILLWAY_API_KEYS, or SPILLWAY_INSECURE=true to stay open',
    );
  }
  if (
    port !== undefined &&
    port !== 0 &&
    port === adminPort &&
    host &&
    adminHost &&
    overlap(host, adminHost)
  ) {
    faults.push(`SPILLWAY_PORT and SPILLWAY_ADMIN_PORT are both "${port}"; use two different ports`);
  }
  if (read.costAlarm === true && read.publishMetrics === false) {
    faults.push(
      'SPILLWAY_COST_ALARM is "true", and the alarm watches figures that are not written; set SPILLWAY_PUBLISH_METRICS=true too',
    );
  }
  if (standbys !== undefined && workers !== undefined && standbys > workers) {
    faults.push(
      `SPILLWAY_STANDBYS is "${standbys}"; use at most SPILLWAY_WORKERS (${workers}), no more are ever scaled in`,
    );
  }
  return faults;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family === 0
    ? host.toLowerCase() === 'localhost'
    : LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/** True if listening on the same port of both would fail. */
export function overlap(a: string, b: string): boolean {
  const all = (host: string): boolean => host === '0.0.0.0' || host === '::';
  return a === b || all(a) || all(b) || (isLoopback(a) && isLoopback(b));
}

const LONGEST_QUOTE = 80;

function quote(text: string): string {
  // A URL may carry a password.
  const shown = text.replace(/\/\/.*@/, '//…@');
  return JSON.stringify(shown.length > LONGEST_QUOTE ? `${shown.slice(0, LONGEST_QUOTE)}…` : shown);
}

/** Variables that look like ours and are not. Their values may be secrets under a mistyped name, so they stay unsaid. */
function unknownSettings(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = Object.values(SETTINGS).map((entry) => entry.name);
  return Object.keys(env)
    .filter((name) => /^spillway_/i.test(name) && env[name] && !known.includes(name))
    .sort()
    .map((name) => `${name} is not a setting; ${suggestion(name, known)}`);
}

function suggestion(name: string, known: readonly string[]): string {
  const near = known
    .map((candidate) => ({ candidate, edits: editDistance(name.toUpperCase(), candidate) }))
    .sort((a, b) => a.edits - b.edits)[0];
  const likely = near !== undefined && near.edits <= MAX_EDITS;
  return likely ? `did you mean ${near.candidate}?` : 'the settings are listed in .env.example';
}

/** Beyond this many changed letters a suggestion misleads more than it helps. */
const MAX_EDITS = 4;

/** Letters to insert, remove or replace to get from `a` to `b` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let index = 0; index < a.length; index++) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (a[index] === b[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
