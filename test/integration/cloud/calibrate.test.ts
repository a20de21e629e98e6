/** Calibrations over the SDK's real HTTP layer, on virtual time, against a fake AWS that fails where a test wants it to. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Deployments } from '../../../src/cloud/aws/deployments.ts';
import type { CalibrationOrder } from '../../../src/cloud/backend.ts';
import type { CalibrationReport } from '../../../src/cloud/calibration.ts';
import type { FakeAws } from '../../fakes/aws.ts';
import { AwsBench, bundle } from '../../support/aws-bench.ts';

let bench: AwsBench;
let aws: FakeAws;
let deployments: Deployments;

beforeEach(async () => {
  bench = new AwsBench();
  ({ aws } = bench);
  await bench.start();
  deployments = bench.open();
  await bench.go(deployments.deploy(bundle('h1')));
  aws.operations.length = 0;
});

afterEach(() => bench.stop());

function order(changed: Partial<CalibrationOrder> = {}): CalibrationOrder {
  const spec = { name: 'fib', style: 'any', idempotent: true, offload: true, concurrency: 1 } as const;
  const mix = { place: 'pool', entries: [] } as const;
  return { spec, params: '[25]', timeoutMs: 5000, sizesMb: [512, 1769, 3008], mix, ...changed };
}

function calibrate(changed: Partial<CalibrationOrder> = {}): Promise<CalibrationReport> {
  return bench.go(deployments.calibrate(order(changed)));
}

/** Nothing of the copy is there, and the function that calls go to is as it was. */
function expectNothingLeft(): void {
  expect(aws.twin).toMatchObject({ config: undefined });
  expect(aws.twin.aliases.size + aws.twin.versions.size).toBe(0);
  // The copy is created as any function is.
  expect(aws.writes.filter((operation) => !/Twin$|^CreateFunction$/.test(operation))).toEqual([]);
  expect(aws.functions.fn?.config['MemorySize']).toBe(1769);
}

/** Turns of the event loop until something holds; the clock stands still. */
async function untilHolds(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a calibration', () => {
  it('measures each size, recommends the cheapest of the fast ones, and leaves nothing', async () => {
    aws.twin.settlePolls = 2;
    const report = await calibrate();
    const [half, core, more] = report.sizes;
    expect(half).toMatchObject({ memoryMb: 512, runs: 5, p50Ms: (20 * 1769) / 512, billedMs: 71 });
    expect(core).toMatchObject({ memoryMb: 1769, runs: 5, coldMs: 170, meanMs: 20, p95Ms: 20, billedMs: 21 });
    expect(more).toMatchObject({ memoryMb: 3008, p50Ms: 20 });
    expect(more!.costUsdPerMillion).toBeGreaterThan(core!.costUsdPerMillion!);
    expect(report).toMatchObject({ method: 'fib', presentMb: 1769, calls: 15, notes: [] });
    expect(report.cpuShare).toBeCloseTo(1);
    expect(report.recommended).toMatchObject({ memoryMb: 1769 });
    expect(report.costUsd).toBeGreaterThan(0);
    expectNothingLeft();
    expect(deployments.calibration).toBeUndefined();
    aws.operations.length = 0;
    await bench.go(deployments.deploy(bundle('h1')));
    expect(aws.writes).toEqual([]);
  });

  it('takes the function’s role, settings and log', async () => {
    let config: unknown;
    aws.twin.instead = () => {
      config ??= aws.twin.config;
      return undefined;
    };
    await calibrate();
    const { Role, Handler, Environment, Timeout, Runtime } = aws.functions.fn!.config;
    expect(config).toMatchObject({ Role, Handler, Environment, Timeout, Runtime });
    expect(config).toMatchObject({ LoggingConfig: { LogGroup: '/aws/lambda/spillway-p1' } });
    expect(aws.twin.tags).toMatchObject({ 'spillway.pool': 'p1' });
  });

  it('takes the sizes in turns', async () => {
    await calibrate({ sizesMb: [512] });
    expect(aws.twin.calls.map(({ alias }) => alias).slice(1, 5)).toEqual([
      'mb-1769',
      'mb-512',
      'mb-1769',
      'mb-512',
    ]);
  });

  it('skips a size that the account doesn’t have, and one at which the process ends', async () => {
    const ended = {
      errorType: 'Runtime.ExitError',
      errorMessage: 'Runtime exited with error: signal: killed',
    };
    aws.twin.instead = (memoryMb) =>
      memoryMb > 512
        ? undefined
        : {
            status: 200,
            headers: { 'x-amz-function-error': 'Unhandled', 'content-type': 'application/json' },
            text: JSON.stringify(ended),
          };
    const { sizes } = await calibrate({ sizesMb: [512, 10_240] });
    expect(sizes).toMatchObject([
      { memoryMb: 512, skipped: expect.stringMatching(/^fib ended its process there: .*killed$/) as string },
      { memoryMb: 1769, p50Ms: 20 },
      { memoryMb: 10_240, runs: 0, skipped: expect.stringContaining('less than or equal to 3008') as string },
    ]);
    expectNothingLeft();
  });

  it('waits for a version that isn’t known yet, and for a busy account', async () => {
    aws.fail({ operation: 'InvokeTwin', times: 2, status: 404, type: 'ResourceNotFoundException' });
    aws.fail({ operation: 'InvokeTwin', times: 2, status: 429, type: 'TooManyRequestsException' });
    expect((await calibrate()).calls).toBe(15);
  });

  it('removes what an earlier one left before it begins', async () => {
    aws.twin.create({ FunctionName: 'spillway--calibrate-p1', Tags: { 'spillway.pool': 'p1' } });
    expect((await calibrate()).calls).toBe(15);
    expectNothingLeft();
  });
});

describe('a calibration that fails', () => {
  it.each(['CreateFunction', 'ResizeTwin', 'PublishTwin', 'AliasTwin', 'InvokeTwin'])(
    'at %s leaves nothing',
    async (operation) => {
      const message = 'not you';
      aws.fail({ operation, times: 1, status: 403, type: 'AccessDeniedException', message });
      await expect(calibrate()).rejects.toThrow(/not you; give these credentials the permission/);
      expectNothingLeft();
    },
  );

  it('by the function’s own failure says that at once', async () => {
    const failure = { kind: 'InvalidParams', message: 'Invalid params: too few', data: [] };
    aws.twin.instead = () => ({ outcome: 'failure', body: JSON.stringify(failure) });
    await expect(calibrate()).rejects.toThrow(/^fib failed: Invalid params: too few \(-32602\)/);
    expect(aws.twin.calls).toHaveLength(1);
    expectNothingLeft();
  });

  it('makes no copy where the budget has no room', async () => {
    const poor = bench.open({}, 'aws', 100_000);
    await bench.go(poor.deploy(bundle('h1')));
    aws.operations.length = 0;
    await expect(bench.go(poor.calibrate(order()))).rejects.toThrow(/SPILLWAY_CLOUD_BUDGET_USD/);
    expect(aws.writes).toEqual([]);
  });

  it('at a call whose end isn’t known makes that call once', async () => {
    aws.fail({ operation: 'InvokeTwin', times: 1, status: 500, type: 'ServiceException' });
    await expect(calibrate()).rejects.toThrow(/^can't call the copy: injected/);
    expect(aws.operations.filter((operation) => operation === 'InvokeTwin')).toHaveLength(1);
    expectNothingLeft();
  });

  it('for want of money says so: one calibration has a limit of its own', async () => {
    // So dear that a call of 1769 MB could cost more than that, and one of 512 MB not.
    const dear = bench.open({ prices: { lambdaGbSecondArmUsd: 0.003 } });
    await bench.go(dear.deploy(bundle('h1')));
    const refused = bench.go(dear.calibrate(order()));
    await expect(refused).rejects.toThrow(/no size could be measured: .*one calibration may cost \$0\.05/);
    expect(aws.twin.calls).toEqual([]);
    const some = bench.open({ prices: { lambdaGbSecondArmUsd: 0.0015 } });
    await bench.go(some.deploy(bundle('h1')));
    const { notes, sizes } = await bench.go(some.calibrate(order()));
    expect(notes).toEqual([expect.stringMatching(/^stopped at \$0\.0/) as string]);
    expect(sizes.map(({ runs }) => runs)).toEqual([1, 2, 0]);
  });

  it('to remove its copy says so, and the next deployment does it', async () => {
    aws.fail({ operation: 'DeleteTwin', times: 1, status: 403, type: 'AccessDeniedException' });
    const { notes } = await calibrate();
    expect(notes).toEqual([expect.stringMatching(/remove the function spillway--calibrate-p1/) as string]);
    expect(aws.twin.config).toBeDefined();
    const steps = await bench.go(bench.open().deploy(bundle('h1')));
    expect(steps).toEqual(['remove what a calibration left']);
    expectNothingLeft();
  });

  it('by a crash leaves its copy, which the next process removes', async () => {
    aws.twin.create({ FunctionName: 'spillway--calibrate-p1', Tags: { 'spillway.pool': 'p1' } });
    aws.twin.publish();
    aws.twin.alias({ Name: 'mb-512', FunctionVersion: '1' });
    const next = bench.open();
    expect(await bench.go(next.plan(bundle('h1')))).toEqual(['remove what a calibration left']);
    await bench.go(next.deploy(bundle('h1')));
    expectNothingLeft();
  });

  it('leaves alone what has its copy’s name but isn’t ours', async () => {
    aws.twin.create({ FunctionName: 'spillway--calibrate-p1', Tags: { 'spillway.pool': 'other' } });
    await expect(calibrate()).rejects.toThrow(/exists in AWS but isn't this pool's/);
    expect(aws.twin.config).toBeDefined();
  });

  it('is refused while there is no cloud to calibrate, or another is under way', async () => {
    await expect(bench.go(bench.open().calibrate(order()))).rejects.toThrow(/the cloud is off/);
    const [first, second] = [deployments.calibrate(order()), deployments.calibrate(order())];
    await expect(bench.go(second)).rejects.toThrow(/under way already/);
    expect((await bench.go(first)).calls).toBe(15);
  });
});

describe('a calibration that is ended', () => {
  let calibrating: Promise<unknown>;

  beforeEach(async () => {
    aws.twin.instead = () => 'hang';
    calibrating = deployments.calibrate(order()).catch((error: unknown) => error);
    await bench.go(untilHolds(() => aws.twin.calls.length > 0));
  });

  it('by a deployment lets that one go first', async () => {
    const deploying = deployments.deploy(bundle('h2'));
    expect(await bench.go(deploying)).toEqual(['update function code', 'tag function']);
    expect(await bench.go(calibrating)).toMatchObject({
      message: expect.stringMatching(/^a deployment came in between/) as string,
    });
    expect(aws.twin.config).toBeUndefined();
  });

  it('by the removal of everything leaves nothing', async () => {
    expect((await bench.go(deployments.destroy())).left).toEqual([]);
    expect(aws.functions.fn).toBeUndefined();
    expect(aws.twin.config).toBeUndefined();
    await bench.go(calibrating);
  });

  it('by the operator or the end of the process leaves nothing', async () => {
    await bench.go(deployments.close());
    expectNothingLeft();
    expect(await calibrating).toMatchObject({ message: 'the balancer is stopping' });
  });
});
