/** Notices when somebody writes new AWS credentials. */
import { unwatchFile, watchFile, type StatsListener } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** How often the files are looked at, in milliseconds. */
const WATCH_MS = 2000;

/** Calls `changed` when the credentials or configuration file is written, made or removed; returns the end of it. */
export function watchCredentials(changed: () => void): () => void {
  const files = [
    process.env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(homedir(), '.aws', 'credentials'),
    process.env['AWS_CONFIG_FILE'] ?? join(homedir(), '.aws', 'config'),
  ];
  const listener: StatsListener = (now, before) => {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) changed();
  };
  for (const file of files) watchFile(file, { interval: WATCH_MS, persistent: false }, listener);
  return () => {
    for (const file of files) unwatchFile(file, listener);
  };
}
