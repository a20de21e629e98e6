/** Removes what a slot process has left in its folder. */
import { chmodSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const OPTIONS = { recursive: true, force: true, maxRetries: 2 } as const;

/**
 * Removes a folder with all that is in it. Never throws: what a function has left there must not end its worker. What
 * can't be removed stays, where no later slot can read it, since each has a folder of its own.
 */
export function wipe(folder: string): void {
  try {
    rmSync(folder, OPTIONS);
  } catch {
    try {
      openUp(folder);
      rmSync(folder, OPTIONS);
    } catch {
      // See above.
    }
  }
}

/** A function may have taken the permissions of its own folders away. */
function openUp(folder: string): void {
  chmodSync(folder, 0o700);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) openUp(join(folder, entry.name));
  }
}
