/** Which address of the next version is tried, and which one the running version holds itself. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../../src/config.ts';
import { runningBy, tryTakeover } from '../../../src/takeover.ts';

it('tries a port that the running version holds at another address only', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'spw-'));
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => {
    other.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const config = parseConfig({ SPILLWAY_STATE: stateDir, SPILLWAY_PORT: String(port) });
  const running = runningBy(config);
  // Somebody else has the port here: nobody lets go of it.
  await expect(tryTakeover(config, { ...running, clients: `192.0.2.1:${port}` })).rejects.toThrow(
    'EADDRINUSE',
  );
  await tryTakeover(config, { ...running, clients: `0.0.0.0:${port}` });
});
