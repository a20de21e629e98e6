/** Starting one worker: launched, ready within a time, or removed again with the reason. */
import type { LaunchedWorker, WorkerExit } from '../runtime/launcher.ts';
import type { CrewWorker } from './members.ts';
import { messageOf } from '../message-of.ts';

/** How long the runtime may take to tell how a worker ended, in milliseconds; it explains a failed start. */
const LAST_WORDS_MS = 2000;

/**
 * The wait before a worker is replaced whose predecessor was short-lived as well, or didn't start; it doubles from death
 * to death. The same between attempts to remove one. In milliseconds.
 */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

/** The functions can't be served; no worker of this bundle will ever be ready. */
export class BundleFault extends Error {
  override readonly name = 'BundleFault';
}

/** A worker that isn't ready yet. */
interface Awaited {
  ready(): void;
  lost(reason: string): void;
}

/** The workers that are awaited, by id. */
export class Arrivals {
  readonly #awaited = new Map<string, Awaited>();

  /** Settles when the worker is ready, or lost before it was. */
  expect(id: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#awaited.set(id, {
      ready: () => resolve(undefined),
      lost: (reason) => reject(new Error(reason)),
    });
    // Its owner awaits it too, but perhaps only after it has failed.
    promise.catch(() => undefined);
    return promise;
  }

  /** Whether it was awaited. */
  ready(id: string): boolean {
    this.#awaited.get(id)?.ready();
    return this.#awaited.delete(id);
  }

  /** Whether it was awaited. */
  lost(id: string, reason: string): boolean {
    this.#awaited.get(id)?.lost(reason);
    return this.#awaited.delete(id);
  }

  lostAll(reason: string): void {
    for (const id of [...this.#awaited.keys()]) this.lost(id, reason);
  }
}

/** Why a worker didn't become ready, with its last words if it has ended. `signal`: nobody wants to know any more. */
export async function explainStart(
  worker: CrewWorker,
  launched: LaunchedWorker | undefined,
  error: unknown,
  signal: AbortSignal,
): Promise<Error> {
  if (worker.bundleFault !== undefined) return new BundleFault(worker.bundleFault);
  const reason = messageOf(error);
  if (launched === undefined || signal.aborted) return error instanceof Error ? error : new Error(reason);
  const exit = await lastWords(launched.exited, LAST_WORDS_MS, signal);
  if (exit === undefined) return new Error(`worker ${worker.id} did not become ready: ${reason}`);
  const words = exit.lastLines.length > 0 ? `; its last words:\n  ${exit.lastLines.join('\n  ')}` : '';
  return new Error(`worker ${worker.id} ended before it was ready: ${exit.reason}${words}`);
}

/** How a worker has ended, if that is known within so many milliseconds, and before the signal. */
export async function lastWords(
  exited: Promise<WorkerExit>,
  ms: number,
  signal: AbortSignal,
): Promise<WorkerExit | undefined> {
  let exit: WorkerExit | undefined;
  const told = exited.then((ended) => (exit = ended));
  await pause(ms, signal, told);
  return exit;
}

/** Waits so many milliseconds, but not beyond the signal, nor until something has happened. */
export async function pause(ms: number, signal: AbortSignal, until?: Promise<unknown>): Promise<void> {
  if (signal.aborted || ms === 0) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    void until?.then(done);
  });
}

/** See FIRST_WAIT_MS. */
export function waitAfter(failures: number): number {
  return failures === 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
}
