/** Two balancers must not use one pool: each would take the other's workers for leftovers of its own earlier runs. */
import type { ListedWorker } from '../runtime/launcher.ts';

/** A balancer with another state folder has workers in this pool; the message is one line that says what to do. */
export class PoolTaken extends Error {
  override readonly name = 'PoolTaken';
}

/**
 * Those that have exited serve nobody, and are no hindrance.
 * @throws PoolTaken if one that runs, or is paused, was made by a balancer with another state folder
 */
export function refuseForeign(workers: readonly ListedWorker[]): void {
  const theirs = workers
    .filter(({ foreign, state }) => foreign && state !== 'exited')
    .map(({ id, containerName }) => containerName ?? id);
  if (theirs.length === 0) return;
  throw new PoolTaken(
    `a balancer with another state folder has workers in this pool: ${theirs.join(', ')}; ` +
      'while it runs, set SPILLWAY_POOL to another name; if it is gone, or they are of this state folder ' +
      `before it lost its secret, remove them: docker rm -f ${theirs.join(' ')}`,
  );
}
