/** Runs the real spillway command as a process. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** How a command ended, and what it said. */
export interface CommandRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `spillway ARGS` with these settings and no others. */
export async function spillway(
  env: Record<string, string>,
  args: readonly string[],
  how: {
    input?: string;
    killWhen?: (stdout: string) => boolean;
    killWhenSaid?: (stderr: string) => boolean;
    /** Sent as soon as `when` holds. */
    signal?: NodeJS.Signals;
    when?: () => boolean;
  } = {},
): Promise<CommandRun> {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(SPILLWAY_|AWS_|NODE_OPTIONS|NO_COLOR|FORCE_COLOR)/.test(name),
    ),
  );
  const child = spawn(process.execPath, [join(ROOT, 'src/cli/main.ts'), ...args], {
    cwd: ROOT,
    env: { ...inherited, ...env },
  });
  let stdout = '';
  let stderr = '';
  // Once: a second Ctrl-C ends any program at once.
  const leave = (): void => {
    if (!child.killed) child.kill('SIGINT');
  };
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
    if (how.killWhen?.(stdout) === true) leave();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
    if (how.killWhenSaid?.(stderr) === true) leave();
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(how.input ?? '');
  const looking = setInterval(() => {
    if (how.when?.() === true && !child.killed) child.kill(how.signal);
  }, 20);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(looking);
  return { code, stdout, stderr };
}
