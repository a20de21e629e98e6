/** Deployments over the SDK's real HTTP layer, on virtual time, against a fake AWS that misbehaves as the real one does. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CloudBundle, CloudOutcome } from '../../../src/cloud/backend.ts';
import { Deployments, type DeploymentsSettings } from '../../../src/cloud/aws/deployments.ts';
import { Ledger } from '../../../src/cloud/ledger.ts';
import { FakeAws } from '../../fakes/aws.ts';
import { useVirtualTime, walk } from '../../support/virtual-time.ts';

const bundle = (hash: string): CloudBundle => ({ hash, code: new TextEncoder().encode(`// ${hash}`) });

let aws: FakeAws;
let home: string;
let opened: Deployments[];
let lines: { msg: string; reason?: string }[];

beforeEach(async () => {
  aws = new FakeAws();
  await aws.listen();
  home = mkdtempSync(join(tmpdir(), 'spillway-aws-'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(home, 'credentials'));
  vi.stubEnv('AWS_CONFIG_FILE', join(home, 'config'));
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  opened = [];
  lines = [];
  useVirtualTime();
});

afterEach(async () => {
  await Promise.all(opened.map((deployments) => go(deployments.close())));
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  vi.unstubAllEnvs();
  await aws.close();
  rmSync(home, { recursive: true, force: true });
});

const go = <T>(work: Promise<T>): Promise<T> => walk(work, () => aws.underWay > 0);

function open(
  options: Partial<DeploymentsSettings['options']> = {},
  mode: 'auto' | 'aws' = 'aws',
): Deployments {
  const store = { append: async () => undefined, close: async () => undefined };
  const ledger = new Ledger(1e9, { nextId: 1, days: new Map(), unsettled: 0 }, store);
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) };
  const deployments = new Deployments({
    options: {
      pool: 'p1',
      region: 'eu-central-1',
      endpoint: aws.url,
      memoryMb: 1769,
      architecture: 'arm64',
      budgetUsd: 1,
      functionEnv: {},
      ...options,
    },
    mode,
    maxResultBytes: 1000,
    ledger: async () => ledger,
    log: pino({ level: 'info' }, stream),
  });
  opened.push(deployments);
  return deployments;
}

async function call(deployments: Deployments, method = 'echo', params = '[1]'): Promise<CloudOutcome> {
  const spec = { name: method, style: 'any', idempotent: true, offload: true, concurrency: 1 } as const;
  const order = { callId: '1', spec, params, deadline: performance.now() + 5000, timeoutMs: 5000 };
  return go(new Promise((resolve) => deployments.live?.calls.call(order, resolve)));
}

/** What was asked for since the last time. */
function since(): string[] {
  return aws.operations.splice(0);
}

describe('a deployment', () => {
  it('makes everything, in order, and serves calls with the key', async () => {
    aws.gateway.functions.set('echo', (params) => params ?? '');
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    expect(aws.writes).toEqual([
      'CreateRole',
      'PutRolePolicy',
      'CreateLogGroup',
      'PutRetentionPolicy',
      'CreateFunction',
      'CreateRestApi',
      'CreateResource',
      'PutMethod',
      'PutIntegration',
      'AddPermission',
      'CreateDeployment',
      'CreateStage',
      'CreateApiKey',
      'CreateUsagePlan',
      'CreateUsagePlanKey',
    ]);
    expect(deployments.state).toBe('ready');
    expect(await call(deployments)).toMatchObject({ ok: true, json: Buffer.from('[1]') });
    expect(aws.functions.fn?.tags).toEqual({ 'spillway.pool': 'p1', 'spillway.bundle': 'h1' });
    for (const { msg } of lines) expect(msg).not.toContain('secret-of');
  });

  it('of the same bundle by the next process changes nothing and writes nothing', async () => {
    await go(open().deploy(bundle('h1')));
    since();
    const next = open();
    expect(await go(next.deploy(bundle('h1')))).toEqual([]);
    expect(next.state).toBe('ready');
    expect(aws.writes).toEqual([]);
  });

  it('of another bundle changes the code alone', async () => {
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    since();
    await go(deployments.deploy(bundle('h2')));
    expect(aws.writes).toEqual(['UpdateFunctionCode', 'TagResource']);
    expect(aws.functions.deployedHash).toBe('h2');
    expect(await call(deployments)).toMatchObject({ ok: true });
  });

  it('can be looked at before: the plan touches nothing', async () => {
    const deployments = open();
    expect(await go(deployments.plan(bundle('h1')))).toHaveLength(14);
    expect(aws.writes).toEqual([]);
    expect(deployments.state).toBe('off');
  });

  it('takes a given role as it is, and asks IAM nothing', async () => {
    const roleArn = 'arn:aws:iam::123456789012:role/LabRole';
    await go(open({ roleArn }).deploy(bundle('h1')));
    expect(aws.operations.filter((operation) => operation.includes('Role'))).toEqual([]);
    expect(aws.functions.fn?.config['Role']).toBe(roleArn);
  });
});

describe('what AWS does', () => {
  it('a new role is not known for a while', async () => {
    aws.functions.roleUnknownTries = 10;
    await go(open().deploy(bundle('h1')));
    expect(aws.writes.filter((operation) => operation === 'CreateFunction')).toHaveLength(11);
  });

  it('a role that stays unknown is given up, in one line', async () => {
    aws.functions.roleUnknownTries = Infinity;
    const deploying = go(open().deploy(bundle('h1')));
    await expect(deploying).rejects.toThrow(
      /^can't create function: The role .* cannot be assumed by Lambda/,
    );
    expect(aws.writes.length).toBeGreaterThan(30);
  });

  it('a function is pending, and an update in progress: nothing is done before it has settled', async () => {
    aws.functions.settlePolls = 3;
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    expect(aws.operations.filter((operation) => operation === 'GetFunction')).toHaveLength(5);
    await go(deployments.deploy(bundle('h2')));
    expect(deployments.state).toBe('ready');
  });

  it('an update by somebody else stands in the way', async () => {
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    aws.functions.fn!.busyPolls = 4;
    await go(deployments.deploy(bundle('h2')));
    expect(aws.functions.deployedHash).toBe('h2');
  });

  it('the control plane throttles', async () => {
    aws.fail({ operation: 'CreateRestApi', times: 2, status: 429, type: 'TooManyRequestsException' });
    aws.fail({ operation: 'GetApiKeys', times: 2, status: 429, type: 'TooManyRequestsException' });
    aws.fail({ operation: 'CreateDeployment', times: 1, status: 429, type: 'TooManyRequestsException' });
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    expect(deployments.state).toBe('ready');
    expect(aws.apis.apis.size).toBe(1);
  });

  it('a new key is not known at once: the cloud is ready only when a probe has passed', async () => {
    aws.gateway.keyUnknownRequests = 5;
    const deployments = open();
    const startedAt = performance.now();
    await go(deployments.deploy(bundle('h1')));
    expect(aws.gateway.keyUnknownRequests).toBe(0);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(5000);
    expect(deployments.state).toBe('ready');
  });

  it('CreateRestApi does not tell the root resource', async () => {
    aws.apis.tellsRoot = false;
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    expect(deployments.state).toBe('ready');
  });

  it('the answer to a creation got lost: it is found, not made twice', async () => {
    aws.fail({
      operation: 'CreateFunction',
      times: 1,
      status: 409,
      type: 'ResourceConflictException',
      message: 'Function already exist',
    });
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    expect(deployments.state).toBe('ready');
    expect(aws.operations.filter((operation) => operation === 'GetRestApis')).toHaveLength(2);
  });

  it('credentials expire: degraded with the reason, and tried again', async () => {
    aws.fail({
      operation: 'GetFunction',
      times: 1,
      status: 403,
      type: 'ExpiredTokenException',
      message: 'The security token is expired',
    });
    const deployments = open();
    await expect(go(deployments.deploy(bundle('h1')))).rejects.toThrow(
      /token is expired; get new credentials/,
    );
    expect(deployments).toMatchObject({ state: 'degraded', fault: { reason: 'credentials expired' } });
    await vi.advanceTimersByTimeAsync(5000);
    await go(deployments.plan(bundle('h1')));
    expect(deployments.state).toBe('ready');
  });

  it('a permission is missing: one line names it', async () => {
    const message = 'User: me is not authorized to perform: iam:CreateRole';
    aws.fail({ operation: 'CreateRole', times: 1, status: 403, type: 'AccessDenied', message });
    const deployments = open();
    await expect(go(deployments.deploy(bundle('h1')))).rejects.toThrow(
      /iam:CreateRole; give these credentials/,
    );
    expect(deployments.fault?.reason).toBe('access denied');
  });
});

describe('drift', () => {
  it.each<[string, () => void]>([
    ['the function', () => (aws.functions.fn = undefined)],
    ['the permission', () => (aws.functions.fn!.statements = [])],
    ['the log group', () => (aws.functions.logGroup = undefined)],
    ['the stage', () => aws.apis.apis.forEach((api) => api.stages.clear())],
    ['the API', () => aws.apis.apis.clear()],
    ['the key', () => aws.apis.keys.clear()],
    ['the usage plan', () => aws.apis.plans.clear()],
    ['the role', () => (aws.functions.role = undefined)],
  ])('%s was removed: it is made anew and calls go through', async (_, remove) => {
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    remove();
    await go(deployments.deploy(bundle('h1')));
    expect(await call(deployments)).toMatchObject({ ok: true });
    since();
    await go(deployments.deploy(bundle('h1')));
    expect(aws.writes).toEqual([]);
  });

  it('is found by probes while in use, and repaired without anybody asking', async () => {
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    aws.apis.keys.clear();
    expect(await call(deployments)).toMatchObject({
      failure: { reason: 'access denied', mayHaveRun: false },
    });
    expect(deployments.live?.monitor.reason).toBe('access denied');
    // Three probes fail, then the deployment is looked at.
    const repaired = new Promise<void>((resolve) => {
      const look = (): void => {
        if (aws.apis.keys.size > 0 && deployments.state === 'ready') resolve();
        else setImmediate(look);
      };
      look();
    });
    await go(repaired);
    expect(await call(deployments)).toMatchObject({ ok: true });
  });

  it("leaves alone what has our name but isn't ours", async () => {
    await go(open().deploy(bundle('h1')));
    aws.functions.fn!.tags = { 'spillway.pool': 'other' };
    since();
    await expect(go(open().deploy(bundle('h2')))).rejects.toThrow(
      /the function spillway-p1 exists .* choose another SPILLWAY_POOL/,
    );
    await expect(go(open().destroy())).rejects.toThrow(/choose another SPILLWAY_POOL/);
    expect(aws.writes).toEqual([]);
  });
});

describe('destroy', () => {
  it('removes all of it, users first, and a second time nothing', async () => {
    const deployments = open();
    await go(deployments.deploy(bundle('h1')));
    since();
    const report = await go(deployments.destroy());
    expect(report.left).toEqual([]);
    expect(aws.writes).toEqual([
      'UpdateUsagePlan',
      'DeleteUsagePlan',
      'DeleteApiKey',
      'DeleteRestApi',
      'DeleteFunction',
      'DeleteLogGroup',
      'DeleteRolePolicy',
      'DeleteRole',
    ]);
    expect(aws.functions).toMatchObject({ fn: undefined, role: undefined, logGroup: undefined });
    expect([aws.apis.apis.size, aws.apis.keys.size, aws.apis.plans.size]).toEqual([0, 0, 0]);
    expect(deployments.state).toBe('off');
    since();
    expect(await go(open().destroy())).toEqual({ removed: [], left: [] });
    expect(aws.writes).toEqual([]);
  });

  it('goes on past what can’t be removed, and says what is left and why', async () => {
    await go(open().deploy(bundle('h1')));
    aws.fail({
      operation: 'DeleteFunction',
      times: 1,
      status: 403,
      type: 'AccessDeniedException',
      message: 'not you',
    });
    const report = await go(open().destroy());
    expect(report.left).toEqual([
      expect.stringMatching(/^function spillway-p1: can't remove it: not you; give these/),
    ]);
    expect(report.removed).toHaveLength(5);
    expect((await go(open().destroy())).removed).toEqual(['function spillway-p1']);
  });
});

describe('without credentials', () => {
  beforeEach(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
  });

  it('auto is off, and nothing is tried again', async () => {
    const deployments = open({}, 'auto');
    await expect(go(deployments.deploy(bundle('h1')))).rejects.toThrow(
      /^no usable AWS credentials: .*SPILLWAY_CLOUD=off$/,
    );
    expect(deployments.state).toBe('off');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('aws is degraded, and tried again', async () => {
    const deployments = open({}, 'aws');
    await expect(go(deployments.deploy(bundle('h1')))).rejects.toThrow(/no usable AWS credentials/);
    expect(deployments).toMatchObject({ state: 'degraded', fault: { reason: 'credentials expired' } });
    expect(vi.getTimerCount()).toBe(1);
  });
});
