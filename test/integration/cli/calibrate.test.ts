/** spillway calibrate against a real daemon and an AWS that nobody here wrote: what it says, and that it leaves nothing. */
import { join } from 'node:path';
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { LambdaClient, ListFunctionsCommand, ListVersionsByFunctionCommand } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Status } from '../../../src/admin/operations.ts';
import type { CalibrationReport } from '../../../src/cloud/calibration.ts';
import { Home, until, type Balancer } from '../../support/balancer.ts';
import { spillway, type CommandRun } from '../../support/cli.ts';
import { cloudEnv } from '../../support/cloud-env.ts';
import { findMiniStack, startMiniStack, type MiniStack } from '../../support/ministack.ts';

const found = findMiniStack('calibrate on an emulated AWS');
/** How long a deployment may take on a busy machine, in milliseconds. */
const READY_MS = 50_000;

describe.skipIf(found.missing !== undefined)('spillway calibrate', () => {
  const home = new Home();
  const twin = `spillway--calibrate-${home.pool}`;
  const settings = { region: 'eu-central-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  let aws: MiniStack;
  let balancer: Balancer;
  let env: Record<string, string>;
  let lambda: LambdaClient;
  let logs: CloudWatchLogsClient;

  beforeAll(async () => {
    aws = await startMiniStack(found.missing === undefined ? found.program : '', 0);
    lambda = new LambdaClient({ ...settings, endpoint: aws.url });
    logs = new CloudWatchLogsClient({ ...settings, endpoint: aws.url });
    await start();
  }, 2 * READY_MS);

  afterAll(async () => {
    await home.rm({ docker: false });
    lambda.destroy();
    logs.destroy();
    await aws.stop();
  });

  /** A daemon with its cloud ready. */
  async function start(): Promise<void> {
    balancer = await home.start(cloudEnv(home, aws.url));
    const [ready] = balancer.lines('"msg":"ready');
    env = {
      SPILLWAY_STATE: join(home.dir, 'state'),
      SPILLWAY_PORT: new URL(balancer.url).port,
      SPILLWAY_ADMIN_PORT: new URL(String(ready?.['adminUrl'])).port,
    };
    await until(
      'the cloud to be ready',
      async () => {
        const { stdout } = await run('status', '--json');
        return (JSON.parse(stdout) as Status).cloud.state === 'ready';
      },
      READY_MS,
    );
  }

  const run = (...args: string[]): Promise<CommandRun> => spillway(env, args);

  async function functions(): Promise<(string | undefined)[]> {
    const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
    return Functions.map(({ FunctionName }) => FunctionName);
  }

  /** Nothing but the function that calls go to, which has one version and its memory, and that one's log. */
  async function expectNothingLeft(): Promise<void> {
    const name = `spillway-${home.pool}`;
    expect(await functions()).toEqual([name]);
    const { Versions } = await lambda.send(new ListVersionsByFunctionCommand({ FunctionName: name }));
    expect(Versions).toMatchObject([{ Version: '$LATEST', MemorySize: 1769 }]);
    const { logGroups = [] } = await logs.send(new DescribeLogGroupsCommand({}));
    expect(logGroups.map(({ logGroupName }) => logGroupName)).toEqual([`/aws/lambda/${name}`]);
  }

  it('prints a table and charts, recommends a size, and leaves nothing', async () => {
    const { code, stdout, stderr } = await run('calibrate', 'add', '1', '2', '--sizes', '512,1024');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^memory +calls +cold +p50 +p95 +billed +a million\n +512 MB +\d+ +[\d.]+ m?s/);
    expect(stdout).toMatch(/time \(p50\)\n +512 MB +[█▏▎▍▌▋▊▉]+ +[\d.]+ m?s/);
    expect(stdout).toMatch(/a million calls\n(.*\n)+ +1769 MB +[█▏▎▍▌▋▊▉]+ +\$\d+\.\d\d +set now/);
    expect(stdout).toMatch(/\nrecommended: \d+ MB, the .*fewer than 20 calls are on record.*\.\n/);
    expect(stdout).toMatch(/\nadd ran \d+ times for this, which cost \$0\.000\d\d\d\.\n$/);
    expect(stdout).not.toContain('\u001b');
    // It asks twice a second how far it is: what took less than that may have been missed.
    expect(stderr).toMatch(/(publishing it with 1769 MB|calling add at each size, round \d+) …\n/);
    await expectNothingLeft();
  });

  it('gives programs the figures, and charges the ledger', async () => {
    const spent = async (): Promise<number> =>
      (JSON.parse((await run('status', '--json')).stdout) as Status).cloud.costTodayUsd;
    const before = await spent();
    const { stdout } = await run('calibrate', 'add', '1', '2', '--sizes', '128', '--json');
    const report = JSON.parse(stdout) as CalibrationReport;
    expect(report.sizes).toMatchObject([{ memoryMb: 128 }, { memoryMb: 1769 }]);
    expect(report.calls).toBe(report.sizes.reduce((sum, { runs }) => sum + runs, 0));
    expect((await spent()) - before).toBeCloseTo(report.costUsd, 9);
  });

  it('says what is wrong with the call', async () => {
    expect(await run('calibrate', 'nobody')).toMatchObject({ code: 1, stdout: '' });
    expect((await run('calibrate', 'nobody')).stderr).toContain('no function is named "nobody"');
    expect((await run('calibrate', 'add', '--sizes', '12')).code).toBe(64);
    const failed = await run('calibrate', 'add', '1');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/\nspillway: add failed: Invalid params: .*\(-32602\)/);
    const ended = await run('calibrate', 'leave', '--sizes', '1769');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(
      /^leave isn't declared idempotent, and will run up to 10 times at each size\n/,
    );
    expect(ended.stderr).toMatch(/spillway: no size could be measured: leave ended its process there: /);
    await expectNothingLeft();
  });

  it('can be ended, and leaves nothing', async () => {
    const done = spillway(env, ['calibrate', 'add', '1', '2', '--sizes', '128,256,512,1024'], {
      // Whichever of them is seen first: it asks twice a second only.
      killWhenSaid: (said) => /publishing it with|calling add at each size/.test(said),
    });
    expect(await done).toMatchObject({ code: 1, stdout: '' });
    expect((await done).stderr).toContain('the calibration was ended by the operator');
    await expectNothingLeft();
  });

  it('that dies with the daemon is cleaned up after by the next', async () => {
    const calibrating = run('calibrate', 'add', '1', '2');
    await until('the copy to be there', async () => (await functions()).includes(twin));
    await balancer.kill('SIGKILL');
    expect((await calibrating).code).toBe(1);
    expect(await functions()).toContain(twin);
    await start();
    expect(balancer.output).toContain('remove what a calibration left');
    await expectNothingLeft();
  });

  it('is ended by the daemon’s stop, which leaves nothing', async () => {
    const calibrating = run('calibrate', 'add', '1', '2');
    await until('the copy to be there', async () => (await functions()).includes(twin));
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect((await calibrating).code).toBe(1);
    await expectNothingLeft();
  });
});
