/** Learning that a container has ended, and why. */

import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { Logger } from 'pino';
import { answer, messageOf, statusOf } from './docker-client.ts';
import type { WorkerExit } from './launcher.ts';
import { LastLines, workerExit } from './worker-exit.ts';

/** Pause between attempts to reach a lost engine again. */
const REDIAL_MS = 1_000;

/** The last words are worth having, but a replacement must not wait for them. */
const LAST_WORDS_MS = 5_000;

/** Each piece of a container's log has a header: stream number, three zeros, length (big-endian, 4 bytes). */
const HEADER_BYTES = 8;

/**
 * Waits for the end of a container. If the engine is lost meanwhile, it goes on when the engine is back; until then
 * it settles as little as it does after `closed` was aborted.
 */
export async function containerExit(
  container: Docker.Container,
  closed: AbortSignal,
  log: Logger,
): Promise<WorkerExit> {
  let warned = false;
  for (;;) {
    try {
      const code = await waitOnce(container, closed);
      return await explainExit(container, code);
    } catch (error) {
      if (closed.aborted) return new Promise(() => {});
      if (statusOf(error) === 404) return { reason: 'its container was removed', lastLines: [] };
      if (!warned)
        log.warn({ err: error, containerId: container.id }, 'lost the Docker engine; waiting for it');
      warned = true;
      await sleep(REDIAL_MS, undefined, { ref: false });
    }
  }
}

/** The part of dockerode's transport that is used here. */
interface Transport {
  dial(
    request: {
      path: string;
      method: string;
      isStream: boolean;
      statusCodes: Record<number, string | true>;
      options: object;
      abortSignal: AbortSignal;
    },
    callback: (error: Error | null, response: NodeJS.ReadableStream) => void,
  ): void;
}

/**
 * The exit code. Reads the answer as a stream, which fails when the connection is lost; the promise of dockerode's own
 * `wait` would then never settle.
 */
async function waitOnce(container: Docker.Container, closed: AbortSignal): Promise<number> {
  const response = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    (container.modem as Transport).dial(
      {
        path: `/containers/${container.id}/wait?`,
        method: 'POST',
        isStream: true,
        statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
        options: { condition: 'not-running' },
        abortSignal: closed,
      },
      (error, stream) => {
        if (error === null) resolve(stream);
        else reject(error);
      },
    );
  });
  let text = '';
  for await (const chunk of response) text += String(chunk);
  // An engine that is being restarted ends the answer early and empty: then this throws, and the wait starts again.
  return (JSON.parse(text) as { StatusCode: number }).StatusCode;
}

async function explainExit(container: Docker.Container, code: number): Promise<WorkerExit> {
  // A container that was removed by force has neither any more; its exit code says enough.
  const [oomKilled, lastLines] = await Promise.all([
    wasOomKilled(container).catch(() => false),
    readLastLines(container).catch((error: unknown) =>
      statusOf(error) === undefined || statusOf(error) === 500
        ? [`(its log can't be read: ${messageOf(error)})`]
        : [],
    ),
  ]);
  return workerExit({ code, signal: null, oomKilled }, lastLines);
}

async function wasOomKilled(container: Docker.Container): Promise<boolean> {
  const inspect = (abortSignal: AbortSignal): Promise<Docker.ContainerInspectInfo> =>
    container.inspect({ abortSignal });
  return (await answer('inspect a container', inspect, LAST_WORDS_MS)).State.OOMKilled;
}

async function readLastLines(container: Docker.Container): Promise<string[]> {
  const log = await answer(
    'return a log',
    (abortSignal) => container.logs({ stdout: true, stderr: true, tail: 20, abortSignal }),
    LAST_WORDS_MS,
  );
  return linesOfLog(log);
}

/** The last lines in a log as the engine returns it: pieces of stdout and stderr, in the order of printing. */
export function linesOfLog(log: Buffer): string[] {
  const lines = new LastLines();
  let at = 0;
  while (at + HEADER_BYTES <= log.length) {
    const end = at + HEADER_BYTES + log.readUInt32BE(at + 4);
    lines.push(String(log[at]), log.toString('utf8', at + HEADER_BYTES, end));
    at = end;
  }
  return lines.get();
}
