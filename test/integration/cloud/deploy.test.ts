/** Deployments over the SDK's real HTTP layer, on virtual time, against a fake AWS that misbehaves as the real one does. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FakeAws } from '../../fakes/aws.ts';
import { AwsBench, bundle } from '../../support/aws-bench.ts';

let bench: AwsBench;
let aws: FakeAws;

beforeEach(async () => {
  bench = new AwsBench();
  ({ aws } = bench);
  await bench.start();
});

afterEach(() => bench.stop());

/** So many turns of the event loop without a wait mean that there will be none: a refused connection takes a few. */
const STILL_TURNS = 200;

/** Turns of the event loop until something holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a deployment', () => {
  it('makes everything, in order, and serves calls with the key', async () => {
    aws.gateway.functions.set('echo', (params) => params ?? '');
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
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
    expect(await bench.call(deployments)).toMatchObject({ ok: true, json: Buffer.from('[1]') });
    expect(aws.functions.fn?.tags).toEqual({ 'spillway.pool': 'p1', 'spillway.bundle': 'h1' });
    for (const { msg } of bench.lines) expect(msg).not.toContain('secret-of');
  });

  it('of the same bundle by the next process changes nothing and writes nothing', async () => {
    await bench.go(bench.open().deploy(bundle('h1')));
    aws.operations.length = 0;
    const next = bench.open();
    expect(await bench.go(next.deploy(bundle('h1')))).toEqual([]);
    expect(next.state).toBe('ready');
    expect(aws.writes).toEqual([]);
  });

  it('of another bundle changes the code alone', async () => {
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
    aws.operations.length = 0;
    await bench.go(deployments.deploy(bundle('h2')));
    expect(aws.writes).toEqual(['UpdateFunctionCode', 'TagResource']);
    expect(aws.functions.servedHash).toBe('h2');
    expect(await bench.call(deployments)).toMatchObject({ ok: true });
  });

  it('can be looked at before: the plan touches nothing', async () => {
    const deployments = bench.open();
    expect(await bench.go(deployments.plan(bundle('h1')))).toHaveLength(14);
    expect(aws.writes).toEqual([]);
    expect(deployments.state).toBe('off');
  });

  it('takes a given role as it is, and asks IAM nothing', async () => {
    const roleArn = 'arn:aws:iam::123456789012:role/LabRole';
    await bench.go(bench.open({ roleArn }).deploy(bundle('h1')));
    expect(aws.operations.filter((operation) => operation.includes('Role'))).toEqual([]);
    expect(aws.functions.fn?.config['Role']).toBe(roleArn);
  });
});

describe('what AWS does', () => {
  it('a new role is not known for a while', async () => {
    aws.functions.roleUnknownTries = 10;
    await bench.go(bench.open().deploy(bundle('h1')));
    expect(aws.writes.filter((operation) => operation === 'CreateFunction')).toHaveLength(11);
  });

  it('a role that stays unknown is given up, in one line', async () => {
    aws.functions.roleUnknownTries = Infinity;
    const deploying = bench.go(bench.open().deploy(bundle('h1')));
    await expect(deploying).rejects.toThrow(
      /^can't create function: The role .* cannot be assumed by Lambda/,
    );
    expect(aws.writes.length).toBeGreaterThan(30);
  });

  it('a function is pending, and an update in progress: nothing is done before it has settled', async () => {
    aws.functions.settlePolls = 3;
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
    expect(aws.operations.filter((operation) => operation === 'GetFunction')).toHaveLength(5);
    await bench.go(deployments.deploy(bundle('h2')));
    expect(deployments.state).toBe('ready');
  });

  it('an update by somebody else stands in the way', async () => {
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
    aws.functions.fn!.busyPolls = 10;
    await bench.go(deployments.deploy(bundle('h2')));
    expect(aws.functions.servedHash).toBe('h2');
  });

  it('the control plane throttles', async () => {
    aws.fail({ operation: 'CreateRestApi', times: 2, status: 429, type: 'TooManyRequestsException' });
    aws.fail({ operation: 'GetApiKeys', times: 2, status: 429, type: 'TooManyRequestsException' });
    aws.fail({ operation: 'CreateDeployment', times: 1, status: 429, type: 'TooManyRequestsException' });
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
    expect(deployments.state).toBe('ready');
    expect(aws.apis.apis.size).toBe(1);
  });

  it('a new key is not known at once: the cloud is ready only when a probe has passed', async () => {
    aws.gateway.keyUnknownRequests = 5;
    const deployments = bench.open();
    const startedAt = performance.now();
    await bench.go(deployments.deploy(bundle('h1')));
    expect(aws.gateway.keyUnknownRequests).toBe(0);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(5000);
    expect(deployments.state).toBe('ready');
  });

  it('CreateRestApi does not tell the root resource', async () => {
    aws.apis.tellsRoot = false;
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
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
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
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
    const deployments = bench.open();
    await expect(bench.go(deployments.deploy(bundle('h1')))).rejects.toThrow(
      /token is expired; get new credentials/,
    );
    expect(deployments).toMatchObject({ state: 'degraded', fault: { reason: 'credentials expired' } });
    const startedAt = performance.now();
    await bench.go(until(() => deployments.state === 'ready'));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(2500);
  });

  it('nobody answers: degraded as unreachable, in one line', async () => {
    const deployments = bench.open({ endpoint: 'http://127.0.0.1:9' });
    await expect(bench.go(deployments.deploy(bundle('h1')))).rejects.toThrow(
      /ECONNREFUSED.*check the network, and AWS_ENDPOINT_URL/,
    );
    expect(deployments).toMatchObject({ state: 'degraded', fault: { reason: 'unreachable' } });
    await bench.go(deployments.close());
    // Waits inside of the SDK, which it doesn't leave when told to stop.
    let still = 0;
    await bench.go(until(() => (still = vi.getTimerCount() === 0 ? still + 1 : 0) >= STILL_TURNS));
  });

  it('a permission is missing: one line names it', async () => {
    const message = 'User: me is not authorized to perform: iam:CreateRole';
    aws.fail({ operation: 'CreateRole', times: 1, status: 403, type: 'AccessDenied', message });
    const deployments = bench.open();
    await expect(bench.go(deployments.deploy(bundle('h1')))).rejects.toThrow(
      /iam:CreateRole; give these credentials/,
    );
    expect(deployments.fault?.reason).toBe('access denied');
  });
});
