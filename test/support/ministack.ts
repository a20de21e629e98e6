/** An emulated AWS for one test file: MiniStack on a free port, with a folder of its own. scripts/ministack.sh installs it. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from './free-port.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const READY_TRIES = 300;
const TRY_MS = 100;

/** The program, or why there is none. */
export type FoundMiniStack =
  { readonly program: string; readonly missing?: undefined } | { readonly missing: string };

/** Looks for MiniStack. Without it tests are to be skipped, which is said on stderr; with CI=true that is an error. */
export function findMiniStack(what: string): FoundMiniStack {
  const program = execFileSync(join(ROOT, 'scripts', 'ministack.sh'), ['path'], { encoding: 'utf8' }).trim();
  if (existsSync(program)) return { program };
  const missing = 'no emulated AWS (scripts/ministack.sh install makes one)';
  if (process.env['CI'] === 'true') throw new Error(`${what} must not be skipped with CI=true: ${missing}`);
  process.stderr.write(`skipped: ${what}: ${missing}\n`);
  return { missing };
}

/** A running MiniStack. */
export interface MiniStack {
  readonly url: string;
  /** Stops it in its tracks, or lets it go on. */
  freeze(frozen: boolean): void;
  stop(): Promise<void>;
}

/** Starts it; `lambdaSeconds` is how long a new or updated function takes to settle. */
export async function startMiniStack(program: string, lambdaSeconds = 1): Promise<MiniStack> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-ministack-'));
  const port = await freePort();
  const child = spawn(program, {
    // A clean environment: what MiniStack has, the functions it runs would get.
    env: {
      PATH: [join(ROOT, 'node_modules', '.bin'), process.env['PATH']].join(delimiter),
      HOME: folder,
      TMPDIR: folder,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      LAMBDA_EXECUTOR: 'local',
      LAMBDA_STATE_TRANSITION_SECONDS: String(lambdaSeconds),
      SFTP_ENABLED: '0',
      IOT_MTLS_ENABLED: '0',
      DOCKER_HOST: 'unix:///nonexistent.sock',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    child.kill('SIGCONT');
    await exited;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < READY_TRIES; attempt++) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`${url}/_ministack/health`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok === true) {
      const freeze = (frozen: boolean): void => void child.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
      return { url, freeze, stop };
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_MS));
  }
  await stop();
  throw new Error(`MiniStack did not become ready: ${printed.slice(-2000)}`);
}
