import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { folderOf } from './folder.ts';

const BUNDLE = fileURLToPath(new URL('../../../src/functions/bundle.ts', import.meta.url));

/** Lists the children of the process, and is there to be seen itself. */
const CHILDREN = `
import { readFileSync } from 'node:fs';
const children = () => readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim();
// A killed process stays listed until Node has been told of its end.
const gone = async () => { for (let i = 0; i < 1000 && children() !== ''; i++) await new Promise((r) => setTimeout(r, 10)); };
`;

describe('building', () => {
  it('prints nothing, leaves no process behind, and lets the process end by itself', async () => {
    const folder = await folderOf({
      'bad.ts': 'export default (',
      'good.ts': 'export default () => eval("1");',
    });
    const program = `${CHILDREN}
const { buildBundle } = await import(${JSON.stringify(BUNDLE)});
const results = await Promise.allSettled([buildBundle(process.argv[1]), buildBundle(process.argv[1])]);
await gone();
console.log(JSON.stringify([results.map((result) => result.reason.name), children()]));`;
    const args = ['--input-type=module', '--eval', program, folder];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 50_000 });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([['FunctionsFault', 'FunctionsFault'], '']);
  });
});
