/** A fake AWS, and deployments to it on virtual time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { DirectControl } from '../../src/cloud/aws/control.ts';
import { Deployments, type DeploymentsSettings } from '../../src/cloud/aws/deployments.ts';
import type { CloudBundle, CloudOutcome } from '../../src/cloud/backend.ts';
import { Ledger } from '../../src/cloud/ledger.ts';
import { FakeAws } from '../fakes/aws.ts';
import { useVirtualTime, walk } from './virtual-time.ts';

/** A bundle of no functions. */
export function bundle(hash: string): CloudBundle {
  return { hash, code: new TextEncoder().encode(`// ${hash}`) };
}

/** One account, and whoever deploys to it. */
export class AwsBench {
  readonly aws = new FakeAws();
  /** What was logged. */
  readonly lines: { readonly msg: string }[] = [];
  /** Of the deployments opened last. */
  control!: DirectControl;
  readonly #home = mkdtempSync(join(tmpdir(), 'spillway-aws-'));
  readonly #opened: Deployments[] = [];

  /** Listens, and puts time and the environment under the test's hand. */
  async start(): Promise<void> {
    await this.aws.listen();
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(this.#home, 'credentials'));
    vi.stubEnv('AWS_CONFIG_FILE', join(this.#home, 'config'));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    useVirtualTime();
  }

  /** Ends everything; nothing may be left running. */
  async stop(): Promise<void> {
    await Promise.all(this.#opened.map((deployments) => this.go(deployments.close())));
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    vi.unstubAllEnvs();
    await this.aws.close();
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** Waits for a promise on virtual time. */
  go<T>(work: Promise<T>): Promise<T> {
    return walk(work, () => this.aws.underWay > 0);
  }

  /** A new process, so to speak: it knows nothing of the ones before. */
  open(
    options: Partial<DeploymentsSettings['options']> = {},
    mode: 'auto' | 'aws' = 'aws',
    budgetNano = 1e9,
  ): Deployments {
    const store = { append: async () => undefined, close: async () => undefined };
    const ledger = new Ledger(budgetNano, { nextId: 1, days: new Map(), unsettled: 0 }, store);
    const stream = { write: (line: string) => void this.lines.push(JSON.parse(line) as { msg: string }) };
    const log = pino({ level: 'info' }, stream);
    const complete = {
      pool: 'p1',
      region: 'eu-central-1',
      endpoint: this.aws.url,
      memoryMb: 1769,
      architecture: 'arm64',
      budgetUsd: 1,
      functionEnv: {},
      ...options,
    } as const;
    const { region, endpoint } = complete;
    // In this thread: the other has a clock of its own.
    const control = (this.control = new DirectControl({ region, endpoint }, (level, message, fields) =>
      log[level](fields, message),
    ));
    const deployments = new Deployments({
      options: complete,
      control,
      mode,
      maxResultBytes: 1000,
      ledger: async () => ledger,
      log,
    });
    this.#opened.push(deployments);
    return deployments;
  }

  async call(deployments: Deployments, method = 'echo', params = '[1]'): Promise<CloudOutcome> {
    const spec = { name: method, style: 'any', idempotent: true, offload: true, concurrency: 1 } as const;
    const order = { callId: '1', spec, params, deadline: performance.now() + 5000, timeoutMs: 5000 };
    return this.go(new Promise((resolve) => deployments.live?.calls.call(order, resolve)));
  }
}
