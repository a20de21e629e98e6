import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Daemon } from '../../../src/cli/daemon.ts';
import { DaemonMissing } from '../../../src/cli/faults.ts';
import { parseConfig } from '../../../src/config.ts';

describe('a daemon that takes connections and says nothing', () => {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.resume();
  });
  const sockets: Socket[] = [];
  let daemon: Daemon;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    daemon = new Daemon(
      parseConfig({ SPILLWAY_ADMIN_PORT: String(port), SPILLWAY_ADMIN_TOKEN: 'x'.repeat(20) }),
    );
  });
  afterEach(async () => {
    vi.useRealTimers();
    for (const socket of sockets.splice(0)) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });

  /** Asks, and lets the time pass once the daemon has the connection. */
  async function ask(method: string, ms: number): Promise<unknown> {
    let outcome: unknown = 'no answer';
    const asked = once(server, 'connection');
    const answer = daemon.admin(method).catch((error: unknown) => (outcome = error));
    await asked;
    await vi.advanceTimersByTimeAsync(ms);
    if (outcome !== 'no answer') await answer;
    return outcome;
  }

  it('is given up after 10 s, where the answer should come at once', async () => {
    const fault = await ask('status', 10_000);
    expect(fault).toBeInstanceOf(DaemonMissing);
    expect((fault as Error).message).toMatch(/doesn't answer within 10 s/);
    // Else the process would wait for the connection's end.
    const [socket] = sockets;
    if (socket?.closed === false) await once(socket, 'close');
  });

  it('is waited for, where a function of that name is called', async () => {
    const called = new Daemon(parseConfig({ SPILLWAY_PORT: String((server.address() as AddressInfo).port) }));
    let outcome: unknown = 'no answer';
    const asked = once(server, 'connection');
    void called.call('status', [], undefined).catch((error: unknown) => (outcome = error));
    await asked;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(outcome).toBe('no answer');
  });

  it('is waited for, where it has something to do', async () => {
    expect(await ask('cloud.deploy', 600_000)).toBe('no answer');
  });
});
