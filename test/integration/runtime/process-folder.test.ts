import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProcessFolder } from '../../../src/runtime/process-folder.ts';

/** Some user other than root, for whom permissions count. */
const NOBODY = 65_534;

describe.skipIf(process.platform !== 'linux')('the folder of the process runtime', () => {
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

  it('is rid of a worker, also where a function has taken the rights of its own folders away', async () => {
    const folder = new ProcessFolder(home);
    const tmp = folder.makeTmp('w1');
    mkdirSync(join(tmp, 'slot', 'closed'), { recursive: true });
    writeFileSync(join(tmp, 'slot', 'closed', 'file'), 'x');
    chmodSync(join(tmp, 'slot', 'closed'), 0);
    folder.write({ id: 'w1', pid: 12, version: '' });
    await folder.remove('w1');
    expect([existsSync(tmp), folder.records()]).toEqual([false, []]);
    await folder.remove('w1');
  });
});
