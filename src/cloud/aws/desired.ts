/** What should be there in AWS for one pool: names, tags and every setting, derived from the options alone. Pure. */
import { cheapestNanoUsd, pricesOf, type Prices, type Rate } from '../prices.ts';

/** How the cloud is to be set up. */
export interface AwsOptions {
  readonly pool: string;
  readonly region: string;
  /** The control plane's URL, for emulators. */
  readonly endpoint?: string | undefined;
  /** The data plane's base, for emulators: calls go to BASE/{apiId}/{stage}/{path}. */
  readonly gatewayUrl?: string | undefined;
  /** An execution role to use as it is. */
  readonly roleArn?: string | undefined;
  readonly memoryMb: number;
  readonly architecture: 'arm64' | 'x86_64';
  /** US dollars a UTC day. */
  readonly budgetUsd: number;
  /** The variables that functions get. */
  readonly functionEnv: Readonly<Record<string, string>>;
  readonly prices?: Partial<Prices> | undefined;
  /** Write the balancer's own figures to CloudWatch. */
  readonly publishMetrics?: boolean | undefined;
  /** Set an alarm on the cost of a day; needs publishMetrics. */
  readonly costAlarm?: boolean | undefined;
}

/** What the code is, as far as a deployment needs it. */
export interface DesiredCode {
  readonly bundleHash: string;
  readonly zip: Uint8Array;
  /** SHA-256 of the zip in base64. */
  readonly zipSha256: string;
}

/** Names of everything in AWS that belongs to one pool. */
export interface Names {
  /** Of the function, the API, the key, the usage plan. */
  readonly base: string;
  /** Of the copy of the function that a calibration makes and removes. */
  readonly twin: string;
  /** Roles are named across all regions, so the region stands in it. */
  readonly role: string;
  readonly rolePolicy: string;
  readonly logGroup: string;
  readonly stage: string;
  readonly path: string;
  readonly statement: string;
  readonly alarm: string;
}

/** The target state of a deployment. */
export interface Desired {
  readonly options: AwsOptions;
  readonly names: Names;
  readonly tags: Readonly<Record<string, string>>;
  readonly code: DesiredCode;
  readonly runtime: 'nodejs24.x';
  readonly handler: string;
  readonly timeoutS: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly logRetentionDays: number;
  readonly integrationTimeoutMs: number;
  readonly throttle: { readonly rateLimit: number; readonly burstLimit: number };
  /** Calls a day that the usage plan lets through: no more could be paid for, however cheap they were. */
  readonly quotaPerDay: number;
  /** US dollars a day that set off the alarm; undefined: no alarm. */
  readonly alarmUsd: number | undefined;
}

/** Longer than the handler may run, shorter than the gateway waits. Whole seconds, as Lambda has it. */
const FUNCTION_TIMEOUT_S = 29;
/** The gateway's longest, in milliseconds. */
const INTEGRATION_TIMEOUT_MS = 29_000;
const LOG_RETENTION_DAYS = 14;
/** Calls a second: Lambda's usual account limit is 1000 at a time; beyond it a call would only be refused later. */
const THROTTLE = { rateLimit: 1000, burstLimit: 1000 } as const;
/** The part of the budget at which the alarm goes off. */
const ALARM_SHARE = 0.8;
const NANO = 1e9;

/** The tag that says whose it is; nothing without it is ever changed or removed. */
export const POOL_TAG = 'spillway.pool';
export const BUNDLE_TAG = 'spillway.bundle';

/** The names of a pool's things. A pool's name has at most 32 characters, and AWS allows 64 for a function and a role. */
export function namesOf(pool: string, region: string): Names {
  const base = `spillway-${pool}`;
  return {
    base,
    // No pool's name begins with a dash, so no pool's function is named like this.
    twin: `spillway--calibrate-${pool}`,
    role: `${base}-${region}`,
    rolePolicy: 'spillway-logs',
    logGroup: `/aws/lambda/${base}`,
    stage: 'v1',
    path: 'call',
    statement: 'spillway-gateway',
    alarm: `${base}-cost`,
  };
}

/** What the options and the code ask for. */
export function desiredOf(options: AwsOptions, code: DesiredCode, handler: string): Desired {
  return {
    options,
    names: namesOf(options.pool, options.region),
    tags: { [POOL_TAG]: options.pool, [BUNDLE_TAG]: code.bundleHash },
    code,
    runtime: 'nodejs24.x',
    handler,
    timeoutS: FUNCTION_TIMEOUT_S,
    // In one variable: so functions may have names that Lambda reserves, AWS_REGION for one, as they may in a worker.
    environment: { SPILLWAY_FUNCTION_ENV: JSON.stringify(options.functionEnv) },
    logRetentionDays: LOG_RETENTION_DAYS,
    integrationTimeoutMs: INTEGRATION_TIMEOUT_MS,
    throttle: THROTTLE,
    quotaPerDay: Math.max(1, Math.floor((options.budgetUsd * NANO) / cheapestNanoUsd(rateOf(options)))),
    alarmUsd: options.costAlarm === true ? options.budgetUsd * ALARM_SHARE : undefined,
  };
}

/** What a call costs under these options. */
export function rateOf(options: AwsOptions): Rate {
  const { prices } = pricesOf(options.region, options.prices);
  return { prices, memoryMb: options.memoryMb, architecture: options.architecture };
}

/** The policy that lets the function write its own log, and nothing else. */
export function logPolicy(names: Names, region: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: `arn:${partitionOf(region)}:logs:${region}:*:log-group:${names.logGroup}:*`,
      },
    ],
  });
}

/** The first field of every ARN in a region. */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** The policy that lets Lambda take on the role. */
export function trustPolicy(): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
    ],
  });
}

/** Where calls go. */
export function callUrl(options: AwsOptions, names: Names, apiId: string): string {
  const base =
    options.gatewayUrl ??
    (options.endpoint === undefined ? undefined : `${options.endpoint}/_aws/execute-api`);
  const way = `${names.stage}/${names.path}`;
  if (base !== undefined) return `${base.replace(/\/+$/, '')}/${apiId}/${way}`;
  const suffix = options.region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return `https://${apiId}.execute-api.${options.region}.${suffix}/${way}`;
}
