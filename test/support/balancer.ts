/** Runs the real daemon as a child process, for tests from the outside. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';

/** The project's root. */
const ROOT = join(import.meta.dirname, '../..');
/** Functions that misbehave, and `add`. */
const FIXTURES = join(ROOT, 'test/fixtures/functions');

const START_MS = 60_000;

/** A JSON-RPC answer, and how it came. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly result?: unknown;
  readonly error?: { code: number; message: string; data?: unknown };
}

/** A folder for one test's state; rm() removes what is left of it, and its pool's containers. */
export class Home {
  readonly dir = mkdtempSync(join(tmpdir(), 'spw-'));
  readonly pool = `test-${Math.random().toString(36).slice(2, 10)}`;
  readonly #balancers: Balancer[] = [];

  /** Starts a balancer on a free port; resolves when it says that it is ready. */
  async start(env: Record<string, string> = {}): Promise<Balancer> {
    const balancer = this.launch(env);
    await balancer.ready();
    return balancer;
  }

  /** Starts a balancer without waiting for it; `nodeArgs` come before the program. */
  launch(env: Record<string, string> = {}, nodeArgs: readonly string[] = []): Balancer {
    const settings = {
      SPILLWAY_STATE: join(this.dir, 'state'),
      SPILLWAY_POOL: this.pool,
      SPILLWAY_PORT: '0',
      SPILLWAY_ADMIN_PORT: '0',
      SPILLWAY_FUNCTIONS: FIXTURES,
      // Whoever runs the tests may have credentials: nothing of theirs is touched.
      SPILLWAY_CLOUD: 'off',
      ...env,
    };
    const balancer = new Balancer(settings, nodeArgs);
    this.#balancers.push(balancer);
    return balancer;
  }

  /** Containers of this pool that exist, running or not. */
  async containers(): Promise<Docker.ContainerInfo[]> {
    return await new Docker().listContainers({
      all: true,
      filters: { label: [`spillway.pool=${this.pool}`] },
    });
  }

  /** Ends every balancer and removes every trace. */
  async rm(options: { docker: boolean }): Promise<void> {
    await Promise.all(this.#balancers.map((balancer) => balancer.kill('SIGKILL')));
    if (options.docker) {
      const docker = new Docker();
      // Again until there is none: the engine goes on with what a killed balancer asked for last, also with a removal.
      await until('its containers are gone', async () => {
        const left = await this.containers();
        for (const { Id } of left) {
          await docker.getContainer(Id).remove({ force: true }).catch(unlessLeaving);
        }
        return left.length === 0;
      });
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

/** Ignores that a container is gone, or being removed already. */
function unlessLeaving(error: unknown): void {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (status !== 404 && status !== 409) throw error;
}

/** A running daemon. */
export class Balancer {
  readonly process: ChildProcess;
  /** What it logged and printed. */
  output = '';
  url = '';
  /** Resolves once it has ended and all that it said has been read. */
  readonly exited: Promise<number | NodeJS.Signals>;

  constructor(env: Record<string, string>, nodeArgs: readonly string[]) {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !name.startsWith('SPILLWAY_') && name !== 'NODE_OPTIONS',
      ),
    );
    this.process = spawn(process.execPath, [...nodeArgs, 'src/main.ts'], {
      cwd: ROOT,
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.exited = new Promise((resolve) => {
      // Not at its exit: its last words may still be in the pipe then.
      this.process.on('close', (code, signal) => {
        resolve(code ?? signal ?? 0);
      });
    });
  }

  /** Log lines with this message part; one of which a piece is still to come isn't one yet. */
  lines(part: string): Record<string, unknown>[] {
    return this.output
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{') && line.includes(part))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Resolves when it says that it is ready. @throws with its output if it ends or takes too long. */
  async ready(): Promise<void> {
    const deadline = Date.now() + START_MS;
    let ended: unknown;
    void this.exited.then((how) => (ended = how));
    for (;;) {
      const [line] = this.lines('"msg":"ready');
      if (line !== undefined) {
        this.url = String(line['url']);
        return;
      }
      if (ended !== undefined || Date.now() > deadline) {
        throw new Error(`the balancer is not ready (exit ${String(ended)}):\n${this.output}`);
      }
      await sleep(20);
    }
  }

  /** One call. */
  async call(method: string, params: unknown = [], headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const body = (await response.json()) as Omit<Answer, 'status' | 'headers'>;
    return { status: response.status, headers: response.headers, ...body };
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.process.kill(signal);
    return await this.exited;
  }
}

/** Waits until `condition` holds. @throws after `ms` milliseconds. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 15_000,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}
