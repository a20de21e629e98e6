/**
 * The table of all settings: name, default, and how each is read. It is the only list; `.env.example` repeats it for
 * people, and a test keeps the two equal. What may not be combined is in config.ts.
 */
import { isIP } from 'node:net';
import type { ZodType } from 'zod';
import { MAX_TIMEOUT_MS } from './functions/manifest.ts';
import { POLICY_NAMES } from './pool/policies.ts';
import { z } from './zod.ts';

/** Turns a variable's text into a value, and says in `expected` what would have been right. */
interface Reader<T> {
  readonly schema: ZodType<T, string>;
  readonly expected: string;
}

/** One environment variable. */
export interface Setting<T, D extends string | undefined> extends Reader<T> {
  readonly name: string;
  /** As one would write it in the environment; undefined where the setting has none. */
  readonly default: D;
  /** The value is never shown, not even in a fault. */
  readonly secret: boolean;
}

const KIB = 1024;
const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: KIB, m: KIB ** 2, g: KIB ** 3 };
const MIB = KIB ** 2;

function integer(min: number, max: number, unit = ''): Reader<number> {
  const schema = z
    .string()
    .regex(/^(0|[1-9]\d*)$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
  return { schema, expected: `a whole number${unit && ` of ${unit}`} from ${min} to ${max}` };
}

function decimal(min: number, max: number, unit: string): Reader<number> {
  const schema = z
    .string()
    .regex(/^(0|[1-9]\d*)(\.\d+)?$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
  return { schema, expected: `a number of ${unit} from ${min} to ${max}, such as ${Math.max(min, 0.5)}` };
}

/** A count of bytes, with b, k, m or g behind it (also kb, mb, gb), in powers of 1024, as Docker reads them. */
function size(minBytes: number, maxBytes: number, range: string): Reader<number> {
  const schema = z
    .string()
    .regex(/^\d+(b|[kmg]b?)?$/i)
    .transform(
      (text) => parseInt(text, 10) * (SIZE_UNITS[text.replace(/\d/g, '').charAt(0).toLowerCase()] ?? NaN),
    )
    .pipe(z.int().min(minBytes).max(maxBytes));
  return { schema, expected: `a size from ${range}, such as 512m, 6mb or 1048576` };
}

function choice<const T extends string>(...values: readonly [T, ...T[]]): Reader<T> {
  return { schema: z.string().pipe(z.enum(values)), expected: `one of ${values.join(', ')}` };
}

function pattern(regex: RegExp, expected: string): Reader<string> {
  return { schema: z.string().regex(regex), expected };
}

const flag: Reader<boolean> = {
  schema: z
    .string()
    .pipe(z.enum(['true', 'false']))
    .transform((text) => text === 'true'),
  expected: 'true or false',
};

const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/** A dotted name of digits only, such as 1.2.3 or 127.0.0.256, is a mistyped address, not a host name. */
const host: Reader<string> = {
  schema: z.string().refine((text) => isIP(text) !== 0 || (HOST_NAME.test(text) && /[A-Za-z]/.test(text))),
  expected: 'an IP address or a host name, without scheme, port or brackets, such as 127.0.0.1 or ::1',
};

const url: Reader<string> = {
  schema: z
    .string()
    .refine((text) => {
      const parsed = URL.parse(text);
      if (parsed === null || !/^https?:$/.test(parsed.protocol)) return false;
      return parsed.username === '' && parsed.password === '' && parsed.search === '' && parsed.hash === '';
    })
    .transform((text) => text.replace(/\/+$/, '')),
  expected: 'an http or https URL without user, query or fragment, such as http://127.0.0.1:4566',
};

/** What can stand in an HTTP header as one word. */
const TOKEN = /^[\x21-\x7e]+$/;

const keys: Reader<readonly string[]> = {
  schema: z
    .string()
    .transform((text) => text.split(',').map((key) => key.trim()))
    .pipe(z.array(z.string().regex(TOKEN))),
  expected: 'keys of printable ASCII without spaces, with one comma between two of them',
};

const path = pattern(/^[^\0]+$/, 'a path');
const text = pattern(/^[^\0]+$/, 'a text');
const durationMs = integer(0, MAX_TIMEOUT_MS, 'milliseconds');
const port = integer(0, 65_535);

function setting<T>(name: string, reader: Reader<T>): Setting<T, undefined>;
function setting<T>(name: string, reader: Reader<T>, text: string): Setting<T, string>;
function setting<T>(name: string, reader: Reader<T>, text?: string): Setting<T, string | undefined> {
  return { ...reader, name, default: text, secret: false };
}

function secret<T>(name: string, reader: Reader<T>): Setting<T, undefined> {
  return { ...reader, name, default: undefined, secret: true };
}

/** Every setting by its name in Config. */
export const SETTINGS = {
  /** Where the client API listens. */
  host: setting('SPILLWAY_HOST', host, '127.0.0.1'),
  /** 0 takes a free port. */
  port: setting('SPILLWAY_PORT', port, '8080'),
  adminHost: setting('SPILLWAY_ADMIN_HOST', host, '127.0.0.1'),
  /** 0 takes a free port. */
  adminPort: setting('SPILLWAY_ADMIN_PORT', port, '8081'),
  /** The pool's name on labels and containers; undefined: the one kept in the state folder. */
  pool: setting(
    'SPILLWAY_POOL',
    pattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, 'up to 32 letters, digits, _ and -, a letter or digit first'),
  ),
  /** N; the pool has N to 2N workers. */
  workers: setting('SPILLWAY_WORKERS', integer(1, 1000), '2'),
  /** Calls one worker runs at a time (more for functions that declare a concurrency). */
  workerSlots: setting('SPILLWAY_WORKER_SLOTS', integer(1, 64), '1'),
  runtime: setting('SPILLWAY_RUNTIME', choice('auto', 'docker', 'process'), 'auto'),
  /** An image to use as it is; undefined: the balancer builds one. */
  workerImage: setting(
    'SPILLWAY_WORKER_IMAGE',
    pattern(/^[a-z0-9][A-Za-z0-9._:/@-]{0,511}$/, 'an image name, such as spillway-worker:1'),
  ),
  /** The memory limit of one worker, in bytes. */
  workerMemoryBytes: setting(
    'SPILLWAY_WORKER_MEMORY',
    size(64 * MIB, 1024 * KIB ** 3, '64m to 1024g'),
    '512m',
  ),
  /** Cores of one worker; more than the machine has are clamped when it is started. */
  workerCpus: setting('SPILLWAY_WORKER_CPUS', decimal(0.01, 1024, 'cores'), '1'),
  workerNetwork: setting(
    'SPILLWAY_WORKER_NETWORK',
    pattern(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'the name of a Docker network, such as bridge or none'),
    'bridge',
  ),
  /** The folder of the user's functions. */
  functionsDir: setting('SPILLWAY_FUNCTIONS', path, 'handler/functions'),
  /** A file of variables that functions get. */
  functionEnvFile: setting('SPILLWAY_FUNCTION_ENV', path),
  policy: setting('SPILLWAY_POLICY', choice(...POLICY_NAMES), 'round-robin'),
  /** Calls that may wait; 0: a call that finds no free slot is not queued. */
  maxQueue: setting('SPILLWAY_QUEUE', integer(0, 1_000_000, 'calls'), '1000'),
  /** A call's whole time, waiting included, where its function sets none. */
  timeoutMs: setting('SPILLWAY_TIMEOUT_MS', integer(1, MAX_TIMEOUT_MS, 'milliseconds'), '30000'),
  /** How long a stop waits for calls in flight. */
  drainMs: setting('SPILLWAY_DRAIN_MS', durationMs, '5000'),
  /** The longest request, result, and answer to a batch. */
  maxBodyBytes: setting('SPILLWAY_MAX_BODY', size(1, 256 * MIB, '1 byte to 256mb'), '6mb'),
  maxBatch: setting('SPILLWAY_MAX_BATCH', integer(1, 1_000_000, 'calls'), '1000'),
  /** Paused workers kept; undefined here, N in Config. */
  standbys: setting('SPILLWAY_STANDBYS', integer(0, 1000)),
  /** The age at which a standby is removed. */
  standbyMs: setting('SPILLWAY_STANDBY_MS', durationMs, '600000'),
  offload: setting('SPILLWAY_OFFLOAD', choice('threshold', 'predictive', 'never', 'always'), 'predictive'),
  /** The threshold policy offloads a call that would wait, or has waited, this long. */
  offloadWaitMs: setting('SPILLWAY_OFFLOAD_WAIT_MS', durationMs, '50'),
  /** predictive offloads while an hour of saved waiting costs at most this, in US dollars. */
  offloadUsdPerHour: setting(
    'SPILLWAY_OFFLOAD_USD_PER_HOUR',
    decimal(0, 1_000_000, 'US dollars an hour'),
    '10',
  ),
  cloud: setting('SPILLWAY_CLOUD', choice('auto', 'aws', 'off'), 'auto'),
  /** Undefined: the balancer makes a role. What can't be one is told by the cloud, which then stays off: docs/decisions/0020. */
  lambdaRoleArn: setting('SPILLWAY_LAMBDA_ROLE_ARN', text),
  lambdaMemoryMb: setting('SPILLWAY_LAMBDA_MEMORY', integer(128, 10_240, 'megabytes'), '1769'),
  lambdaArchitecture: setting('SPILLWAY_LAMBDA_ARCHITECTURE', choice('arm64', 'x86_64'), 'arm64'),
  /** The data plane's base, without a slash at the end: calls go to BASE/{apiId}/{stage}/{path}. */
  gatewayUrl: setting('SPILLWAY_GATEWAY_URL', url),
  /** US dollars a UTC day. */
  cloudBudgetUsd: setting('SPILLWAY_CLOUD_BUDGET_USD', decimal(0, 1_000_000, 'US dollars'), '1.00'),
  /** A JSON file of prices that replace those of the table in src/cloud/prices.ts. */
  pricesFile: setting('SPILLWAY_PRICES', path),
  /** Write the balancer's own figures to CloudWatch; that is paid for. */
  publishMetrics: setting('SPILLWAY_PUBLISH_METRICS', flag, 'false'),
  /** An alarm in CloudWatch at 80% of the budget; needs the figures there. */
  costAlarm: setting('SPILLWAY_COST_ALARM', flag, 'false'),
  /** Empty in Config: the API is open. */
  apiKeys: secret('SPILLWAY_API_KEYS', keys),
  /** Open without a key on a host that isn't loopback. */
  insecure: setting('SPILLWAY_INSECURE', flag, 'false'),
  /** Clients may force the place with a header. */
  backendChoice: setting('SPILLWAY_BACKEND_CHOICE', flag, 'false'),
  /** Connections start in the fast lane, not in Node's own HTTP server. */
  fastLane: setting('SPILLWAY_FAST_LANE', flag, 'true'),
  /** undefined: the one kept in the state folder. */
  adminToken: secret('SPILLWAY_ADMIN_TOKEN', pattern(TOKEN, 'printable ASCII without spaces')),
  stateDir: setting('SPILLWAY_STATE', path, '.spillway'),
  logLevel: setting(
    'SPILLWAY_LOG_LEVEL',
    choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'info',
  ),
  /** The SDK reads its standard variables itself; these two are also used here. A region that can't be one: see lambdaRoleArn. */
  awsRegion: setting('AWS_REGION', text),
  awsEndpointUrl: setting('AWS_ENDPOINT_URL', url),
  /** Where spans go, if to anywhere. OpenTelemetry's SDK reads these and its other standard variables itself. */
  otlpEndpoint: setting('OTEL_EXPORTER_OTLP_ENDPOINT', text),
  otlpTracesEndpoint: setting('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', text),
};
