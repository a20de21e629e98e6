import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { wipe } from '../../../worker/wipe.ts';
import { asNobody } from '../../support/as-nobody.ts';

describe.skipIf(process.platform !== 'linux')('wipe', () => {
  const home = asNobody();

  /** A folder with files in it, as deep as the list of names. */
  function fill(...names: string[]): string[] {
    return names.map((_, i) => {
      const folder = join(home(), 'slot', ...names.slice(0, i));
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'file'), 'x');
      return folder;
    });
  }

  it('removes a folder with all that is in it', () => {
    const [folder = ''] = fill('a', 'b', 'c');
    wipe(folder);
    expect(existsSync(folder)).toBe(false);
  });

  it('removes folders whose permissions a function has taken away', () => {
    const folders = fill('a', 'b', 'c');
    for (const folder of folders.toReversed()) chmodSync(folder, 0);
    expect(() => rmSync(folders[0]!, { recursive: true })).toThrow();
    wipe(folders[0]!);
    expect(existsSync(folders[0]!)).toBe(false);
  });

  it('bears a folder that isn’t there, and one that it can’t remove', () => {
    wipe(join(home(), 'nothing'));
    const [folder = ''] = fill('a');
    chmodSync(home(), 0o500);
    wipe(folder);
    expect(existsSync(folder)).toBe(true);
    chmodSync(home(), 0o700);
  });
});
