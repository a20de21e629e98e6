/** Runs a built zip as Lambda would: unpacked, in a process of its own, one event after the other. */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import type { GatewayAnswer } from '../../handler/lambda.ts';
import { encodeEvent, type EventHead } from '../../src/cloud/event.ts';

/** What became of an event: the handler's answer, or how its process ended. */
export type Ended = GatewayAnswer | { readonly exit: string };

const LOOP = `
  import(process.argv[2]).then(({ handler }) => {
    process.on('message', async (event) => process.send({ answer: await handler(event, { awsRequestId: 'r-1', logStreamName: 'stream-1' }) }));
    process.send('ready');
  });
`;

export class LambdaProcess {
  readonly #folder: string;
  readonly #child: ChildProcess;
  /** It has ended, and all that it printed was read. */
  readonly #closed: Promise<unknown>;
  /** What it printed. */
  printed = '';

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.#child = child;
    this.#closed = new Promise((resolve) => child.once('close', resolve));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => (this.printed += chunk));
    }
  }

  static async start(zip: Uint8Array, env: Record<string, string> = {}): Promise<LambdaProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'spillway-lambda-'));
    const code = join(folder, 'code');
    mkdirSync(code);
    for (const [name, content] of Object.entries(unzipSync(zip))) writeFileSync(join(code, name), content);
    // Lambda brings packages of its own, which functions must not come to depend on.
    mkdirSync(join(code, 'node_modules', 'lying-about'), { recursive: true });
    writeFileSync(join(code, 'node_modules', 'lying-about', 'index.js'), '');
    writeFileSync(join(folder, 'loop.mjs'), LOOP);
    const child = fork(join(folder, 'loop.mjs'), [join(code, 'lambda.mjs')], {
      env: { AWS_SECRET_ACCESS_KEY: 'the-role', PATH: process.env['PATH'] ?? '', ...env },
      execArgv: [],
      silent: true,
    });
    const lambda = new LambdaProcess(folder, child);
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(new Error(`the handler did not load: ${lambda.printed}`)));
    });
    return lambda;
  }

  /** Sends a call as the gateway would. */
  async call(head: Partial<EventHead>, params?: string): Promise<Ended> {
    const complete = {
      method: 'echo',
      callId: '1',
      remainingMs: 5000,
      bundle: 'h1',
      maxResultBytes: 6_000_000,
      ...head,
    };
    return new Promise((resolve) => {
      const exited = (code: number | null, signal: string | null): void =>
        resolve({ exit: signal ?? String(code) });
      this.#child.once('exit', exited);
      this.#child.once('message', ({ answer }: { answer: GatewayAnswer }) => {
        this.#child.off('exit', exited);
        resolve(answer);
      });
      this.#child.send({ body: encodeEvent(complete, params), isBase64Encoded: false });
    });
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
