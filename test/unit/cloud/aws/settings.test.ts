import { describe, expect, it } from 'vitest';
import { checkOptions, checkZip } from '../../../../src/cloud/aws/check.ts';
import { callUrl, namesOf, type AwsOptions } from '../../../../src/cloud/aws/desired.ts';
import { CloudFault, faultOf } from '../../../../src/cloud/aws/faults.ts';
import { OPTIONS, target } from './target.ts';

function fault(work: () => unknown): CloudFault {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof CloudFault) return thrown;
  }
  throw new Error('no CloudFault was thrown');
}

describe('settings that can’t work', () => {
  it.each<[string, Partial<AwsOptions>, RegExp]>([
    [
      'a region that is none',
      { region: 'Frankfurt' },
      /^AWS_REGION is "Frankfurt", .* such as eu-central-1$/,
    ],
    [
      'a malformed role',
      { roleArn: 'LabRole' },
      /^SPILLWAY_LAMBDA_ROLE_ARN is "LabRole"; use a role's ARN, such as arn:aws:iam/,
    ],
    ['an ARN of something else', { roleArn: 'arn:aws:iam::123456789012:user/me' }, /use a role's ARN/],
    [
      'too many variables',
      { functionEnv: { A: 'x'.repeat(4096) } },
      /SPILLWAY_FUNCTION_ENV take \d+ bytes, and Lambda allows 4096/,
    ],
  ])('get one line: %s', (_, options, line) => {
    const found = fault(() => checkOptions({ ...OPTIONS, ...options }));
    expect(found.reason).toBe('bad settings');
    expect(found.message).toMatch(line);
    expect(found.message).not.toContain('\n');
  });

  it('leave alone what can', () => {
    for (const region of ['eu-central-1', 'us-gov-west-1', 'ap-southeast-5', 'cn-north-1']) {
      expect(() => checkOptions({ ...OPTIONS, region })).not.toThrow();
    }
    expect(() =>
      checkOptions({ ...OPTIONS, roleArn: 'arn:aws:iam::123456789012:role/path/LabRole' }),
    ).not.toThrow();
  });

  it('include a bundle over Lambda’s limits', () => {
    const zip = { bytes: new Uint8Array(50 * 1024 * 1024 + 1), sha256: '', unpackedBytes: 1 };
    expect(fault(() => checkZip(zip)).message).toMatch(
      /^the bundle is 51 MB zipped .* 50 MB and 250 MB: import less/,
    );
    const unpacked = { bytes: new Uint8Array(1), sha256: '', unpackedBytes: 251 * 1024 * 1024 };
    expect(fault(() => checkZip(unpacked)).message).toContain('251 MB unpacked');
  });
});

describe('where calls go', () => {
  const names = namesOf('p1', 'eu-central-1');

  it.each<[Partial<AwsOptions>, string]>([
    [{}, 'https://api1.execute-api.eu-central-1.amazonaws.com/v1/call'],
    [{ region: 'cn-north-1' }, 'https://api1.execute-api.cn-north-1.amazonaws.com.cn/v1/call'],
    // An emulator's control plane must never be used with the real data plane.
    [{ endpoint: 'http://127.0.0.1:4566' }, 'http://127.0.0.1:4566/_aws/execute-api/api1/v1/call'],
    [{ endpoint: 'http://127.0.0.1:4566', gatewayUrl: 'http://gw/base/' }, 'http://gw/base/api1/v1/call'],
  ])('%j', (options, url) => {
    expect(callUrl({ ...OPTIONS, ...options }, names, 'api1')).toBe(url);
  });
});

it('limits calls a day to what the budget could pay if all were the cheapest', () => {
  // 1 ms of 1769 MB on arm64 in eu-central-1, a request each at Lambda and the gateway, headers and log lines.
  expect(target({ budgetUsd: 1 }).quotaPerDay).toBeGreaterThan(230_000);
  expect(target({ budgetUsd: 1 }).quotaPerDay).toBeLessThan(1e9 / 3900);
  expect(target({ budgetUsd: 0 }).quotaPerDay).toBe(1);
});

it('fits a pool name of the longest kind into every AWS name', () => {
  const names = namesOf('x'.repeat(32), 'ap-southeast-2');
  expect(names.base.length).toBeLessThanOrEqual(64);
  expect(names.role.length).toBeLessThanOrEqual(64);
});

describe('what the SDK throws', () => {
  const error = (name: string, message = 'm', more: object = {}): Error =>
    Object.assign(new Error(message), { name }, more);

  it.each([
    [error('ExpiredTokenException'), 'credentials expired', /a changed credentials file is noticed/],
    [error('ExpiredToken'), 'credentials expired', /new credentials/],
    [error('UnrecognizedClientException'), 'credentials expired', /AWS_PROFILE/],
    [error('CredentialsProviderError'), 'credentials expired', /AWS_PROFILE/],
    [
      error('AccessDeniedException', 'not authorized to perform: iam:CreateRole'),
      'access denied',
      /iam:CreateRole.*SPILLWAY_LAMBDA_ROLE_ARN/,
    ],
    [error('TooManyRequestsException'), 'throttled', /by itself/],
    [error('RequestEntityTooLargeException'), 'bad settings', /bundle smaller/],
    [
      error('Error', 'getaddrinfo ENOTFOUND lambda.eu-nowhere-1.amazonaws.com', { code: 'ENOTFOUND' }),
      'unreachable',
      /AWS_REGION/,
    ],
    [error('Error', 'connect', { code: 'ECONNREFUSED' }), 'unreachable', /network/],
    [error('TimeoutError'), 'unreachable', /network/],
    [
      new Error('outer', { cause: error('Error', 'inner', { code: 'ECONNREFUSED' }) }),
      'unreachable',
      /network/,
    ],
    [new AggregateError([error('Error', 'v6', { code: 'ENETUNREACH' })], 'all'), 'unreachable', /network/],
    [error('InvalidParameterValueException'), 'bad settings', /SPILLWAY_LAMBDA_MEMORY/],
    [error('ServiceException', 'who knows\nstack'), 'failing', /^can't deploy: who knows$/],
  ])('%s is %s', (thrown, reason, line) => {
    const found = faultOf(thrown, 'deploy');
    expect(found.reason).toBe(reason);
    expect(found.message).toMatch(line);
    expect(found.message).not.toContain('\n');
  });

  it('is passed on when it was told already', () => {
    const told = new CloudFault('throttled', 'told');
    expect(faultOf(told, 'deploy')).toBe(told);
    expect(faultOf('a string', 'deploy').message).toBe("can't deploy: a string");
  });
});
