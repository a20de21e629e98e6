/** Tests as a user for whom permissions count, also where they are run by root. */
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';

/** Some user other than root. */
const NOBODY = 65_534;

/**
 * Runs each test of the group that calls it as such a user, with a folder of its own, which is removed at the end. Linux only.
 * @returns what tells the folder of the test that runs
 */
export function asNobody(): () => string {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'spw-'));
    if (process.geteuid?.() !== 0) return;
    chownSync(home, NOBODY, NOBODY);
    process.seteuid?.(NOBODY);
  });

  afterEach(() => {
    if (process.getuid?.() === 0) process.seteuid?.(0);
    rmSync(home, { recursive: true, force: true });
  });

  return () => home;
}
