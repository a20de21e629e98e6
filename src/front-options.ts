/** What the settings mean to the front: a part of the composition root. */
import type { Config } from './config.ts';
import type { FrontOptions } from './rpc/http.ts';

/** The front's options. */
export function frontOptions(config: Config, version: string): FrontOptions {
  return {
    host: config.host,
    port: config.port,
    maxBodyBytes: config.maxBodyBytes,
    maxBatch: config.maxBatch,
    batchWindow: Math.max(1, Math.floor(config.maxQueue / 2)),
    timeoutMs: config.timeoutMs,
    backendChoice: config.backendChoice,
    apiKeys: config.apiKeys,
    fastLane: config.fastLane,
    version,
  };
}
