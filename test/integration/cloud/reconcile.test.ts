/** What changed or has to go: drift, removal, no credentials; over the SDK's real HTTP layer, on virtual time. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FakeAws } from '../../fakes/aws.ts';
import { AwsBench, bundle } from '../../support/aws-bench.ts';
import { pause } from '../../../src/cloud/pause.ts';

let bench: AwsBench;
let aws: FakeAws;

beforeEach(async () => {
  bench = new AwsBench();
  ({ aws } = bench);
  await bench.start();
});

afterEach(() => bench.stop());

/** Walks on until it holds, also through what other threads do meanwhile. */
function until(holds: () => boolean): Promise<void> {
  return bench.go(
    new Promise((resolve) => {
      const look = (): void => {
        if (holds()) resolve();
        else setImmediate(look);
      };
      look();
    }),
  );
}

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
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
    remove();
    await bench.go(deployments.deploy(bundle('h1')));
    expect(await bench.call(deployments)).toMatchObject({ ok: true });
    aws.operations.length = 0;
    await bench.go(deployments.deploy(bundle('h1')));
    expect(aws.writes).toEqual([]);
  });

  it('is found by probes while in use, and repaired without anybody asking', async () => {
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
    aws.apis.keys.clear();
    expect(await bench.call(deployments)).toMatchObject({
      failure: { reason: 'access denied', mayHaveRun: false },
    });
    expect(deployments.live?.monitor.reason).toBe('access denied');
    // Three probes fail, then the deployment is looked at.
    await until(() => aws.apis.keys.size > 0 && deployments.state === 'ready');
    expect(await bench.call(deployments)).toMatchObject({ ok: true });
  });

  it('changed variables are deployed by a second try where the first one fails, and no call goes there meanwhile', async () => {
    const deployments = bench.open();
    const served = (): unknown => {
      const { Variables } = aws.functions.fn!.config['Environment'] as { Variables: Record<string, string> };
      return JSON.parse(Variables['SPILLWAY_FUNCTION_ENV'] ?? '{}');
    };
    await bench.go(deployments.deploy({ ...bundle('h1'), env: { SECRET: 'old' } }));
    expect(served()).toEqual({ SECRET: 'old' });
    aws.fail({
      operation: 'UpdateFunctionConfiguration',
      times: 1,
      status: 403,
      type: 'AccessDeniedException',
    });
    const changed = deployments.deploy({ ...bundle('h1'), env: { SECRET: 'new' } });
    await expect(bench.go(changed)).rejects.toThrow();
    expect([deployments.state, deployments.live]).toEqual(['degraded', undefined]);
    await until(() => deployments.state === 'ready');
    expect(served()).toEqual({ SECRET: 'new' });
  });

  it('is looked for during an outage without probes of its own: each is paid for', async () => {
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
    aws.operations.length = 0;
    aws.gateway.outage = { status: 502, body: '{"message":"Internal server error"}' };
    for (let failed = 0; failed < 3; failed += 1) await bench.call(deployments);
    expect(deployments.live?.monitor.reason).toBeDefined();
    const before = aws.gateway.requests;
    await bench.go(pause(3_600_000));
    expect(aws.operations.length, 'it was looked at').toBeGreaterThan(10);
    expect(aws.writes).toEqual([]);
    // At growing intervals of up to a minute, less up to a half at random.
    expect(aws.gateway.requests - before).toBeLessThan(140);
    aws.gateway.outage = undefined;
    await until(() => deployments.state === 'ready' && deployments.live?.monitor.reason === undefined);
    expect(await bench.call(deployments)).toMatchObject({ ok: true });
  });

  it("leaves alone what has our name but isn't ours", async () => {
    await bench.go(bench.open().deploy(bundle('h1')));
    aws.functions.fn!.tags = { 'spillway.pool': 'other' };
    aws.operations.length = 0;
    await expect(bench.go(bench.open().deploy(bundle('h2')))).rejects.toThrow(
      /the function spillway-p1 exists .* choose another SPILLWAY_POOL/,
    );
    await expect(bench.go(bench.open().destroy())).rejects.toThrow(/choose another SPILLWAY_POOL/);
    expect(aws.writes).toEqual([]);
  });
});

describe('destroy', () => {
  it('removes all of it, users first, and a second time nothing', async () => {
    const deployments = bench.open();
    await bench.go(deployments.deploy(bundle('h1')));
    aws.operations.length = 0;
    const report = await bench.go(deployments.destroy());
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
    aws.operations.length = 0;
    expect(await bench.go(bench.open().destroy())).toEqual({ removed: [], left: [] });
    expect(aws.writes).toEqual([]);
  });

  it('goes on past what can’t be removed, and says what is left and why', async () => {
    await bench.go(bench.open().deploy(bundle('h1')));
    aws.fail({
      operation: 'DeleteFunction',
      times: 1,
      status: 403,
      type: 'AccessDeniedException',
      message: 'not you',
    });
    const report = await bench.go(bench.open().destroy());
    expect(report.left).toEqual([
      expect.stringMatching(/^function spillway-p1: can't remove it: not you; give these/),
    ]);
    expect(report.removed).toHaveLength(5);
    expect((await bench.go(bench.open().destroy())).removed).toEqual(['function spillway-p1']);
  });
});

describe('without credentials', () => {
  beforeEach(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
  });

  it('auto is off, and nothing is tried again', async () => {
    const deployments = bench.open({}, 'auto');
    await expect(bench.go(deployments.deploy(bundle('h1')))).rejects.toThrow(
      /^no usable AWS credentials: .*SPILLWAY_CLOUD=off$/,
    );
    expect(deployments.state).toBe('off');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('aws is degraded, and tried again', async () => {
    const deployments = bench.open({}, 'aws');
    await expect(bench.go(deployments.deploy(bundle('h1')))).rejects.toThrow(/no usable AWS credentials/);
    expect(deployments).toMatchObject({ state: 'degraded', fault: { reason: 'credentials expired' } });
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe('with credentials that are gone for a while', () => {
  const forgetCredentials = async (): Promise<void> => {
    await bench.control.forget();
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
  };

  it.each(['auto', 'aws'] as const)(
    '%s: what is in use stays in use, since calls need none',
    async (mode) => {
      const deployments = bench.open({}, mode);
      await bench.go(deployments.deploy(bundle('h1')));
      await forgetCredentials();
      await expect(bench.go(deployments.deploy(bundle('h1')))).rejects.toThrow(/no usable AWS credentials/);
      expect(deployments.state).toBe('ready');
      expect(await bench.call(deployments)).toMatchObject({ ok: true });
    },
  );

  it.each(['auto', 'aws'] as const)('%s: another bundle is tried again until they are back', async (mode) => {
    const deployments = bench.open({}, mode);
    await bench.go(deployments.deploy(bundle('h1')));
    await forgetCredentials();
    await expect(bench.go(deployments.deploy(bundle('h2')))).rejects.toThrow(/no usable AWS credentials/);
    expect(deployments.state).toBe('degraded');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    await bench.go(pause(10_000));
    await until(() => deployments.state === 'ready');
    expect(deployments.live?.desired.code.bundleHash).toBe('h2');
  });
});
