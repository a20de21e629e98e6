/** From what the SDK throws to one line for the operator, and a reason that clients may see. Pure. */
import type { CloudReason, CloudState } from '../backend.ts';

/** The cloud can't be set up or asked; the message is one line that says why and what to do. */
export class CloudFault extends Error {
  override readonly name = 'CloudFault';
  readonly reason: CloudReason;

  /** True if there were no credentials to be found: where nobody asked for a cloud, that is no fault. */
  readonly noCredentials: boolean;

  constructor(
    reason: CloudReason,
    message: string,
    options: ErrorOptions & { noCredentials?: boolean } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.noCredentials = options.noCredentials ?? false;
  }
}

/** Nothing more is asked of the cloud: the balancer is stopping. */
export function stopping(): CloudFault {
  return new CloudFault('off', 'the balancer is stopping');
}

interface Rule {
  readonly matches: RegExp;
  readonly reason: CloudReason;
  /** What to do about it. */
  readonly advice: string;
}

/** By the name of the error (or its code); the first that matches. */
const RULES: readonly Rule[] = [
  {
    matches: /^(ExpiredToken(Exception)?|TokenRefreshRequired|RequestExpired)$/,
    reason: 'credentials expired',
    advice: 'get new credentials: a changed credentials file is noticed by itself',
  },
  {
    matches:
      /^(CredentialsProviderError|UnrecognizedClient(Exception)?|InvalidClientTokenId|InvalidSignature(Exception)?|SignatureDoesNotMatch|AuthFailure|IncompleteSignature|MissingAuthenticationToken(Exception)?|InvalidAccessKeyId|TokenProviderError)$/,
    reason: 'credentials expired',
    advice: 'check AWS_PROFILE, AWS_ACCESS_KEY_ID or the credentials file',
  },
  {
    matches:
      /^(AccessDenied(Exception)?|UnauthorizedOperation|NotAuthorized|ForbiddenException|UnauthorizedException)$/,
    reason: 'access denied',
    advice:
      "give these credentials the permission, or take an existing role with SPILLWAY_LAMBDA_ROLE_ARN if it is IAM's",
  },
  {
    matches:
      /^(TooManyRequests(Exception)?|Throttling(Exception)?|ThrottledException|RequestLimitExceeded|LimitExceededException|ServiceQuotaExceededException)$/,
    reason: 'throttled',
    advice: 'AWS limits these requests; it is tried again by itself',
  },
  {
    matches: /^(RequestEntityTooLarge(Exception)?|RequestTooLarge(Exception)?|CodeStorageExceededException)$/,
    reason: 'bad settings',
    advice: 'make the bundle smaller: import less in the functions',
  },
  {
    matches: /^(ENOTFOUND|EAI_AGAIN)$/,
    reason: 'unreachable',
    advice: 'there is no such host: check AWS_REGION, AWS_ENDPOINT_URL and the network',
  },
  {
    matches:
      /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|TimeoutError|CERT_.*|ERR_TLS.*|UNABLE_TO.*|SELF_SIGNED.*)$/,
    reason: 'unreachable',
    advice: 'check the network, and AWS_ENDPOINT_URL if it is set',
  },
  {
    matches:
      /^(InvalidParameterValue(Exception)?|ValidationException|ValidationError|BadRequestException|MalformedPolicyDocument(Exception)?|InvalidArnException|InvalidInput)$/,
    reason: 'bad settings',
    advice:
      'AWS refuses what it was asked for: check SPILLWAY_LAMBDA_ROLE_ARN, SPILLWAY_LAMBDA_MEMORY and AWS_REGION',
  },
];

/** Turns anything thrown into a CloudFault. @param doing what was tried, such as `create the function`. */
export function faultOf(thrown: unknown, doing: string): CloudFault {
  if (thrown instanceof CloudFault) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const names = namesOf(error);
  const rule = RULES.find(({ matches }) => names.some((name) => matches.test(name)));
  const what = firstLine(error.message || error.name);
  const message = `can't ${doing}: ${what}${rule === undefined ? '' : `; ${rule.advice}`}`;
  return new CloudFault(rule?.reason ?? 'failing', message, { cause: thrown });
}

/** True if `thrown` is the SDK's error of one of these names. */
export function isError(thrown: unknown, ...names: readonly string[]): boolean {
  return thrown instanceof Error && names.includes(thrown.name);
}

/** An error's name and code, then those of what caused it. */
function namesOf(error: Error): string[] {
  const names: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < 5; depth++) {
    if ('code' in current && typeof current.code === 'string') names.push(current.code);
    names.push(current.name);
    const inner: unknown = current instanceof AggregateError ? current.errors[0] : current.cause;
    current = inner;
  }
  return names;
}

const LONGEST_LINE = 300;

function firstLine(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line;
}

/** A calibration ends where something else is done with the deployment. */
export function overtaken(by: string): CloudFault {
  return new CloudFault('deploying', `${by} came in between, and ended the calibration; try again after it`);
}

/** A calibration needs a deployment in use. */
export function notReady(state: CloudState, fault: CloudFault | undefined): CloudFault {
  const why = fault === undefined ? '' : `: ${fault.message}`;
  return new CloudFault(fault?.reason ?? 'off', `the cloud is ${state}${why}; a calibration needs it ready`);
}
