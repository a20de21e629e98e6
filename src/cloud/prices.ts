/**
 * What a call in the cloud costs. Pure. All sums are whole nano-dollars (1e-9 USD), each rounded up: a bill may be
 * smaller than the ledger says, never larger.
 *
 * Prices are AWS's list prices of the first tier, without the free tier, as of PRICES_AS_OF; sources:
 * aws.amazon.com/lambda/pricing, /api-gateway/pricing, /cloudwatch/pricing, /ec2/pricing/on-demand (data transfer).
 */
import type { infer as Inferred } from 'zod';
import { ABORT_GRACE_MS, MAX_LOG_BYTES, MAX_PAYLOAD_BYTES, MAX_RUN_MS } from './event.ts';
import { MAX_PRINTS_CHARACTERS } from './prints.ts';
import { z } from '../zod.ts';

/** The month the table below is of. */
export const PRICES_AS_OF = '2025-11';

const price = z.number().min(0).max(1_000_000);

const pricesSchema = z.strictObject({
  lambdaGbSecondX86Usd: price,
  lambdaGbSecondArmUsd: price,
  lambdaMillionRequestsUsd: price,
  gatewayMillionRequestsUsd: price,
  /** From the region to the internet. */
  transferOutGbUsd: price,
  logIngestGbUsd: price,
  /** GetMetricData, for each metric asked for. */
  thousandMetricsReadUsd: price,
  /** PutMetricData and other CloudWatch requests. */
  thousandMetricRequestsUsd: price,
  /** A metric of one's own, for each month in which it was written. */
  customMetricMonthUsd: price,
  alarmMonthUsd: price,
});

/** Prices in one region, in US dollars. */
export type Prices = Readonly<Inferred<typeof pricesSchema>>;

const BASE: Prices = {
  lambdaGbSecondX86Usd: 0.0000166667,
  lambdaGbSecondArmUsd: 0.0000133334,
  lambdaMillionRequestsUsd: 0.2,
  gatewayMillionRequestsUsd: 3.5,
  transferOutGbUsd: 0.09,
  logIngestGbUsd: 0.5,
  thousandMetricsReadUsd: 0.01,
  thousandMetricRequestsUsd: 0.01,
  customMetricMonthUsd: 0.3,
  alarmMonthUsd: 0.1,
};

/**
 * Each region by what differs there from BASE. Lambda costs the same in all of these. Where a source gave a range, the
 * upper end stands here.
 */
const REGIONS: Readonly<Record<string, Partial<Prices>>> = {
  'us-east-1': {},
  'us-east-2': {},
  'us-west-1': { logIngestGbUsd: 0.6 },
  'us-west-2': {},
  'ca-central-1': { logIngestGbUsd: 0.55 },
  'eu-west-1': { logIngestGbUsd: 0.57 },
  'eu-west-2': { logIngestGbUsd: 0.6 },
  'eu-west-3': { gatewayMillionRequestsUsd: 3.7, logIngestGbUsd: 0.6 },
  'eu-north-1': { logIngestGbUsd: 0.57 },
  'eu-central-1': { gatewayMillionRequestsUsd: 3.7, logIngestGbUsd: 0.63 },
  'ap-south-1': { transferOutGbUsd: 0.11, logIngestGbUsd: 0.67 },
  'ap-southeast-1': { gatewayMillionRequestsUsd: 4.25, transferOutGbUsd: 0.12, logIngestGbUsd: 0.7 },
  'ap-southeast-2': { transferOutGbUsd: 0.114, logIngestGbUsd: 0.67 },
  'ap-northeast-1': { gatewayMillionRequestsUsd: 4.25, transferOutGbUsd: 0.114, logIngestGbUsd: 0.76 },
  'ap-northeast-2': { transferOutGbUsd: 0.126, logIngestGbUsd: 0.76 },
};

/** A region that isn't listed is reckoned dearer than any AWS has: the bill must not surprise. */
const DEAREST: Prices = {
  ...BASE,
  lambdaGbSecondX86Usd: 0.000023,
  lambdaGbSecondArmUsd: 0.0000184,
  lambdaMillionRequestsUsd: 0.28,
  gatewayMillionRequestsUsd: 6,
  transferOutGbUsd: 0.155,
  logIngestGbUsd: 1,
};

/** The prices of a region; `known` is false where the dearest are taken instead. */
export function pricesOf(
  region: string,
  override: Partial<Prices> = {},
): { readonly prices: Prices; readonly known: boolean } {
  const differing = Object.hasOwn(REGIONS, region) ? REGIONS[region] : undefined;
  const prices = { ...(differing === undefined ? DEAREST : { ...BASE, ...differing }), ...override };
  return { prices, known: differing !== undefined };
}

/**
 * Reads prices that replace some of the table's: a JSON object with names of Prices.
 * @throws Error naming the first fault; the text is for the operator.
 */
export function parsePrices(json: string): Partial<Prices> {
  const parsed = pricesSchema.partial().safeParse(JSON.parse(json));
  if (!parsed.success) throw new Error(`the prices are not valid: ${z.prettifyError(parsed.error)}`);
  return Object.fromEntries(Object.entries(parsed.data).filter(([, value]) => value !== undefined));
}

/** What Lambda runs: its memory, in megabytes, sets the price of a millisecond. */
export interface Rate {
  readonly prices: Prices;
  readonly memoryMb: number;
  readonly architecture: 'x86_64' | 'arm64';
}

/** One call, as far as it is paid for. */
export interface Usage {
  readonly billedMs: number;
  /** The result, and the header with what the call printed. */
  readonly resultBytes: number;
  readonly logBytes: number;
}

const NANO = 1e9;
const MB_A_GB = 1024;
const BYTES_A_GB = 1e9;

/** Lambda's START, END and REPORT lines, in bytes; measured at 260 to 330. */
const PLATFORM_LOG_BYTES = 400;
/** Status line and headers of an answer, in bytes. */
const RESPONSE_HEAD_BYTES = 700;
/** What the handler itself says of a call that is cut off, or ends its process, in bytes. */
const LAST_LINES_BYTES = 500;
/** The init phase ends after 10 s, and is paid for. */
const MAX_INIT_MS = 10_000;
/** From the end of grace to the end of the process, in milliseconds. */
const KILL_MARGIN_MS = 500;

/**
 * The price of one call that ran, in nano-dollars:
 * GB × seconds × rate + a Lambda request + a gateway request + bytes out + bytes of log.
 */
export function callNanoUsd(rate: Rate, usage: Usage): number {
  const { prices, memoryMb, architecture } = rate;
  const gbSecond = architecture === 'arm64' ? prices.lambdaGbSecondArmUsd : prices.lambdaGbSecondX86Usd;
  const gbSeconds = (memoryMb / MB_A_GB) * (Math.ceil(usage.billedMs) / 1000);
  const requests = (prices.lambdaMillionRequestsUsd + prices.gatewayMillionRequestsUsd) / 1e6;
  const out = ((usage.resultBytes + RESPONSE_HEAD_BYTES) / BYTES_A_GB) * prices.transferOutGbUsd;
  const log = ((usage.logBytes + PLATFORM_LOG_BYTES) / BYTES_A_GB) * prices.logIngestGbUsd;
  return Math.ceil((gbSeconds * gbSecond + requests + out + log) * NANO);
}

/** The most that one call can cost which has `remainingMs` left, in nano-dollars: a cold start, the whole time, the longest answer and log. */
export function worstNanoUsd(rate: Rate, remainingMs: number): number {
  const billedMs = Math.min(remainingMs, MAX_RUN_MS) + ABORT_GRACE_MS + KILL_MARGIN_MS + MAX_INIT_MS;
  const resultBytes = MAX_PAYLOAD_BYTES + MAX_PRINTS_CHARACTERS;
  return callNanoUsd(rate, { billedMs, resultBytes, logBytes: MAX_LOG_BYTES + LAST_LINES_BYTES });
}

/** The least that a call can cost, in nano-dollars. */
export function cheapestNanoUsd(rate: Rate): number {
  return callNanoUsd(rate, { billedMs: 1, resultBytes: 0, logBytes: 0 });
}

/** The price of a request that the gateway took but that never reached the function, in nano-dollars. */
export function refusedNanoUsd(rate: Rate): number {
  return Math.ceil((rate.prices.gatewayMillionRequestsUsd / 1e6) * NANO);
}

/** The price of asking CloudWatch for `metrics` metrics once, in nano-dollars. */
export function readMetricsNanoUsd(prices: Prices, metrics: number): number {
  return Math.ceil((metrics * prices.thousandMetricsReadUsd * NANO) / 1000);
}

/** The price of one PutMetricData request, in nano-dollars, without that of the metrics themselves. */
export function writeMetricsNanoUsd(prices: Prices): number {
  return Math.ceil((prices.thousandMetricRequestsUsd * NANO) / 1000);
}

/**
 * What `metrics` metrics of one's own and `alarms` alarms cost a minute, in nano-dollars: AWS prorates the month by the
 * hour, and a short month makes the dearest hour.
 */
export function minuteNanoUsd(prices: Prices, metrics: number, alarms: number): number {
  const SHORTEST_MONTH_MINUTES = 28 * 24 * 60;
  return Math.ceil(
    ((metrics * prices.customMetricMonthUsd + alarms * prices.alarmMonthUsd) * NANO) / SHORTEST_MONTH_MINUTES,
  );
}
