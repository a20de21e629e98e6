/** Writes the balancer's own figures to CloudWatch, a minute's worth at a time. Off unless a setting asks for it. */
import type { MetricDatum, PutMetricDataInput } from '@aws-sdk/client-cloudwatch';
import type { Logger } from 'pino';
import type { BalancerFigures } from '../backend.ts';
import type { Ledger } from '../ledger.ts';
import { minuteNanoUsd, writeMetricsNanoUsd, type Prices } from '../prices.ts';
import { faultOf } from './faults.ts';
import { COST_METRIC, METRIC_NAMESPACE, poolDimension } from './metric-names.ts';

/** What is written: the balancer's sample, and what the ledger says. */
export interface PublishedFigures extends BalancerFigures {
  readonly costTodayUsd: number;
}

/** The names under which they are written: each is paid for by the month. */
const METRICS = {
  load: ['Load', 'Count'],
  workers: ['Workers', 'Count'],
  offloaded: ['Offloaded', 'Count'],
  costTodayUsd: [COST_METRIC, 'None'],
} as const satisfies Readonly<
  Record<keyof PublishedFigures, readonly [string, MetricDatum['Unit'] & string]>
>;

const METRICS_PUBLISHED = Object.keys(METRICS).length;

/** What is known of one figure over a batch; CloudWatch makes mean, sum and extremes of it. */
interface Statistics {
  count: number;
  sum: number;
  min: number;
  max: number;
}

/** A request with a minute's figures, as plain data. */
export type PublishedBatch = PutMetricDataInput;

/** Gathers samples, and hands a minute of them over as one request. */
class MetricBatch {
  #figures = new Map<keyof PublishedFigures, Statistics>();

  add(sample: PublishedFigures): void {
    for (const name of Object.keys(METRICS) as (keyof PublishedFigures)[]) {
      const value = sample[name];
      const known = this.#figures.get(name);
      if (known === undefined) {
        this.#figures.set(name, { count: 1, sum: value, min: value, max: value });
      } else {
        known.count += 1;
        known.sum += value;
        known.min = Math.min(known.min, value);
        known.max = Math.max(known.max, value);
      }
    }
  }

  /** The request for everything gathered, and a new start; undefined if there is nothing. */
  take(pool: string, now: number): PublishedBatch | undefined {
    if (this.#figures.size === 0) return undefined;
    const data = [...this.#figures].map(([name, { count, sum, min, max }]): MetricDatum => {
      const [MetricName, Unit] = METRICS[name];
      return {
        MetricName,
        Unit,
        Timestamp: new Date(now),
        Dimensions: [poolDimension(pool)],
        StatisticValues: { SampleCount: count, Sum: sum, Minimum: min, Maximum: max },
      };
    });
    this.#figures = new Map();
    return { Namespace: METRIC_NAMESPACE, MetricData: data };
  }
}

/** How many samples' time goes into one request, in milliseconds. */
const BATCH_MS = 60_000;

/** Where the figures go, and who pays. */
export interface PublishTarget {
  /** Sends a batch. */
  readonly publish: (batch: PublishedBatch) => Promise<void>;
  readonly ledger: Ledger;
  readonly prices: Prices;
  readonly pool: string;
  /** Alarms that stand on these figures; they are paid for alike. */
  readonly alarms: number;
}

/** Sends a batch each minute. Never on the call path: whoever gives a sample doesn't wait. */
export class Publisher {
  readonly #log: Logger;
  readonly #batch = new MetricBatch();
  #batchStart: number | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Takes a sample at `now` (epoch ms). A batch that can't be paid for is dropped. */
  record(sample: PublishedFigures, now: number, target: PublishTarget): void {
    this.#batchStart ??= now;
    this.#batch.add(sample);
    if (now - this.#batchStart < BATCH_MS) return;
    this.#batchStart = now;
    const batch = this.#batch.take(target.pool, now);
    const { prices, alarms } = target;
    const priceNano = writeMetricsNanoUsd(prices) + minuteNanoUsd(prices, METRICS_PUBLISHED, alarms);
    if (batch === undefined || !target.ledger.charge('publish figures', priceNano, now)) return;
    // Figures aren't worth a retry: the next minute brings new ones.
    this.#sending = target.publish(batch).catch((thrown: unknown) => {
      this.#log.warn(`cloud: ${faultOf(thrown, "write the balancer's figures").message}`);
    });
  }

  /** Settles when nothing is being sent. */
  async idle(): Promise<void> {
    await this.#sending;
  }
}
