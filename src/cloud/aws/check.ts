/** Looks over the settings before AWS is asked: what can't work gets one line that says what to change. Pure. */
import type { LambdaZip } from '../../functions/zip.ts';
import { CloudFault } from './faults.ts';
import type { AwsOptions } from './desired.ts';

const REGION = /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/;
const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/\S+$/;
/** Lambda's limits: of a zip that is sent along, of the files in it, of all variables together, in bytes. */
const MAX_ZIP_BYTES = 50 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 250 * 1024 * 1024;
const MAX_ENV_BYTES = 4096;
/** What Lambda counts beside the variables of functions: the name of the one that holds them. */
const ENV_NAME_BYTES = 64;

/** @throws CloudFault naming the first setting that can't work. */
export function checkOptions(options: AwsOptions): void {
  const { region, roleArn, functionEnv } = options;
  if (!REGION.test(region)) {
    throw badSetting(
      `AWS_REGION is ${JSON.stringify(region)}, which no region is named; use one such as eu-central-1`,
    );
  }
  if (roleArn !== undefined && !ROLE_ARN.test(roleArn)) {
    throw badSetting(
      `SPILLWAY_LAMBDA_ROLE_ARN is ${JSON.stringify(roleArn)}; use a role's ARN, such as arn:aws:iam::123456789012:role/LabRole`,
    );
  }
  const envBytes = Buffer.byteLength(JSON.stringify(functionEnv)) + ENV_NAME_BYTES;
  if (envBytes > MAX_ENV_BYTES) {
    throw badSetting(
      `the variables in SPILLWAY_FUNCTION_ENV take ${envBytes} bytes, and Lambda allows ${MAX_ENV_BYTES}; shorten them`,
    );
  }
}

/** @throws CloudFault if Lambda wouldn't take the zip. */
export function checkZip(zip: LambdaZip): void {
  if (zip.bytes.length <= MAX_ZIP_BYTES && zip.unpackedBytes <= MAX_UNPACKED_BYTES) return;
  const mb = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)} MB`;
  throw badSetting(
    `the bundle is ${mb(zip.bytes.length)} zipped and ${mb(zip.unpackedBytes)} unpacked; Lambda takes ` +
      `${mb(MAX_ZIP_BYTES)} and ${mb(MAX_UNPACKED_BYTES)}: import less in the functions`,
  );
}

function badSetting(message: string): CloudFault {
  return new CloudFault('bad settings', message);
}
