/** The SDK's clients, set up alike: adaptive retries, time limits, paced operations. */
import { APIGatewayClient } from '@aws-sdk/client-api-gateway';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { IAMClient } from '@aws-sdk/client-iam';
import { LambdaClient } from '@aws-sdk/client-lambda';
import type { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import type { Pacer } from './pace.ts';

/** One client for each service that is used. */
export interface AwsClients {
  readonly lambda: LambdaClient;
  /** Lambda's too, but it asks only once. */
  readonly invoker: LambdaClient;
  readonly apiGateway: APIGatewayClient;
  readonly iam: IAMClient;
  readonly logs: CloudWatchLogsClient;
  readonly cloudWatch: CloudWatchClient;
  /** Closes their connections. */
  destroy(): void;
}

/** Tries of one request: with adaptive backoff about a minute, longer than the gateway's control plane ever throttles. */
const MAX_ATTEMPTS = 8;
const CONNECT_TIMEOUT_MS = 5000;
/** An upload of a zip of 50 MB over a slow line is one request. */
const REQUEST_TIMEOUT_MS = 120_000;

/** What the clients need to know. */
export interface ClientSettings {
  readonly region: string;
  readonly endpoint: string | undefined;
  readonly credentials: ReturnType<typeof fromNodeProviderChain>;
  readonly pacer: Pacer;
  /** Ends waits for an operation's turn. */
  readonly signal: AbortSignal;
  readonly maxAttempts?: number;
}

/** Makes the clients; nothing is sent yet. */
export function createClients(settings: ClientSettings): AwsClients {
  const config = {
    region: settings.region,
    credentials: settings.credentials,
    ...(settings.endpoint !== undefined && { endpoint: settings.endpoint }),
    retryMode: 'adaptive',
    maxAttempts: settings.maxAttempts ?? MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  } as const;
  const clients = {
    lambda: new LambdaClient(config),
    invoker: new LambdaClient({ ...config, retryMode: 'standard', maxAttempts: 1 }),
    apiGateway: new APIGatewayClient(config),
    iam: new IAMClient(config),
    logs: new CloudWatchLogsClient(config),
    cloudWatch: new CloudWatchClient(config),
  };
  clients.apiGateway.middlewareStack.add(
    (next, context) => async (args) => {
      await settings.pacer.turn(context.commandName ?? '', settings.signal);
      return next(args);
    },
    { step: 'initialize', name: 'spillwayPace' },
  );
  return {
    ...clients,
    destroy: () => {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}
