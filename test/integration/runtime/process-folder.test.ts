import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ProcessFolder } from '../../../src/runtime/process-folder.ts';
import { asNobody } from '../../support/as-nobody.ts';

describe.skipIf(process.platform !== 'linux')('the folder of the process runtime', () => {
  const home = asNobody();

  it('is rid of a worker, also where a function has taken the rights of its own folders away', async () => {
    const folder = new ProcessFolder(home());
    const tmp = folder.makeTmp('w1');
    mkdirSync(join(tmp, 'slot', 'closed'), { recursive: true });
    writeFileSync(join(tmp, 'slot', 'closed', 'file'), 'x');
    chmodSync(join(tmp, 'slot', 'closed'), 0);
    folder.write({ id: 'w1', pid: 12, version: '' });
    await folder.remove('w1');
    expect([existsSync(tmp), folder.records()]).toEqual([false, []]);
    await folder.remove('w1');
  });

  it('has no workers where it was removed, and is rid of each', async () => {
    const folder = new ProcessFolder(join(home(), 'gone'));
    folder.write({ id: 'w1', pid: 12, version: '' });
    rmSync(join(home(), 'gone'), { recursive: true });
    expect([folder.records(), folder.record('w1')]).toEqual([[], undefined]);
    await folder.remove('w1');
  });
});
