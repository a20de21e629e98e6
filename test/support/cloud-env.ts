/** The settings of a daemon whose cloud is an emulated one, and that sees no credentials of whoever runs the tests. */
import { join } from 'node:path';
import type { Home } from './balancer.ts';

/** For a daemon with one worker, which is quickly full. */
export function cloudEnv(home: Home, endpoint: string): Record<string, string> {
  return {
    SPILLWAY_RUNTIME: 'process',
    SPILLWAY_WORKERS: '1',
    SPILLWAY_CLOUD: 'aws',
    // Which call leaves depends on nothing that was learned.
    SPILLWAY_OFFLOAD: 'threshold',
    SPILLWAY_BACKEND_CHOICE: 'true',
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_SESSION_TOKEN: '',
    AWS_PROFILE: '',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SHARED_CREDENTIALS_FILE: join(home.dir, 'credentials'),
    AWS_CONFIG_FILE: join(home.dir, 'config'),
  };
}
