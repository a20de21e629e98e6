/** Known faults in the packages that are shipped: npm audit, where a registry answers in time; without one it says so. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** A registry that hasn't answered by then isn't there, in milliseconds. */
const ANSWER_MS = 30_000;

interface Audit {
  readonly metadata?: { readonly vulnerabilities: Readonly<Record<string, number>> };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
}

const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json', '--fetch-retries=0'], {
  cwd: join(import.meta.dirname, '..'),
  encoding: 'utf8',
  timeout: ANSWER_MS,
});
let audit: Audit;
try {
  audit = JSON.parse(stdout) as Audit;
} catch {
  audit = {};
}
if (audit.metadata === undefined) {
  console.log('skipped: no registry answered the audit');
} else {
  const serious = Object.entries(audit.vulnerabilities ?? {}).filter(([, { severity }]) =>
    ['high', 'critical'].includes(severity),
  );
  for (const [name, { severity, range }] of serious) console.log(`${name} ${range}: ${severity}`);
  if (serious.length > 0) process.exitCode = 1;
}
