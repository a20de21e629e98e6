import { CloudWatchClient, GetMetricDataCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { mockClient } from 'aws-sdk-client-mock';
import { pino } from 'pino';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { cachedFigures } from '../../../../src/cloud/aws/figures.ts';
import { readFigures, writeFigures } from '../../../../src/cloud/aws/metrics.ts';
import { Publisher, type PublishedBatch } from '../../../../src/cloud/aws/publish.ts';
import { Ledger } from '../../../../src/cloud/ledger.ts';
import { minuteNanoUsd, pricesOf } from '../../../../src/cloud/prices.ts';

const NOW = Date.UTC(2026, 10, 21, 12);
const mock = mockClient(CloudWatchClient);
const client = new CloudWatchClient({ region: 'eu-central-1' });

beforeEach(() => {
  mock.reset();
});

describe("the function's figures", () => {
  it('are read in one request, over the last hour', async () => {
    mock.on(GetMetricDataCommand).resolves({
      MetricDataResults: [
        { Id: 'invocations', Values: [7, 5] },
        { Id: 'errors', Values: [1] },
        { Id: 'throttles', Values: [] },
        { Id: 'maxConcurrent', Values: [2, 3] },
        { Id: 'durationP50Ms', Values: [12.5] },
      ],
    });
    expect(await readFigures(client, 'spillway-p1', NOW)).toEqual({
      at: NOW,
      periodMs: 3_600_000,
      invocations: 12,
      errors: 1,
      throttles: 0,
      maxConcurrent: 3,
      durationP50Ms: 12.5,
    });
    const [call] = mock.commandCalls(GetMetricDataCommand);
    const { StartTime, EndTime, MetricDataQueries } = call!.args[0].input;
    expect(EndTime!.getTime() - StartTime!.getTime()).toBe(3_600_000);
    expect(
      MetricDataQueries!.map(({ MetricStat }) => `${MetricStat!.Metric!.MetricName!} ${MetricStat!.Stat!}`),
    ).toEqual([
      'Invocations Sum',
      'Errors Sum',
      'Throttles Sum',
      'ConcurrentExecutions Maximum',
      'Duration p50',
      'Duration p99',
    ]);
    expect(mock.calls()).toHaveLength(1);
  });

  it('are told in one line when they can’t be read', async () => {
    mock.on(GetMetricDataCommand).rejects(Object.assign(new Error('no'), { name: 'AccessDenied' }));
    await expect(readFigures(client, 'f', NOW)).rejects.toThrow(
      /^can't read the function's figures: no; give these credentials/,
    );
  });

  it('are kept for a minute, and shared by those who ask at once', async () => {
    const read = vi.fn((at: number) => Promise.resolve({ at } as never));
    const figures = cachedFigures(read);
    await Promise.all([figures(NOW), figures(NOW + 59_999)]);
    expect(read).toHaveBeenCalledTimes(1);
    await figures(NOW + 60_000);
    expect(read).toHaveBeenCalledTimes(2);
  });

  it('are asked for again a minute after a failure, and not before: a failure is paid for as well', async () => {
    const read = vi
      .fn<(at: number) => Promise<undefined>>()
      .mockRejectedValueOnce(new Error('no'))
      .mockResolvedValue(undefined);
    const figures = cachedFigures(read);
    await expect(figures(NOW)).rejects.toThrow('no');
    await expect(figures(NOW + 59_999)).rejects.toThrow('no');
    expect(read).toHaveBeenCalledTimes(1);
    await figures(NOW + 60_000);
    expect(read).toHaveBeenCalledTimes(2);
  });
});

describe("the balancer's figures", () => {
  const { prices } = pricesOf('eu-central-1');
  const store = { append: async () => undefined, close: async () => undefined };
  const ledger = (budgetNano: number): Ledger =>
    new Ledger(budgetNano, { nextId: 1, days: new Map(), unsettled: 0 }, store);
  const sample = { load: 2, workers: 3, offloaded: 1, costTodayUsd: 0.25 };

  it('are written once a minute, as statistics of all samples, and paid for', async () => {
    const money = ledger(1e9);
    const publisher = new Publisher(pino({ level: 'silent' }));
    const target = {
      publish: (batch: PublishedBatch) => writeFigures(client, batch),
      ledger: money,
      prices,
      pool: 'p1',
      alarms: 0,
    };
    for (let second = 0; second <= 60; second++) {
      publisher.record({ ...sample, load: second }, NOW + second * 1000, target);
    }
    await publisher.idle();
    const [call, ...more] = mock.commandCalls(PutMetricDataCommand);
    expect(more).toEqual([]);
    const { Namespace, MetricData } = call!.args[0].input;
    expect(Namespace).toBe('Spillway');
    expect(MetricData![0]).toMatchObject({
      MetricName: 'Load',
      Dimensions: [{ Name: 'Pool', Value: 'p1' }],
      StatisticValues: { SampleCount: 61, Sum: 1830, Minimum: 0, Maximum: 60 },
    });
    expect(MetricData!.map(({ MetricName }) => MetricName)).toEqual([
      'Load',
      'Workers',
      'Offloaded',
      'CostTodayUsd',
    ]);
    expect(money.usedNano(NOW)).toBe(10_000 + minuteNanoUsd(prices, 4, 0));
  });

  it('are dropped where there is no money for them, and where they can’t be written', async () => {
    const publisher = new Publisher(pino({ level: 'silent' }));
    const poor = {
      publish: (batch: PublishedBatch) => writeFigures(client, batch),
      ledger: ledger(0),
      prices,
      pool: 'p1',
      alarms: 0,
    };
    publisher.record(sample, NOW, poor);
    publisher.record(sample, NOW + 60_000, poor);
    expect(mock.calls()).toEqual([]);
    mock.on(PutMetricDataCommand).rejects(new Error('no'));
    publisher.record(sample, NOW + 120_000, { ...poor, ledger: ledger(1e9) });
    await publisher.idle();
    expect(mock.calls()).toHaveLength(1);
  });
});
