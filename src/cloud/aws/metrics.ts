/** Figures in CloudWatch: reads the function's, writes the balancer's. */
import {
  GetMetricDataCommand,
  PutMetricDataCommand,
  type CloudWatchClient,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';
import type { CloudFigures } from '../backend.ts';
import { faultOf } from './faults.ts';
import type { FIGURES_READ } from './figures.ts';
import type { PublishedBatch } from './publish.ts';

/** The time the figures are of, in milliseconds. */
const PERIOD_MS = 3_600_000;
type FigureId = (typeof FIGURES_READ)[number];

/** What is asked for: the field it fills, the metric, and which statistic of it. */
const QUERIES = {
  invocations: ['Invocations', 'Sum'],
  errors: ['Errors', 'Sum'],
  throttles: ['Throttles', 'Sum'],
  maxConcurrent: ['ConcurrentExecutions', 'Maximum'],
  durationP50Ms: ['Duration', 'p50'],
  durationP99Ms: ['Duration', 'p99'],
} as const satisfies Readonly<Record<FigureId, readonly [string, string]>>;

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

/** Writes a batch of the balancer's own figures. @throws CloudFault */
export async function writeFigures(client: CloudWatchClient, batch: PublishedBatch): Promise<void> {
  await client.send(new PutMetricDataCommand(batch)).catch((thrown: unknown) => {
    throw faultOf(thrown, "write the balancer's figures");
  });
}
