/** The connection to the engine: finding it, bounded requests, and its errors in the operator's words. */

import type Dockerode from 'dockerode';
import { Docker } from './dockerode.ts';
import { RuntimeUnavailable } from './launcher.ts';

/** An engine that doesn't answer a ping in this time can't serve; a healthy one takes under 10 ms. */
const PING_MS = 3_000;

/** Bound on every other short request. Creating a container on a busy disk was seen to take seconds. */
const ANSWER_MS = 30_000;

/** Two of dockerode's methods as they are; its types know no options for them. */
interface Abortable {
  ping(options: { abortSignal: AbortSignal }): Promise<unknown>;
  info(options: { abortSignal: AbortSignal }): Promise<{ NCPU: number; OSType: string }>;
}

/** What we need to know of an engine. */
export interface Engine {
  readonly docker: Dockerode;
  /** Cores of the machine that the engine runs on. */
  readonly cores: number;
}

/**
 * Connects to the engine that DOCKER_HOST names, or else the one on this machine.
 * @throws RuntimeUnavailable with the reason
 */
export async function connectEngine(): Promise<Engine> {
  if (/^ssh:/i.test(process.env['DOCKER_HOST'] ?? '')) {
    throw new RuntimeUnavailable(
      "DOCKER_HOST names an engine over SSH, but workers dial a unix socket of this machine: unset it to use this machine's engine",
    );
  }
  try {
    const docker = new Docker();
    const client = docker as unknown as Abortable;
    await answer('answer a ping', (abortSignal) => client.ping({ abortSignal }), PING_MS);
    const host = await answer('describe itself', (abortSignal) => client.info({ abortSignal }));
    if (host.OSType !== 'linux') {
      throw new RuntimeUnavailable(
        `the Docker engine runs ${host.OSType} containers, but workers need Linux ones`,
      );
    }
    return { docker, cores: host.NCPU };
  } catch (error) {
    throw error instanceof RuntimeUnavailable
      ? error
      : new RuntimeUnavailable(whyUnreachable(error), { cause: error });
  }
}

function whyUnreachable(error: unknown): string {
  const { code, address } = error as { code?: string; address?: string };
  const where = address ?? process.env['DOCKER_HOST'] ?? '/var/run/docker.sock';
  switch (code) {
    case 'ENOENT':
      return `no Docker engine was found: ${where} doesn't exist. Install and start Docker, or set DOCKER_HOST`;
    case 'EACCES':
    case 'EPERM':
      return `permission denied on ${where}: add this user to the group that owns it (usually docker) and log in again`;
    case 'ECONNREFUSED':
      return `nothing listens on ${where}: start the Docker engine, or set DOCKER_HOST`;
    default:
      return `the Docker engine at ${where} can't be used: ${messageOf(error)}`;
  }
}

/**
 * Bounds one short request. (dockerode's own `timeout` counts idle time and would cut the streams that wait for an
 * exit or a build, and after a lost connection some of its promises never settle.)
 * @param what completes "The Docker engine didn't …"
 */
export async function answer<T>(
  what: string,
  request: (abortSignal: AbortSignal) => Promise<T>,
  limitMs: number = ANSWER_MS,
): Promise<T> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`the Docker engine didn't ${what} within ${limitMs / 1000} s`));
      abort.abort();
    }, limitMs);
  });
  try {
    return await Promise.race([request(abort.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The HTTP status of the engine's answer; undefined if there was none. */
export function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode;
}

/** What the engine said, without dockerode's wrapping. */
export function messageOf(error: unknown): string {
  const said = (error as { json?: { message?: unknown } }).json?.message;
  if (typeof said === 'string') return said.trim();
  return error instanceof Error ? error.message.trim() : String(error);
}
