/** A bundle as it is to be deployed. */
import type { Logger } from 'pino';
import { LAMBDA_HANDLER, buildZip } from '../../functions/zip.ts';
import type { CloudBundle } from '../backend.ts';
import { PRICES_AS_OF, pricesOf } from '../prices.ts';
import { checkOptions, checkZip } from './check.ts';
import { desiredOf, type AwsOptions, type Desired } from './desired.ts';

/** What these settings and this bundle ask for. @throws CloudFault naming what can't be */
export async function desiredFor(options: AwsOptions, bundle: CloudBundle, log: Logger): Promise<Desired> {
  checkOptions(options);
  const zip = await buildZip(bundle);
  checkZip(zip);
  const { region } = options;
  if (!pricesOf(region).known)
    log.warn(
      `cloud: no prices of ${PRICES_AS_OF} are known for ${region}; calls are charged as the dearest anywhere`,
    );
  const code = { bundleHash: bundle.hash, zip: zip.bytes, zipSha256: zip.sha256 };
  return desiredOf(options, code, LAMBDA_HANDLER);
}
