/** What a restart is to take over from the running version, and whether the settings of now let it. */
import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { overlap, type Config } from './config.ts';
import { messageOf } from './message-of.ts';
import { Listener } from './pool/listener.ts';
import { openState } from './state.ts';

/** What the running version goes by. */
export interface Running {
  /** HOST:PORT of the settings for clients, and for the admin. */
  readonly clients: string;
  readonly admin: string;
  /** Absolute. */
  readonly stateDir: string;
  /** The settings by which its workers are found. */
  readonly pool: string | undefined;
  readonly runtime: Config['runtime'];
}

/** What these settings stand for. */
export function runningBy(config: Config): Running {
  const { host, port, adminHost, adminPort, stateDir, pool, runtime } = config;
  return {
    clients: `${host}:${port}`,
    admin: `${adminHost}:${adminPort}`,
    stateDir: resolve(stateDir),
    pool,
    runtime,
  };
}

/** Whether the next version finds the workers of this one. */
export function findsWorkers(next: Running, running: Running): boolean {
  return next.stateDir === running.stateDir && next.pool === running.pool && next.runtime === running.runtime;
}

/** Tries what could not be had once the running version has let go. @throws Error with the reason, and the settings */
export async function tryTakeover(config: Config, running: Running): Promise<void> {
  const next = runningBy(config);
  const held = [running.clients, running.admin];
  if (next.clients !== running.clients)
    await tryAddress(['SPILLWAY_HOST', config.host], ['SPILLWAY_PORT', config.port], held);
  if (next.admin !== running.admin)
    await tryAddress(
      ['SPILLWAY_ADMIN_HOST', config.adminHost],
      ['SPILLWAY_ADMIN_PORT', config.adminPort],
      held,
    );
  if (next.stateDir === running.stateDir) tryToWrite(next.stateDir);
  else await tryState(config.stateDir);
}

/** Whether who listens at this address keeps others from that host and port. */
function holds(address: string, host: string, port: number): boolean {
  const at = address.lastIndexOf(':');
  return Number(address.slice(at + 1)) === port && overlap(address.slice(0, at), host);
}

/** A port that the running version holds it will let go of; whether the host is there another port can tell. */
async function tryAddress(
  [hostName, host]: [name: string, value: string],
  [portName, port]: [name: string, value: number],
  held: readonly string[],
): Promise<void> {
  const own = held.some((address) => holds(address, host, port));
  await new Promise<void>((opened, refused) => {
    const server = createServer();
    server.once('error', (error) => {
      refused(new Error(`can't listen on ${hostName}=${host}, ${portName}=${port}: ${error.message}`));
    });
    server.listen({ host, port: own ? 0 : port }, () => server.close(() => opened()));
  });
}

/** As much as a start may write before it serves, in bytes. */
const PROBE_BYTES = 256 * 1024;

function tryToWrite(stateDir: string): void {
  const file = join(stateDir, 'probe');
  try {
    const fd = openSync(file, 'w', 0o600);
    try {
      writeFileSync(fd, Buffer.alloc(PROBE_BYTES, 1));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new Error(`the state folder ${stateDir} can't be written: ${messageOf(error)}`, { cause: error });
  } finally {
    rmSync(file, { force: true });
  }
}

/** Leaves no folder that wasn't there: the restart may still be refused for something else. */
async function tryState(stateDir: string): Promise<void> {
  const made = !existsSync(stateDir);
  try {
    const state = openState(stateDir);
    try {
      const listener = await Listener.open(state.runDir, state.workerSecret);
      await listener.close();
    } finally {
      state.close();
    }
  } finally {
    if (made) rmSync(stateDir, { recursive: true, force: true });
  }
}
