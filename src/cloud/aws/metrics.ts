/** The function's figures, as CloudWatch has them. Each read is paid for, so an answer is kept for a while. */
import {
  GetMetricDataCommand,
  type CloudWatchClient,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';
import type { CloudFigures } from '../backend.ts';
import { faultOf } from './faults.ts';

/** The time the figures are of, in milliseconds. */
const PERIOD_MS = 3_600_000;
/** How long an answer is good, in milliseconds: CloudWatch itself has a new one once a minute. */
const FRESH_MS = 60_000;

/** What is asked for: the field it fills, the metric, and which statistic of it. */
const QUERIES = {
  invocations: ['Invocations', 'Sum'],
  errors: ['Errors', 'Sum'],
  throttles: ['Throttles', 'Sum'],
  maxConcurrent: ['ConcurrentExecutions', 'Maximum'],
  durationP50Ms: ['Duration', 'p50'],
  durationP99Ms: ['Duration', 'p99'],
} as const satisfies Readonly<Record<string, readonly [string, string]>>;

/** How many metrics one read asks for, and pays. */
export const METRICS_READ = Object.keys(QUERIES).length;

/** Reads the figures of a function over the hour before `now` (epoch ms). @throws CloudFault */
export async function readFigures(
  client: CloudWatchClient,
  functionName: string,
  now: number,
): Promise<CloudFigures> {
  const queries: MetricDataQuery[] = Object.entries(QUERIES).map(([id, [MetricName, Stat]]) => ({
    Id: id,
    MetricStat: {
      Metric: {
        Namespace: 'AWS/Lambda',
        MetricName,
        Dimensions: [{ Name: 'FunctionName', Value: functionName }],
      },
      Period: PERIOD_MS / 1000,
      Stat,
    },
  }));
  const command = new GetMetricDataCommand({
    StartTime: new Date(now - PERIOD_MS),
    EndTime: new Date(now),
    ScanBy: 'TimestampDescending',
    MetricDataQueries: queries,
  });
  const answer = await client.send(command).catch((thrown: unknown) => {
    throw faultOf(thrown, "read the function's figures");
  });
  const values = new Map(answer.MetricDataResults?.map(({ Id, Values }) => [Id, Values ?? []]));
  // The hour may lie in two of CloudWatch's periods.
  const sum = (id: keyof typeof QUERIES): number =>
    (values.get(id) ?? []).reduce((total, value) => total + value, 0);
  const most = (id: keyof typeof QUERIES): number | undefined => {
    const found = values.get(id) ?? [];
    return found.length === 0 ? undefined : Math.max(...found);
  };
  const durationP50Ms = most('durationP50Ms');
  const durationP99Ms = most('durationP99Ms');
  return {
    at: now,
    periodMs: PERIOD_MS,
    invocations: sum('invocations'),
    errors: sum('errors'),
    throttles: sum('throttles'),
    maxConcurrent: most('maxConcurrent') ?? 0,
    ...(durationP50Ms !== undefined && { durationP50Ms }),
    ...(durationP99Ms !== undefined && { durationP99Ms }),
  };
}

/** Keeps an answer while it is fresh; askers at the same time share one read. */
export function cachedFigures(
  read: (now: number) => Promise<CloudFigures | undefined>,
): (now: number) => Promise<CloudFigures | undefined> {
  let kept: { readonly at: number; readonly answer: Promise<CloudFigures | undefined> } | undefined;
  return (now) => {
    if (kept === undefined || now - kept.at >= FRESH_MS || now < kept.at) {
      const answer = read(now);
      kept = { at: now, answer };
      // A failed read isn't worth keeping; whoever waits for it hears of it.
      answer.catch(() => {
        kept = undefined;
      });
    }
    return kept.answer;
  };
}
