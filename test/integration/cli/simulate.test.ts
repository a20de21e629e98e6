import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../../scripts/simulate.ts');

function simulate(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('npm run simulate', () => {
  it.each([
    ['in no folder', '/nonexistent/x.svg', 'ENOENT'],
    ['that is a folder', import.meta.dirname, 'EISDIR'],
  ])('shows the figures all the same where the chart goes to a file %s', (_, chart, code) => {
    const { status, stdout, stderr } = simulate('steady', '--seconds', '1', '--chart', chart, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ trace: 'steady', calls: 13 });
    expect(stderr).toMatch(/^the chart can't be written to "[^\n]*\n$/);
    expect(stderr).toContain(JSON.stringify(chart));
    expect(stderr).toContain(code);
    expect(stderr).toContain('--chart none');
    expect(status).toBe(64);
  });
});
