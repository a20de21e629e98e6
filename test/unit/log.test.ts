import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createLogger, type Logger } from '../../src/log.ts';

/** Runs `use` with a logger and returns what it wrote. */
function written(level: 'info' | 'warn' | 'silent', terminal: boolean, use: (log: Logger) => void): string {
  let text = '';
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  use(createLogger(level, { terminal, destination }));
  return text;
}

it('writes JSON lines of the level and above', () => {
  const lines = written('info', false, (log) => {
    log.debug('not this');
    log.info({ worker: 'w1' }, 'ready');
    log.child({ part: 'pool' }).warn('slow');
  });
  const parsed = lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(parsed).toMatchObject([
    { level: 30, worker: 'w1', msg: 'ready' },
    { level: 40, part: 'pool', msg: 'slow' },
  ]);
  expect(written('silent', false, (log) => log.fatal('not even this'))).toBe('');
});

it('writes short plain lines for a terminal', () => {
  const text = written('info', true, (log) => log.info({ worker: 'w1' }, 'ready'));
  expect(text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: ready\n/);
  expect(text).not.toMatch(/pid|hostname/);
});

it.each([true, false])('hides what may be a secret (on a terminal: %s)', (terminal) => {
  const secret = 'hunter2';
  const text = written('info', terminal, (log) => {
    log.info({ token: secret, apiKeys: [secret], config: { adminToken: secret, apiKeys: [secret] } });
    log.info({ request: { headers: { authorization: `Bearer ${secret}`, 'x-api-key': secret } } });
    log.child({ authorization: secret }).info('child');
  });
  expect(text).toContain('[hidden]');
  expect(text).not.toContain(secret);
});

it.each([true, false])('loses no line at a sudden exit (on a terminal: %s)', (terminal) => {
  const module = JSON.stringify(join(import.meta.dirname, '../../src/log.ts'));
  const program = `import { createLogger } from ${module};
    const log = createLogger('info', { terminal: ${terminal} });
    for (let i = 0; i < 2000; i++) log.info('line ' + i);
    process.exit(3);`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(run).toMatchObject({ status: 3, stderr: '' });
  expect(run.stdout.trimEnd().split('\n')).toHaveLength(2000);
  expect(run.stdout).toContain('line 1999');
});

it.skipIf(process.platform !== 'linux')('goes on when the disk of the log is full', () => {
  const log = JSON.stringify(join(import.meta.dirname, '../../src/log.ts'));
  const program = `
    import { createLogger } from ${log};
    const log = createLogger('info', { terminal: false });
    for (let i = 0; i < 50_000; i += 1) log.info('line ' + i + ' '.repeat(1000));
    process.exit(process.memoryUsage.rss() < 300_000_000 ? 3 : 4);
  `;
  const full = openSync('/dev/full', 'w');
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  expect(run).toMatchObject({ status: 3, stderr: '' });
});
