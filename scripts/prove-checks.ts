/**
 * Proves that the checks can fail: plants violations in a copy of the project, runs the checks there, and fails if
 * one of them isn't found. A checker with a wrong path in its settings passes everything, and nobody notices.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

interface Plant {
  /** A new file, or one of the project's, to whose end the text goes. */
  readonly file: string;
  readonly text: string;
  /** Must stand in one paragraph of the checks' output, together with the file's name. */
  readonly finding: string;
}

const PLANTS: readonly Plant[] = [
  { file: 'src/planted-type.ts', text: "export const n: number = '';", finding: 'TS2322' },
  { file: 'src/planted-enum.ts', text: 'export enum Letter { A }', finding: 'TS1294' },
  {
    file: 'src/planted-promise.ts',
    text: 'export function f(): void { Promise.resolve(); }',
    finding: '@typescript-eslint/no-floating-promises',
  },
  {
    file: 'src/planted-callback.ts',
    text: "export function f(): void { ['a'].forEach(async () => { await Promise.resolve(); }); }",
    finding: '@typescript-eslint/no-misused-promises',
  },
  {
    file: 'worker/planted-any.ts',
    text: 'export const f = (text: string): number => JSON.parse(text).length;',
    finding: '@typescript-eslint/no-unsafe-member-access',
  },
  {
    file: 'src/planted-switch.ts',
    text: "export function f(x: 'a' | 'b'): void { switch (x) { case 'a': break; } }",
    finding: '@typescript-eslint/switch-exhaustiveness-check',
  },
  { file: 'src/planted-exit.ts', text: 'process.exit(1);', finding: 'Only the entry of a process' },
  { file: 'src/planted-console.ts', text: "console.log('');", finding: 'no-console' },
  { file: 'src/config.ts', text: 'export const now = Date.now();', finding: 'This file is pure' },
  { file: 'src/pool/planted.ts', text: "import '../dispatch/call.ts';", finding: 'pool-stands-alone' },
  {
    file: 'src/rpc/planted-part.ts',
    text: "import '../runtime/processes.ts';",
    finding: 'parts-meet-in-app',
  },
  { file: 'src/rpc/planted-port.ts', text: "import '../runtime/launcher.ts';", finding: 'ports-are-types' },
  { file: 'src/planted-vendor.ts', text: "import 'dockerode';", finding: 'dockerode-behind-its-port' },
  { file: 'src/planted-zod.ts', text: "import 'zod';", finding: 'zod-without-its-languages' },
  { file: 'src/planted-test.ts', text: "import '../scripts/check.ts';", finding: 'product-knows-no-tests' },
  { file: 'worker/planted.ts', text: "import '../src/errors.ts';", finding: 'worker-stands-alone' },
  { file: 'handler/planted.ts', text: "import '../src/log.ts';", finding: 'functions-stand-alone' },
  { file: 'src/errors.ts', text: "import './log.ts';", finding: 'pure-stays-pure' },
  { file: 'src/planted-cycle-a.ts', text: "import './planted-cycle-b.ts';", finding: 'no-cycles' },
  { file: 'src/planted-cycle-b.ts', text: "import './planted-cycle-a.ts';", finding: 'no-cycles' },
  { file: 'src/settings.ts', text: 'export const plantedExport = 1;', finding: 'plantedExport' },
  { file: 'src/planted-orphan.ts', text: 'export const nobody = 1;', finding: 'no-orphans' },
  { file: 'src/planted-format.ts', text: 'export  const f=1', finding: 'Code style issues' },
  { file: 'test/planted-long.ts', text: '//\n'.repeat(301), finding: 'at most 300' },
  { file: 'src/utils/planted.ts', text: 'export {};', finding: 'name the folder after what is in it' },
  { file: 'src/rpc/index.ts', text: 'export {};', finding: 'no index files' },
];

const root = join(import.meta.dirname, '..');
const copy = mkdtempSync(join(tmpdir(), 'spillway-proof-'));
process.on('exit', () => {
  rmSync(copy, { recursive: true, force: true });
});
// So that the copy goes also when someone interrupts the checks.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

// What is left out of the copy only makes the proof slow.
const LEFT_OUT = new Set(['node_modules', '.git', '.spillway', 'coverage', '.env', 'test', 'docs', 'bench']);
cpSync(root, copy, { recursive: true, filter: (path) => path === root || !LEFT_OUT.has(basename(path)) });
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
for (const { file, text } of PLANTS) {
  mkdirSync(dirname(join(copy, file)), { recursive: true });
  appendFileSync(join(copy, file), `${text}\n`);
}

/** The same program that checks the project, without this proof. */
const checks = ['lint', 'types', 'imports', 'unused', 'format', 'files'];
const run = spawnSync(process.execPath, ['scripts/check.ts', ...checks], { cwd: copy, encoding: 'utf8' });
const paragraphs = run.stdout.split(/\n\s*\n/);
const passed = checks.filter((name) => new RegExp(`^ok +${name}`, 'm').test(run.stdout));
const missed = PLANTS.filter(
  ({ file, finding }) => !paragraphs.some((text) => text.includes(file) && text.includes(finding)),
);

for (const name of passed) console.log(`the check "${name}" passed a project with violations`);
for (const { file, finding } of missed) console.log(`not found: ${finding} in ${file}`);
if (missed.length + passed.length > 0 || run.status === 0) {
  console.log(run.stdout, run.stderr);
  process.exitCode = 1;
} else {
  console.log(`${PLANTS.length} planted violations, ${PLANTS.length} found`);
}
