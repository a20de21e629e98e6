/**
 * Everything CI checks short of the tests: `npm run check`, or some of it: `npm run check -- lint types`.
 * Two run at a time; all faults of all checks are shown, not only those of the first.
 */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');

const CHECKS: Readonly<Record<string, string>> = {
  proof: 'node scripts/prove-checks.ts',
  lint: 'eslint .',
  types: 'tsc --pretty false && tsc --pretty false -p src/admin/page',
  unused: 'knip --no-progress --no-config-hints',
  imports: 'depcruise --config .dependency-cruiser.js src worker handler scripts test',
  format: 'prettier --check --log-level warn .',
  files: 'node scripts/check-files.ts',
  audit: 'node scripts/check-audit.ts',
};

/** Most checks use one core. */
const AT_ONCE = 2;

interface Finding {
  readonly code: number | null;
  readonly output: string;
}

function run(command: string): Promise<Finding> {
  const PATH = [join(root, 'node_modules', '.bin'), process.env['PATH']].join(delimiter);
  const child = spawn(command, { cwd: root, shell: true, env: { ...process.env, PATH, FORCE_COLOR: '0' } });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((settle) => {
    child.on('close', (code) => {
      settle({ code, output: Buffer.concat(chunks).toString() });
    });
  });
}

async function work(queue: string[]): Promise<void> {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const startedAt = performance.now();
    const { code, output } = await run(CHECKS[name] ?? 'false');
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(8)} ${seconds.padStart(5)} s`);
    if (code !== 0 || name === 'proof') console.log(output.trimEnd().replace(/^/gm, '    '));
    if (code !== 0) process.exitCode = 1;
  }
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => CHECKS[name] === undefined);
if (unknown.length > 0) {
  console.error(`No such check: ${unknown.join(', ')}. There are: ${Object.keys(CHECKS).join(', ')}`);
  process.exitCode = 64;
} else {
  const queue = asked.length > 0 ? asked : Object.keys(CHECKS);
  await Promise.all(Array.from({ length: AT_ONCE }, () => work(queue)));
}
