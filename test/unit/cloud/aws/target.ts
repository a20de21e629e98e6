/** A target state for tests, and what AWS has once it is reached. */
import {
  desiredOf,
  logPolicy,
  trustPolicy,
  type AwsOptions,
  type Desired,
} from '../../../../src/cloud/aws/desired.ts';
import type { Observed } from '../../../../src/cloud/aws/observe.ts';
import { deployedMark, gatewaySourceArn } from '../../../../src/cloud/aws/plan.ts';

export const OPTIONS: AwsOptions = {
  pool: 'p1',
  region: 'eu-central-1',
  memoryMb: 1769,
  architecture: 'arm64',
  budgetUsd: 1,
  functionEnv: { COLOR: 'red' },
};

export function target(options: Partial<AwsOptions> = {}, bundleHash = 'h1'): Desired {
  const code = { bundleHash, zip: new Uint8Array([1]), zipSha256: `zip of ${bundleHash}` };
  return desiredOf({ ...OPTIONS, ...options }, code, 'lambda.handler');
}

export const NOTHING: Observed = {
  role: undefined,
  logGroup: undefined,
  fn: undefined,
  twin: false,
  api: undefined,
  spareApiIds: [],
  key: undefined,
  spareKeyIds: [],
  plan: undefined,
  sparePlanIds: [],
  alarm: undefined,
};

const FUNCTION_ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:spillway-p1';
const ROLE_ARN = 'arn:aws:iam::123456789012:role/spillway-p1-eu-central-1';

/** Everything that a plan makes without an alarm. */
type Reached = Observed & { readonly [K in 'role' | 'fn' | 'api' | 'plan']: NonNullable<Observed[K]> };

/** Everything as `desired` has it. */
export function reached(desired: Desired): Reached {
  const { options, names, code } = desired;
  return {
    ...NOTHING,
    role: { arn: ROLE_ARN, trustPolicy: trustPolicy(), logPolicy: logPolicy(names, options.region) },
    logGroup: { retentionDays: desired.logRetentionDays },
    fn: {
      arn: FUNCTION_ARN,
      codeSha256: code.zipSha256,
      bundleHash: code.bundleHash,
      roleArn: options.roleArn ?? ROLE_ARN,
      runtime: desired.runtime,
      handler: desired.handler,
      timeoutS: desired.timeoutS,
      memoryMb: options.memoryMb,
      architecture: options.architecture,
      environment: desired.environment,
      gatewaySourceArn: gatewaySourceArn(desired, FUNCTION_ARN, 'api1'),
    },
    api: {
      id: 'api1',
      rootResourceId: 'root',
      resourceId: 'r1',
      method: {
        apiKeyRequired: true,
        integrationType: 'AWS_PROXY',
        integrationUri: `arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/${FUNCTION_ARN}/invocations`,
        integrationTimeoutMs: desired.integrationTimeoutMs,
      },
      stage: { deployed: deployedMark(desired) },
    },
    key: { id: 'key1', value: 'secret', enabled: true },
    plan: {
      id: 'plan1',
      ...desired.throttle,
      quotaPerDay: desired.quotaPerDay,
      stages: ['api1:v1'],
      keyIds: ['key1'],
    },
  };
}
