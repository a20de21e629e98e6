/** Who we are to AWS: credentials, region, and the clients made with them. Made anew when the credentials change. */
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { createClients, type AwsClients } from './clients.ts';
import { CloudFault } from './faults.ts';
import type { Pacer } from './pace.ts';
import { messageOf } from '../../message-of.ts';

/** An identity and the clients that act under it. */
export interface Session {
  readonly region: string;
  readonly clients: AwsClients;
}

/** How to get one. */
export interface SessionSettings {
  /** Undefined: the one of the SDK's configuration. */
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  /** Shared by all sessions: AWS counts by account, whatever clients we have. */
  readonly pacer: Pacer;
  /** Ends waits of the clients. */
  readonly signal: AbortSignal;
}

/**
 * Finds credentials and region as the SDK does: environment, files, container, instance.
 * @throws CloudFault if there are none; one that is only wrong is found out by the first request.
 */
export async function openSession(settings: SessionSettings): Promise<Session> {
  // The SDK would keep what it once read of the files.
  const credentials = fromNodeProviderChain({ ignoreCache: true });
  try {
    await credentials();
  } catch (thrown) {
    const message = messageOf(thrown);
    throw new CloudFault(
      'credentials expired',
      `no usable AWS credentials: ${message.split('\n', 1)[0]}; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ` +
        'or write a credentials file, or set SPILLWAY_CLOUD=off',
      { cause: thrown, noCredentials: true },
    );
  }
  const region = settings.region ?? (await configuredRegion());
  return { region, clients: createClients({ ...settings, region, credentials }) };
}

async function configuredRegion(): Promise<string> {
  const client = new LambdaClient({});
  try {
    return await client.config.region();
  } catch (thrown) {
    throw new CloudFault(
      'bad settings',
      'no AWS region is set: set AWS_REGION, for example to eu-central-1',
      { cause: thrown },
    );
  } finally {
    client.destroy();
  }
}
