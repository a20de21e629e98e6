/** The shipped functions in an AWS that nobody here wrote. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  APIGatewayClient,
  GetApiKeysCommand,
  GetRestApisCommand,
  GetUsagePlansCommand,
} from '@aws-sdk/client-api-gateway';
import { DescribeLogGroupsCommand, CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { IAMClient, ListRolesCommand } from '@aws-sdk/client-iam';
import { LambdaClient, ListFunctionsCommand, PutFunctionConcurrencyCommand } from '@aws-sdk/client-lambda';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAwsCloud, type AwsCloudSettings } from '../../../src/cloud/aws/cloud.ts';
import type { CloudBackend, CloudBundle, CloudOutcome } from '../../../src/cloud/backend.ts';
import { buildBundle } from '../../../src/functions/bundle.ts';
import { findMiniStack, startMiniStack, type MiniStack } from '../../support/ministack.ts';
import { startRecordingProxy, type RecordingProxy } from '../../support/recording-proxy.ts';

const found = findMiniStack('the cloud on an emulated AWS');
const REGION = 'eu-central-1';
const FUNCTIONS = join(import.meta.dirname, '..', '..', '..', 'handler', 'functions');

describe.skipIf(found.missing !== undefined)('on an emulated AWS', () => {
  let aws: MiniStack;
  let proxy: RecordingProxy;
  let folder: string;
  let bundle: CloudBundle;
  let gateway: APIGatewayClient;
  const clouds: CloudBackend[] = [];

  beforeAll(async () => {
    aws = await startMiniStack(found.missing === undefined ? found.program : '');
    proxy = await startRecordingProxy(aws.url);
    folder = mkdtempSync(join(tmpdir(), 'spillway-cloud-'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'));
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    gateway = new APIGatewayClient({ region: REGION, endpoint: aws.url });
    const built = await buildBundle(FUNCTIONS);
    bundle = { hash: built.hash, code: new TextEncoder().encode(built.code) };
  });

  afterEach(async () => {
    await Promise.all(clouds.splice(0).map((cloud) => cloud.close()));
    proxy.writes.length = 0;
  });

  afterAll(async () => {
    gateway.destroy();
    await proxy.stop();
    await aws.stop();
    rmSync(folder, { recursive: true, force: true });
    vi.unstubAllEnvs();
  });

  /** What the next process would make: the ledger is kept, all else is new. */
  function open(settings: Partial<AwsCloudSettings> = {}): CloudBackend {
    const cloud = createAwsCloud({
      pool: 'emulated',
      region: REGION,
      endpoint: proxy.url,
      memoryMb: 1769,
      architecture: 'x86_64',
      budgetUsd: 1,
      functionEnv: {},
      mode: 'aws',
      stateDir: folder,
      maxResultBytes: 6 * 1024 * 1024,
      log: pino({ level: 'silent' }),
      ...settings,
    });
    clouds.push(cloud);
    return cloud;
  }

  function call(
    cloud: CloudBackend,
    method: string,
    params: string,
    timeoutMs = 20_000,
  ): Promise<CloudOutcome> {
    const spec = { name: method, style: 'any', idempotent: true, offload: true, concurrency: 1 } as const;
    return new Promise((resolve) =>
      cloud.call({ callId: '1', spec, params, deadline: performance.now() + timeoutMs, timeoutMs }, resolve),
    );
  }

  const json = (outcome: CloudOutcome): unknown =>
    outcome.ok ? JSON.parse(outcome.json.toString()) : outcome;

  it('the shipped functions run in the deployed zip', async () => {
    const cloud = open();
    await cloud.deploy(bundle);
    expect(json(await call(cloud, 'fibonacci', '[20]'))).toBe(6765);
    expect(json(await call(cloud, 'wordcount', '["to be or not to be"]'))).toEqual(expect.anything());
    expect(json(await call(cloud, 'markdown', '["# Hello"]'))).toContain('<h1>Hello</h1>');
    expect(await call(cloud, 'fibonacci', '["twenty"]')).toMatchObject({
      error: { name: 'InvalidParams', code: -32602 },
    });
    expect(cloud.status().costTodayUsd).toBeGreaterThan(0);
  });

  it('a second boot finds it all and writes nothing', async () => {
    const cloud = open();
    expect(await cloud.deploy(bundle)).toEqual({ steps: [] });
    expect(proxy.writes).toEqual([]);
    expect(json(await call(cloud, 'fibonacci', '[10]'))).toBe(55);
  });

  it('a call that blocks is ended at its deadline, and the next is served', async () => {
    const cloud = open();
    await cloud.deploy(bundle);
    expect(await call(cloud, 'fibonacci', '[60]', 500)).toMatchObject({ error: { name: 'Timeout' } });
    expect(json(await call(cloud, 'fibonacci', '[10]'))).toBe(55);
    expect(cloud.state).toBe('ready');
  });

  it('a throttled function degrades the cloud, and it recovers by itself', async () => {
    const cloud = open();
    await cloud.deploy(bundle);
    const lambda = new LambdaClient({ region: REGION, endpoint: aws.url });
    const reserve = (count: number): Promise<unknown> =>
      lambda.send(
        new PutFunctionConcurrencyCommand({
          FunctionName: 'spillway-emulated',
          ReservedConcurrentExecutions: count,
        }),
      );
    await reserve(0);
    expect(await call(cloud, 'fibonacci', '[10]')).toMatchObject({
      failure: { reason: 'throttled', mayHaveRun: false },
    });
    expect(cloud).toMatchObject({ state: 'degraded', reason: 'throttled' });
    await reserve(10);
    await vi.waitFor(() => expect(cloud.state).toBe('ready'), { timeout: 20_000, interval: 50 });
    expect(json(await call(cloud, 'fibonacci', '[10]'))).toBe(55);
    lambda.destroy();
  });

  it('the usage plan stops calls even if the ledger is lost', async () => {
    // So little that the quota is one call a day: the probe takes it.
    const budgetUsd = 0.000005;
    const prices = { transferOutGbUsd: 0, logIngestGbUsd: 0, lambdaGbSecondX86Usd: 0 };
    const cloud = open({ pool: 'quota', budgetUsd, prices, stateDir: mkdtempSync(join(folder, 'quota-')) });
    await cloud.deploy(bundle);
    const [key] =
      (await gateway.send(new GetApiKeysCommand({ nameQuery: 'spillway-quota', includeValues: true })))
        .items ?? [];
    const direct = await fetch(cloud.status().url ?? '', {
      method: 'POST',
      headers: { 'x-api-key': key?.value ?? '' },
      body: '{"method":"rpc.probe"}',
    });
    expect(direct.status).toBe(429);
    expect(await direct.json()).toMatchObject({
      message: expect.stringMatching(/Limit Exceeded/i) as string,
    });
    await cloud.destroy();
  });

  it('another key is none', async () => {
    const cloud = open();
    await cloud.deploy(bundle);
    const answer = await fetch(cloud.status().url ?? '', {
      method: 'POST',
      headers: { 'x-api-key': 'guessed' },
      body: '{}',
    });
    expect(answer.status).toBe(403);
  });

  it('credentials that appear in the file are taken up without a restart', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    const cloud = open({ mode: 'auto' });
    await expect(cloud.deploy(bundle)).rejects.toThrow(/no usable AWS credentials/);
    expect(cloud.state).toBe('off');
    writeFileSync(
      join(folder, 'credentials'),
      '[default]\naws_access_key_id = test\naws_secret_access_key = test\n',
    );
    await vi.waitFor(() => expect(cloud.state).toBe('ready'), { timeout: 20_000, interval: 50 });
    expect(json(await call(cloud, 'fibonacci', '[10]'))).toBe(55);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  });

  it('closing ends a deployment under way', async () => {
    const cloud = open({ endpoint: 'http://127.0.0.1:9', pool: 'nowhere' });
    const deploying = cloud.deploy(bundle).catch((error: unknown) => error as Error);
    await vi.waitFor(() => expect(cloud.state).toBe('deploying'));
    await cloud.close();
    expect(await deploying).toBeInstanceOf(Error);
    expect(cloud.state).toBe('off');
  });

  it('destroy leaves nothing', async () => {
    const cloud = open();
    const report = await cloud.destroy();
    expect(report.left).toEqual([]);
    expect(report.removed).toHaveLength(6);
    const settings = { region: REGION, endpoint: aws.url };
    const lambda = new LambdaClient(settings);
    const logs = new CloudWatchLogsClient(settings);
    const iam = new IAMClient(settings);
    expect((await lambda.send(new ListFunctionsCommand({}))).Functions).toEqual([]);
    expect(
      (await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: '/aws/lambda/spillway' })))
        .logGroups,
    ).toEqual([]);
    expect((await iam.send(new ListRolesCommand({}))).Roles?.map(({ RoleName }) => RoleName)).not.toContain(
      'spillway-emulated-eu-central-1',
    );
    expect((await gateway.send(new GetRestApisCommand({}))).items ?? []).toEqual([]);
    expect((await gateway.send(new GetApiKeysCommand({}))).items ?? []).toEqual([]);
    expect((await gateway.send(new GetUsagePlansCommand({}))).items ?? []).toEqual([]);
    for (const client of [lambda, logs, iam]) client.destroy();
  });
});
