/** What AWS refuses for a while and then takes: told apart by its words, and tried again. */
import { isError } from './faults.ts';
import { pause } from '../pause.ts';

/** How long a new role may take to be known to Lambda, in milliseconds; seen: 5 to 30 s. */
export const ROLE_PATIENCE_MS = 90_000;
/** How long an update by someone else may stand in the way, in milliseconds. */
export const CONFLICT_PATIENCE_MS = 60_000;
/** How long a function may take to become active, in seconds, as the SDK's waiters have it. */
export const ACTIVE_PATIENCE_S = 120;
const RETRY_MS = 2000;

/** A role that was just created isn't known everywhere at once; Lambda says so in these words. */
export function roleIsUnknown(thrown: unknown): boolean {
  return (
    isError(thrown, 'InvalidParameterValueException') &&
    /cannot be assumed by Lambda/i.test((thrown as Error).message)
  );
}

/** Another update of the function is under way. */
export function isBusy(thrown: unknown): boolean {
  return (
    isError(thrown, 'ResourceConflictException') &&
    /in progress|Pending|being (created|updated)/i.test((thrown as Error).message)
  );
}

/** Repeats `work` while it fails in a way that time cures; rejects with its last failure. */
export async function retrying<T>(
  patienceMs: number,
  cures: (thrown: unknown) => boolean,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      if (!cures(thrown) || performance.now() - startedAt >= patienceMs) throw thrown;
    }
    await pause(RETRY_MS, signal);
  }
}
