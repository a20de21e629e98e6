/** Swaps the bundle that the workers run, one worker after the other, without a moment in which nobody serves. */
import type { Crew } from './crew.ts';
import type { Member } from './members.ts';
import type { CrewPool } from './recruiter.ts';
import { pause } from './starts.ts';

/** Time between two looks at what is still to be waited for, in milliseconds. */
const POLL_MS = 20;
/** The wait after a worker of a bundle that is known to load couldn't be started, in milliseconds. */
const RETRY_MS = 1000;

/** What a swap means to the rest of the balancer. */
export interface Swap<Bundle> {
  readonly bundle: Bundle;
  /** A first worker has loaded it: calls of its functions may come from now on. */
  committed(): void;
  /** Whether a call still waits that only the bundle before can run. */
  stillNeeded(): boolean;
}

/**
 * Starts a first worker with the new bundle; if that works out, every other worker makes room for a new one.
 * Resolves when no worker of an earlier bundle is left.
 * @throws BundleFault if the functions can't be loaded, else an Error with the worker's last words: then nothing has changed.
 */
export async function swapBundle<Bundle extends { readonly hash: string }>(
  crew: Crew<Bundle>,
  pool: CrewPool<Bundle>,
  swap: Swap<Bundle>,
): Promise<void> {
  const { bundle } = swap;
  const { members, stopped } = crew.recruiter;
  let fresh: Member | undefined;
  try {
    fresh = await crew.recruiter.start({ failures: 0, bundle, understudy: true }).ready;
  } catch (error) {
    pool.settleBundles();
    throw error;
  }
  pool.useBundle(bundle);
  swap.committed();
  while (!stopped.aborted) {
    const [old, another] = outdated(crew, bundle);
    if (old === undefined) break;
    fresh ??= await startSurely(crew);
    while (another === undefined && swap.stillNeeded() && !stopped.aborted) await pause(POLL_MS, stopped);
    const lost = fresh !== undefined && members.get(fresh.worker.id) !== fresh;
    if (fresh !== undefined) fresh.understudy = false;
    fresh = undefined;
    // It died while calls were waited for: the old one serves until another is there.
    if (!lost) crew.retire(old);
  }
  if (fresh !== undefined) fresh.understudy = false;
  while (members.not(bundle.hash).length > 0 && !stopped.aborted) await pause(POLL_MS, stopped);
  pool.settleBundles();
}

/** Those that have yet to make room. Standbys needn't be replaced, and go at once. */
function outdated<Bundle extends { readonly hash: string }>(crew: Crew<Bundle>, bundle: Bundle): Member[] {
  const left = crew.recruiter.members.not(bundle.hash).filter(({ leaving }) => !leaving);
  for (const member of left) if (member.worker.state === 'standby') crew.retire(member);
  return left.filter(({ leaving }) => !leaving);
}

/** A worker of the pool's bundle, however often it takes; undefined once the balancer is stopping. */
async function startSurely<Bundle extends { readonly hash: string }>(
  crew: Crew<Bundle>,
): Promise<Member | undefined> {
  const { recruiter } = crew;
  while (!recruiter.stopped.aborted) {
    try {
      return await recruiter.start({ failures: 0, understudy: true }).ready;
    } catch (error) {
      crew.warn('a worker with the new functions could not be started; trying again', error);
      await pause(RETRY_MS, recruiter.stopped);
    }
  }
  return undefined;
}
