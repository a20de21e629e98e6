/** The real worker program in real processes, and as much of a balancer as it needs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dispatcher } from '../../../src/dispatch/dispatcher.ts';
import type { Outcome } from '../../../src/dispatch/call.ts';
import { parseManifest, type Manifest } from '../../../src/functions/manifest.ts';
import { textOfResult } from '../../../src/pool/answer.ts';
import { Listener, workerToken } from '../../../src/pool/listener.ts';
import { Pool } from '../../../src/pool/pool.ts';
import { Watch } from '../../../src/pool/watch.ts';
import type { Worker } from '../../../src/pool/worker.ts';
import { buildProgram } from '../../../src/runtime/program.ts';
import { until } from '../../support/balancer.ts';

const SECRET = Buffer.from('a secret');
const MAX_RESULT_BYTES = 1_000_000;

/** The bundle of functions that misbehave. */
const HOSTILE = readFileSync(join(import.meta.dirname, '../../fixtures/bundles/hostile.cjs'));

/** How a call ended, in short. */
export interface Ended {
  readonly result?: unknown;
  readonly error?: string;
  readonly worker?: string;
}

/** A worker process. */
export interface RealWorker {
  readonly id: string;
  readonly process: ChildProcess;
  /** Everything it and its slots printed. */
  output: string;
  readonly exited: Promise<number | NodeJS.Signals | null>;
}

/** How a worker is started. */
interface WorkerSettings {
  readonly slots: number;
  readonly memoryMb: number;
  readonly orphanMs: number;
  /** Whether the pool expects it. */
  readonly expected: boolean;
  /** Where it finds the balancer, if not at its own socket. */
  readonly socket: string;
}

/** A folder, a balancer in it, and workers that dial in. */
export class WorkerRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'spw-'));
  readonly socket = join(this.folder, 'run', 'balancer.sock');
  readonly workers: RealWorker[] = [];
  /** What the pool told: `ready w1`, `eject w1: why`, `readmit w1: why`, `lost w1: why`, `slot of w1: why`. */
  readonly events: string[] = [];
  pool: Pool;
  dispatcher: Dispatcher;
  #listener: Listener | undefined;
  #watch: Watch<Worker> | undefined;
  #manifest: Manifest | undefined;
  readonly #code: Buffer;
  readonly #env: Record<string, string>;

  /** @param env the variables that functions get */
  constructor(code: Buffer = HOSTILE, env: Record<string, string> = {}) {
    this.#code = code;
    this.#env = env;
    mkdirSync(join(this.folder, 'run'));
    ({ pool: this.pool, dispatcher: this.dispatcher } = this.#balancer());
  }

  /** Builds the program and listens. */
  async open(slotProgram?: string): Promise<void> {
    const { program } = await buildProgram();
    const { main, slot } = program;
    writeFileSync(join(this.folder, 'main.js'), main);
    writeFileSync(join(this.folder, 'slot.js'), slotProgram ?? slot);
    await this.listen();
  }

  async listen(): Promise<void> {
    this.#listener = await Listener.open(join(this.folder, 'run'), SECRET, this.pool);
    this.#watch = new Watch(this.pool, ({ worker, verdict, reason }) => {
      if (verdict !== 'lose') this.events.push(`${verdict} ${worker.id}: ${reason}`);
    });
  }

  /** The balancer dies: its socket goes, and every connection with it. */
  async dieBalancer(): Promise<void> {
    this.#watch?.close();
    this.dispatcher.close();
    await this.#listener?.close();
    this.#listener = undefined;
  }

  /** Another balancer on the same socket, which expects the workers there are. */
  async nextBalancer(): Promise<void> {
    this.events.length = 0;
    ({ pool: this.pool, dispatcher: this.dispatcher } = this.#balancer());
    for (const { id } of this.workers) this.pool.expect(id);
    await this.listen();
  }

  /** Starts a worker process. */
  start(is: Partial<WorkerSettings> = {}): RealWorker {
    const id = `w${this.workers.length + 1}`;
    if (is.expected !== false) this.pool.expect(id);
    const tmp = this.tmpOf(id);
    mkdirSync(tmp);
    const child = spawn(process.execPath, ['--disable-sigusr1', join(this.folder, 'main.js')], {
      env: {
        SPILLWAY_SOCKET: is.socket ?? this.socket,
        SPILLWAY_WORKER: id,
        SPILLWAY_TOKEN: workerToken(SECRET, id),
        SPILLWAY_SLOTS: String(is.slots ?? 1),
        SPILLWAY_SLOT_MEMORY_MB: String(is.memoryMb ?? 64),
        SPILLWAY_ORPHAN_MS: String(is.orphanMs ?? 30_000),
        SPILLWAY_TMP: tmp,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const worker: RealWorker = {
      id,
      process: child,
      output: '',
      exited: new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code))),
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (worker.output += chunk.toString()));
    }
    this.workers.push(worker);
    return worker;
  }

  /** Starts a worker and waits until it takes calls. */
  async startReady(is: Parameters<WorkerRig['start']>[0] = {}): Promise<RealWorker> {
    const worker = this.start(is);
    await this.until(`ready ${worker.id}`);
    return worker;
  }

  /** Waits for something the pool tells; gives it in full. */
  async until(event: string): Promise<string> {
    const find = (): string | undefined => this.events.find((one) => one.startsWith(event));
    await until(event, () => find() !== undefined);
    return find() ?? '';
  }

  /** The folder under which a worker's slots have theirs. */
  tmpOf(id: string): string {
    return join(this.folder, id);
  }

  /** Makes a call. */
  async call(name: string, params: readonly unknown[] = [], timeoutMs = 20_000): Promise<Ended> {
    const spec = this.#manifest?.get(name);
    if (spec === undefined) throw new Error(`no function ${name}`);
    const outcome = await new Promise<Outcome>((resolve) => {
      this.dispatcher.dispatch(
        { spec, params: JSON.stringify(params), arrivedAt: performance.now(), timeoutMs },
        resolve,
      );
    });
    const { worker } = outcome.report;
    const ended: Ended = outcome.ok
      ? { result: JSON.parse(textOfResult(outcome.json)) as unknown }
      : { error: outcome.error.name };
    return worker === undefined ? ended : { ...ended, worker };
  }

  /** The processes that were started from the rig's folder and still run. */
  processes(file = ''): number[] {
    return readdirSync('/proc').flatMap((entry) => {
      try {
        const line = readFileSync(`/proc/${entry}/cmdline`, 'utf8');
        return /^\d+$/.test(entry) && line.includes(join(this.folder, file)) ? [Number(entry)] : [];
      } catch {
        return []; // it has ended meanwhile
      }
    });
  }

  /** Ends everything, and leaves nothing. */
  async close(): Promise<void> {
    for (const worker of this.workers) worker.process.kill('SIGTERM');
    await Promise.all(this.workers.map(({ exited }) => exited));
    await this.dieBalancer();
    try {
      await until('every slot has ended', () => this.processes().length === 0);
    } finally {
      for (const pid of this.processes()) process.kill(pid, 'SIGKILL');
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    }
  }

  #balancer(): { pool: Pool; dispatcher: Dispatcher } {
    let text: string | undefined;
    const pool = new Pool({
      policy: 'round-robin',
      bundle: { hash: 'the bundle', code: this.#code, env: this.#env, maxResultBytes: MAX_RESULT_BYTES },
      refuseManifest: (json) => {
        if (text !== undefined) return json === text ? undefined : 'another manifest';
        try {
          this.#manifest = parseManifest(json);
        } catch (error) {
          return String(error);
        }
        text = json;
        dispatcher.useManifest(this.#manifest, 'the bundle');
        return undefined;
      },
    });
    const dispatcher = new Dispatcher(pool, {
      queueCalls: 1000,
      maxResultBytes: MAX_RESULT_BYTES,
      offload: { policy: 'never', waitMs: 50 },
    });
    pool.listen({
      room: dispatcher.pump,
      workerReady: ({ id }) => {
        this.events.push(`ready ${id}`);
        dispatcher.pump();
      },
      workerDrained: ({ id }) => this.events.push(`drained ${id}`),
      workerLost: ({ id }, reason) => {
        this.events.push(`lost ${id}: ${reason}`);
        dispatcher.pump();
      },
      slotEnded: ({ id }, reason) => this.events.push(`slot of ${id}: ${reason}`),
    });
    return { pool, dispatcher };
  }
}
